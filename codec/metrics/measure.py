"""All metrics of one picture against its reference."""

from __future__ import annotations

from codec.metrics.ms_ssim import ms_ssim
from codec.metrics.psnr import psnr_rgb_db, psnr_y_db
from codec.picture import Picture


def measure(reference: Picture, picture: Picture) -> dict[str, float | None]:
    """`psnr_rgb_db` and `psnr_y_db` (infinity for identical pictures), `ms_ssim` (None for small pictures)."""
    return {
        "psnr_rgb_db": psnr_rgb_db(reference, picture),
        "psnr_y_db": psnr_y_db(reference, picture),
        "ms_ssim": ms_ssim(reference, picture),
    }
