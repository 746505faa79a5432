"""`Estimate`: what a preview knows so far, grown part by part. Immutable, so that workers can hold one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from codec.blockmap import BlockMap
from codec.metrics.psnr import psnr_of, psnr_rgb_db
from codec.picture import Picture
from tnc_studio.model.renditions import DisplayImage
from tnc_studio.services.encoder import Window

if TYPE_CHECKING:
    from codec.tnc.api import Preview


@dataclass(frozen=True, eq=False)
class Estimate:
    """Pixels, rate and maps of a preview.

    Attributes
    ----------
    image : DisplayImage or None
        What is on screen: the last picture with the parts computed so far over it.
    maps : mapping of str to BlockMap
        The same of the block maps.
    fresh : frozenset of str
        Ids of maps that hold new values.
    bits, pixels : float, int
        Estimated bits and pixels of the parts so far.
    error : float
        Sum of squared errors of these pixels, per component.
    whole : bool
        Whether the parts cover the picture.
    samples : Picture or None
        The picture, where it was computed in one part.
    """

    image: DisplayImage | None
    maps: Mapping[str, BlockMap] = field(default_factory=dict)
    fresh: frozenset[str] = frozenset()
    bits: float = 0.0
    pixels: int = 0
    error: float = 0.0
    whole: bool = False
    samples: Picture | None = None

    @property
    def psnr_db(self) -> float:
        """PSNR over the parts so far."""
        return psnr_of(self.error / self.pixels) if self.pixels else math.nan

    def restarted(self) -> Estimate:
        """Count anew, over the same pixels: the first look at the cursor is computed once more with its tile."""
        return replace(self, bits=0.0, pixels=0, error=0.0)

    def grown(self, preview: Preview, picture: Picture, window: Window | None) -> Estimate:
        """Add a part; `window` None is the whole picture."""
        part = picture if window is None else picture.crop(*window)
        psnr_db = psnr_rgb_db(part, preview.picture)
        error = part.pixels * (picture.peak**2 / 10 ** (psnr_db / 10)) * (255 / picture.peak) ** 2
        whole = window is None or self.image is None
        if self.image is None or window is None:
            image = DisplayImage.of(preview.picture)
        else:
            image = self.image.pasted(preview.picture, window[0], window[1])
        top, left = (0, 0) if window is None else window[:2]
        maps = {id_: pasted_map(self.maps.get(id_), one, top, left) for id_, one in preview.block_maps.items()}
        pixels = self.pixels + part.pixels
        return Estimate(
            image, {**self.maps, **maps}, self.fresh | maps.keys(), self.bits + preview.bpp_estimate * part.pixels,
            pixels, self.error + error, whole or pixels >= picture.pixels, preview.picture if whole else None,
        )  # fmt: skip


def pasted_map(old: BlockMap | None, part: BlockMap, top_px: int, left_px: int) -> BlockMap:
    """Put a part of a map over the old one; the part alone where there is none of its kind."""
    whole = old is not None and (top_px, left_px) == (0, 0) and old.values.shape == part.values.shape
    if old is None or whole or old.block_px != part.block_px:
        return part
    row, col = top_px // part.block_px[0], left_px // part.block_px[1]
    values = np.array(old.values, np.float64)
    inside = values[row : row + part.values.shape[0], col : col + part.values.shape[1]]
    inside[...] = part.values[: inside.shape[0], : inside.shape[1]]
    return replace(part, values=values)
