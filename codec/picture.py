"""`Picture` and all colour mathematics: the one place where RGB, luma and YCbCr are defined."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import numpy as np

from codec.errors import InputError

Color = Literal["grey", "rgb", "ycbcr"]

MAX_SIDE_PX = 16384
"""Largest width or height that the still codec takes."""
MAX_ICC_BYTES = 12 << 20
"""Largest ICC profile that is kept; with EXIF a stream may carry 16 MiB of such things."""
MAX_EXIF_BYTES = 2 << 20

# ITU-R BT.601 luma weights; JPEG, BPG and the shared RD tables use the same ones for PSNR-Y.
KR, KG, KB = 0.299, 0.587, 0.114


@dataclass(frozen=True, eq=False)
class Picture:
    """A still picture or one video frame as planes.

    Attributes
    ----------
    planes : tuple of numpy.ndarray
        One (grey) or three 2-D arrays, C-contiguous: `uint8` for 8 bits, `uint16` for more. Chroma planes of "ycbcr"
        may be smaller.
    color : {"grey", "rgb", "ycbcr"}
        Meaning of the planes.
    bit_depth : int
        Bits per sample, 8 to 16.
    icc, exif : bytes
        Opaque metadata, carried and never interpreted by the codec.
    name : str
        Where it came from, for messages and tables.
    alpha : numpy.ndarray or None
        Opacity, 0 to `peak`, of the size and type of the first plane; colours are not multiplied by it.
    notes : tuple of str
        What of its file is not in it, or not as it was: for the user to read.
    """

    planes: tuple[np.ndarray, ...]
    color: Color = "rgb"
    bit_depth: int = 8
    icc: bytes = field(default=b"", repr=False)
    exif: bytes = field(default=b"", repr=False)
    name: str = ""
    alpha: np.ndarray | None = field(default=None, repr=False)
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if len(self.planes) != (1 if self.color == "grey" else 3):
            raise InputError(f"a {self.color} picture cannot have {len(self.planes)} planes", where=self.name)
        if any(p.ndim != 2 or p.size == 0 for p in self.planes):
            raise InputError("every plane must be a non-empty 2-D array", where=self.name)
        if not 8 <= self.bit_depth <= 16:
            raise InputError(f"{self.bit_depth} bits per sample are not within 8..16", where=self.name)
        dtype = np.uint8 if self.bit_depth == 8 else np.uint16
        if any(p.dtype != dtype for p in self.planes):
            raise InputError(f"samples of {self.bit_depth} bits must be {dtype.__name__}", where=self.name)
        if self.color == "rgb" and len({p.shape for p in self.planes}) != 1:
            raise InputError("R, G and B must have the same size", where=self.name)
        if self.alpha is not None and (self.alpha.shape != self.planes[0].shape or self.alpha.dtype != dtype):
            raise InputError("alpha must be like the first plane", where=self.name)

    @classmethod
    def from_array(
        cls, array: np.ndarray, *, name: str = "", icc: bytes = b"", exif: bytes = b"", notes: tuple[str, ...] = ()
    ) -> Picture:
        """Make a picture of an `(H, W)` or `(H, W, channels)` array of `uint8` or `uint16`.

        Channels are grey and alpha (2), RGB (3) or RGB and alpha (4).
        """
        if array.dtype not in (np.uint8, np.uint16) or array.ndim not in (2, 3):
            raise InputError(f"expected uint8 or uint16 of two or three dimensions, got {array.dtype}", where=name)
        depth = 8 * array.dtype.itemsize
        if array.ndim == 2:
            return cls((np.ascontiguousarray(array),), "grey", depth, icc, exif, name, notes=notes)
        channels = [np.ascontiguousarray(array[..., c]) for c in range(array.shape[2])]
        if not 2 <= len(channels) <= 4:
            raise InputError(f"expected two to four channels, got {len(channels)}", where=name)
        alpha = None if len(channels) == 3 else channels.pop()
        return cls(tuple(channels), "grey" if len(channels) == 1 else "rgb", depth, icc, exif, name, alpha, notes)

    @property
    def height_px(self) -> int:
        """Height of the first plane."""
        return self.planes[0].shape[0]

    @property
    def width_px(self) -> int:
        """Width of the first plane."""
        return self.planes[0].shape[1]

    @property
    def pixels(self) -> int:
        """Number of pixels of the first plane; the denominator of bpp."""
        return self.height_px * self.width_px

    @property
    def peak(self) -> int:
        """Largest sample value."""
        return (1 << self.bit_depth) - 1

    @cached_property
    def rgb(self) -> np.ndarray:
        """`(H, W, 3)` samples; grey is repeated. Read-only."""
        if self.color == "ycbcr":
            raise InputError("convert YCbCr explicitly before asking for RGB", where=self.name)
        planes = self.planes if self.color == "rgb" else self.planes * 3
        array = np.stack(planes, axis=-1)
        array.setflags(write=False)
        return array

    @cached_property
    def source_hash(self) -> str:
        """SHA-256 over colour, depth, sizes and samples (metadata left out), in hex."""
        digest = hashlib.sha256(f"{self.color} {self.bit_depth}".encode())
        for plane in self.planes if self.alpha is None else (*self.planes, self.alpha):
            digest.update(f"{plane.shape} {plane.dtype}".encode())
            digest.update(np.ascontiguousarray(plane).data)
        return digest.hexdigest()

    def crop(self, top: int, left: int, height: int, width: int) -> Picture:
        """Cut a window out of a picture whose planes all have the same size."""
        area = np.s_[top : top + height, left : left + width]
        alpha = None if self.alpha is None else np.ascontiguousarray(self.alpha[area])
        return replace(self, planes=tuple(np.ascontiguousarray(p[area]) for p in self.planes), alpha=alpha)

    @property
    def opaque(self) -> Picture:
        """The colours alone."""
        return self if self.alpha is None else replace(self, alpha=None)


def luma(rgb: np.ndarray) -> np.ndarray:
    """BT.601 luma as float64 of an `(..., 3)` RGB array, on the same scale (0..peak), unrounded."""
    return rgb[..., 0] * KR + rgb[..., 1] * KG + rgb[..., 2] * KB


def rgb_to_ycbcr(rgb: np.ndarray, peak: float = 255.0) -> np.ndarray:
    """Full-range BT.601 YCbCr of an RGB array `(H, W, 3)`, float64, chroma centred on `(peak + 1) / 2` (JFIF)."""
    y = luma(rgb)
    cb = (rgb[..., 2] - y) / (2 * (1 - KB)) + (peak + 1) / 2
    cr = (rgb[..., 0] - y) / (2 * (1 - KR)) + (peak + 1) / 2
    return np.stack([y, cb, cr], axis=-1)


def ycbcr_to_rgb(ycbcr: np.ndarray, peak: float = 255.0) -> np.ndarray:
    """Inverse of `rgb_to_ycbcr`, float64, not clipped."""
    y = ycbcr[..., 0]
    cb = ycbcr[..., 1] - (peak + 1) / 2
    cr = ycbcr[..., 2] - (peak + 1) / 2
    r = y + 2 * (1 - KR) * cr
    b = y + 2 * (1 - KB) * cb
    g = (y - KR * r - KB * b) / KG
    return np.stack([r, g, b], axis=-1)


def to_samples(values: np.ndarray, peak: int = 255) -> np.ndarray:
    """Round half up, clip to 0..peak and store as `uint8` (or `uint16` above 255)."""
    return np.clip(np.floor(values + 0.5), 0, peak).astype(np.uint8 if peak <= 255 else np.uint16)
