"""What a decoder is willing to take from a stream that it does not trust."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class DecodeLimits:
    """Upper bounds, checked before anything is allocated for what they bound.

    Attributes
    ----------
    max_width_px, max_height_px : int
        Sides of the picture.
    max_pixels : int
        Area of the picture.
    max_slice_pixels : int
        Area of one slice, padding included: entropy networks see a slice as a whole, at some 80 bytes per pixel.
    max_sections : int
        Number of sections of any type.
    max_slice_bytes : int
        Payload of one critical section (a slice, an over-fitted block, the QP map ...).
    max_ancillary_bytes : int
        Payloads of all ancillary sections together.
    max_analysis_bytes : int
        The analysis after decompression.
    max_analysis_depth : int
        Lists and objects of the analysis inside each other.
    """

    max_width_px: int = 16384
    max_height_px: int = 16384
    max_pixels: int = 16384 * 16384
    max_slice_pixels: int = 1 << 25
    max_sections: int = 1024
    max_slice_bytes: int = 64 << 20
    max_ancillary_bytes: int = 16 << 20
    max_analysis_bytes: int = 4 << 20
    max_analysis_depth: int = 32
