"""`Frame` and `VideoFormat`: one picture of a clip as YCbCr 4:2:0 planes, and what is true of all of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from fractions import Fraction

import numpy as np

from codec.errors import InputError


@dataclass(frozen=True)
class ColorTags:
    """How code values mean colours; integers as in ITU-T H.273 (2 = unspecified), None where a file says nothing.

    Attributes
    ----------
    primaries, transfer, matrix : int
        Code points of H.273.
    full_range : bool
        Whether luma covers 0..peak instead of 16..235 (on 8 bits).
    chroma_location : int
        0 = left, 1 = centre, 2 = top left (`chroma_sample_loc_type` of H.265).
    """

    primaries: int = 2
    transfer: int = 2
    matrix: int = 2
    full_range: bool = False
    chroma_location: int = 0


@dataclass(frozen=True)
class VideoFormat:
    """What every frame of a clip shares.

    Attributes
    ----------
    width_px, height_px : int
        Size of the luma plane; odd sizes are allowed, chroma planes are `(n + 1) // 2`.
    bit_depth : int
        8 or 10 bits per sample.
    fps : fractions.Fraction
        Frames per second.
    color : ColorTags
    """

    width_px: int
    height_px: int
    bit_depth: int = 8
    fps: Fraction = Fraction(25)
    color: ColorTags = field(default_factory=ColorTags)

    def __post_init__(self) -> None:
        if self.width_px < 1 or self.height_px < 1:
            raise InputError(f"a video of {self.width_px}x{self.height_px} has no pixels", where="video format")
        if self.bit_depth not in (8, 10):
            raise InputError(f"{self.bit_depth} bits per sample are not 8 or 10", where="video format")
        if self.fps <= 0:
            raise InputError(f"{self.fps} frames per second are not positive", where="video format")

    @property
    def plane_shapes(self) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        """Rows and columns of Y, U and V."""
        chroma = ((self.height_px + 1) // 2, (self.width_px + 1) // 2)
        return (self.height_px, self.width_px), chroma, chroma

    @property
    def dtype(self) -> type[np.uint8] | type[np.uint16]:
        """Type of the samples: uint8, or uint16 for 10 bits."""
        return np.uint8 if self.bit_depth == 8 else np.uint16

    @property
    def pixels(self) -> int:
        """Luma pixels of one frame; the denominator of bpp."""
        return self.width_px * self.height_px


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a clip.

    Attributes
    ----------
    planes : tuple of numpy.ndarray
        Y `(H, W)`, U and V `((H + 1) // 2, (W + 1) // 2)`, uint8 or (10 bits) uint16.
    bit_depth : int
        8 or 10.
    index : int
        Number in display order, from 0.
    """

    planes: tuple[np.ndarray, np.ndarray, np.ndarray]
    bit_depth: int
    index: int = 0

    def __post_init__(self) -> None:
        height, width = self.planes[0].shape
        chroma = ((height + 1) // 2, (width + 1) // 2)
        dtype = np.uint8 if self.bit_depth == 8 else np.uint16
        if [p.shape for p in self.planes[1:]] != [chroma, chroma] or any(p.dtype != dtype for p in self.planes):
            shapes = ", ".join(f"{p.shape} {p.dtype}" for p in self.planes)
            raise InputError(f"planes {shapes} are not 4:2:0 of {self.bit_depth} bits", where=f"frame {self.index}")

    @property
    def peak(self) -> int:
        """Largest sample value."""
        return (1 << self.bit_depth) - 1

    @property
    def source_hash(self) -> str:
        """SHA-256 of depth, sizes and samples, in hex."""
        digest = hashlib.sha256(f"4:2:0 {self.bit_depth}".encode())
        for plane in self.planes:
            digest.update(f"{plane.shape}".encode())
            digest.update(np.ascontiguousarray(plane).data)
        return digest.hexdigest()
