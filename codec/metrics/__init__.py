"""Objective quality: PSNR, MS-SSIM, and BD figures between curves."""

from __future__ import annotations

from codec.metrics.measure import measure
from codec.metrics.ms_ssim import ms_ssim
from codec.metrics.psnr import psnr_rgb_db, psnr_y_db

__all__ = ["measure", "ms_ssim", "psnr_rgb_db", "psnr_y_db"]
