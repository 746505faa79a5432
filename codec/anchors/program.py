"""A codec of the user's own: two programs that are run for every encode and decode."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.anchors.base import Anchor, QualityRange, check_input
from codec.anchors.ffmpeg import parse_y4m
from codec.anchors.padding import MAGIC, Crop, grow, unwrap, wrap
from codec.anchors.process import run_process
from codec.anchors.yuv import to_picture, to_planes
from codec.errors import AnchorError
from codec.files import read_picture, write_picture
from codec.jobs import CancelToken
from codec.picture import Picture

_HEADER_BYTES = len(wrap(b"", Crop(1, 1)))
_MAX_FILE_BYTES = 1 << 30


@dataclass(frozen=True)
class Program:
    """Contents of a codec file.

    Attributes
    ----------
    id, label, settings, suffix : str
        Identifier, name in legends, settings in one line, and suffix of a stream's file.
    encode, decode : tuple of str
        Program and arguments, with {input}, {output}, {quality}, {width} and {height} in them. No shell sees them.
    version : tuple of str
        Program and arguments whose first line of output is the version; may be empty.
    source, decoded : str
        What the encoder reads and what the decoder writes: "png", "ppm", "y4m", or "yuv" (planes without a header).
    chroma : str
        "444" or "420", of y4m and yuv, which are BT.601 full range.
    bit_depth : int
        8 or 10, of y4m and yuv.
    quality : QualityRange
        The quality axis.
    timeout_s : float
        For one call.
    """

    id: str
    label: str
    settings: str
    suffix: str
    encode: tuple[str, ...]
    decode: tuple[str, ...]
    version: tuple[str, ...]
    source: str
    decoded: str
    chroma: str
    bit_depth: int
    quality: QualityRange
    timeout_s: float


class ProgramAnchor(Anchor):
    """The codec that a `Program` describes."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.id, self.suffix = program.id, program.suffix

    @property
    def label(self) -> str:
        """As the file says."""
        return self._program.label

    @property
    def settings_text(self) -> str:
        """As the file says, else the encoder's arguments."""
        return self._program.settings or " ".join(self._program.encode)

    @property
    def quality(self) -> QualityRange:
        """As the file says."""
        return self._program.quality

    @property
    def version(self) -> str:
        """First line that the version command prints; "" where there is none."""
        if not self._program.version or self.availability() is not None:
            return ""
        out, err = run_process(_command(self._program.version, {}), timeout_s=10, any_exit_code=True)
        return next((line.strip() for line in (out.decode(errors="replace") + err).splitlines() if line.strip()), "")

    def availability(self) -> str | None:
        """Whether both programs are found."""
        names = [command[0] for command in (self._program.encode, self._program.decode)]
        lacking = [name for name in dict.fromkeys(names) if shutil.which(name) is None]
        return f"{' and '.join(lacking)} not found on PATH" if lacking else None

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Write the picture, run the encoder, and read its file.

        Planes without a header, and grey pictures, get a cropping header in front, which sizes do not count.
        """
        check_input(picture)
        self.quality.check(quality)
        program = self._program
        raw = program.source in ("y4m", "yuv") or program.decoded in ("y4m", "yuv")
        with tempfile.TemporaryDirectory(prefix="codec-") as folder:
            source, target = Path(folder, f"in.{program.source}"), Path(folder, f"out{program.suffix}")
            width, height = self._write_source(picture, source)
            values = {"quality": f"{quality:g}", "width": str(width), "height": str(height)}
            self._run(program.encode, values, source, target, cancel)
            stream = _result(target)
        crop = Crop(picture.width_px, picture.height_px, picture.color == "grey")
        return wrap(stream, crop) if raw or crop.grey or stream.startswith(MAGIC) else stream

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Run the decoder and read its file."""
        crop, payload = unwrap(stream)
        program = self._program
        width, height = self._coded_size(crop.width_px, crop.height_px) if crop else (0, 0)
        with tempfile.TemporaryDirectory(prefix="codec-") as folder:
            source, target = Path(folder, f"in{program.suffix}"), Path(folder, f"out.{program.decoded}")
            source.write_bytes(payload)
            self._run(program.decode, {"width": str(width), "height": str(height)}, source, target, cancel)
            if program.decoded in ("png", "ppm"):
                picture = read_picture(target)
                planes = list(picture.planes)
                if crop and crop.grey:
                    planes = planes[-2:][:1]  # all three are alike
                area = np.s_[: crop.height_px, : crop.width_px] if crop else np.s_[:, :]
                pixels = np.stack([plane[area] for plane in planes], axis=-1)
                return Picture.from_array(pixels if len(planes) == 3 else np.ascontiguousarray(pixels[..., 0]))
            data = _result(target)
        planes = parse_y4m(data) if program.decoded == "y4m" else self._split(data, width, height)
        return to_picture(planes[:1] if crop and crop.grey else planes, crop, program.bit_depth)

    def rd_bytes(self, stream: bytes) -> int:
        """Bytes of the encoder's own file."""
        return len(stream) - (_HEADER_BYTES if stream.startswith(MAGIC) else 0)

    def _run(
        self, command: Sequence[str], values: Mapping[str, str], source: Path, target: Path, cancel: CancelToken | None
    ) -> None:
        arguments = _command(command, {**values, "input": str(source), "output": str(target)})
        run_process(arguments, timeout_s=self._program.timeout_s, cancel=cancel)

    def _coded_size(self, width: int, height: int) -> tuple[int, int]:
        multiple = 2 if self._program.chroma == "420" else 1
        return -(-width // multiple) * multiple, -(-height // multiple) * multiple

    def _write_source(self, picture: Picture, path: Path) -> tuple[int, int]:
        """Write what the encoder reads; returns the width and height that it has there."""
        program = self._program
        if program.source in ("png", "ppm"):
            # Metadata would count as bytes; PPM is colour by its name.
            color = picture.color if program.source == "png" else "rgb"
            planes = picture.planes if color == picture.color else picture.planes * 3
            write_picture(Picture(planes, color), path)
            return picture.width_px, picture.height_px
        luma, *chroma = to_planes(picture, program.chroma, program.bit_depth)
        width, height = self._coded_size(picture.width_px, picture.height_px)
        scale = 2 if program.chroma == "420" else 1
        if not chroma:
            middle = 1 << (program.bit_depth - 1)
            chroma = [np.full((height // scale, width // scale), middle, luma.dtype)] * 2
        planes = (grow(luma, height, width), *(grow(plane, height // scale, width // scale) for plane in chroma))
        dtype = np.uint8 if program.bit_depth == 8 else "<u2"
        raw = b"".join(plane.astype(dtype).tobytes() for plane in planes)
        if program.source == "y4m":
            layout = {"420": "420jpeg", "444": "444"}[program.chroma]
            layout = f"{program.chroma}p10" if program.bit_depth == 10 else layout
            raw = f"YUV4MPEG2 W{width} H{height} F25:1 Ip A1:1 C{layout} XCOLORRANGE=FULL\nFRAME\n".encode() + raw
        path.write_bytes(raw)
        return width, height

    def _split(self, data: bytes, width: int, height: int) -> list[np.ndarray]:
        """Planes of the first frame of a file without a header."""
        scale = 2 if self._program.chroma == "420" else 1
        dtype = np.dtype(np.uint8 if self._program.bit_depth == 8 else "<u2")
        planes, start = [], 0
        for shape in ((height, width), *[(height // scale, width // scale)] * 2):
            size = shape[0] * shape[1] * dtype.itemsize
            if not size or start + size > len(data):
                raise AnchorError("the decoder's file is too small for the picture", where=self.label)
            planes.append(np.frombuffer(data, dtype, shape[0] * shape[1], start).reshape(shape))
            start += size
        return planes


def _command(words: Sequence[str], values: Mapping[str, str]) -> list[str]:
    """Fill the placeholders in; what a value holds is never looked at again."""

    def fill(match: re.Match[str]) -> str:
        return values.get(match[1], match[0])

    program = shutil.which(words[0]) or words[0]
    return [program, *(re.sub(r"\{(\w+)\}", fill, word) for word in words[1:])]


def _result(path: Path) -> bytes:
    if not path.is_file() or not 0 < path.stat().st_size <= _MAX_FILE_BYTES:
        raise AnchorError(f"no usable {path.suffix} file was written", where=path.name)
    return path.read_bytes()
