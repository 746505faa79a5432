"""Frames that lie in a file as plain planes: what Y4M and raw video share."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy as np

from codec.errors import InputError
from codec.video.frame import Frame, VideoFormat


def frame_bytes(form: VideoFormat) -> int:
    """Bytes of the three planes of one frame."""
    return sum(rows * cols for rows, cols in form.plane_shapes) * np.dtype(form.dtype).itemsize


def read_planes(file: BinaryIO, form: VideoFormat, index: int, path: Path) -> Frame:
    """Read the frame at the file's position.

    Raises
    ------
    InputError
        If the file ends within it, or a sample has more bits than the format.
    """
    planes = []
    dtype = np.dtype(form.dtype).newbyteorder("<")
    for rows, cols in form.plane_shapes:
        data = file.read(rows * cols * dtype.itemsize)
        if len(data) < rows * cols * dtype.itemsize:
            raise InputError(f"the file ends within frame {index}", where=str(path))
        planes.append(np.frombuffer(data, dtype).astype(form.dtype, copy=False).reshape(rows, cols))
    if form.bit_depth > 8 and (peak := max(int(plane.max()) for plane in planes)) >> form.bit_depth:
        raise InputError(
            f"frame {index} has a sample of {peak}, more than {form.bit_depth} bits hold", where=str(path),
            hint="samples must stand in the low bits; is the file of 8 bits, or of another size?",
        )  # fmt: skip
    return Frame((planes[0], planes[1], planes[2]), form.bit_depth, index)


def cut_note(frames: int, missing: int) -> str:
    """What to tell the user about a last frame that is not whole."""
    return f"the last frame is cut off ({missing} bytes are missing): {frames} whole frames are read"
