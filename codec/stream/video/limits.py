"""What a video decoder is willing to take: as for still pictures, but memory is needed for several at once."""

from __future__ import annotations

from codec.stream.limits import DecodeLimits

VIDEO_LIMITS = DecodeLimits(
    max_width_px=8192, max_height_px=8192, max_pixels=8192 * 4352, max_slice_bytes=32 << 20,
    max_ancillary_bytes=16 << 20,
)  # fmt: skip
"""`max_slice_bytes` bounds the section of one frame, `max_ancillary_bytes` any one ancillary section."""
