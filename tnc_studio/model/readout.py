"""Values of single pixels, as the read-out and the canvas write them: pure functions from renditions to words."""

from __future__ import annotations

import numpy as np

from codec.picture import rgb_to_ycbcr
from tnc_studio.model.captions import signed
from tnc_studio.model.compare import Readout
from tnc_studio.model.renditions import Rendition

NAMES = {Readout.RGB: "R G B", Readout.YCBCR: "Y Cb Cr", Readout.CODE: "code values"}


def pixel_values(rendition: Rendition, x: int, y: int, readout: Readout) -> tuple[int, ...]:
    """Values of one pixel; none outside the picture, and none where samples are asked for that nobody knows.

    RGB and YCbCr (BT.601, full range) are in 8-bit code values; "code" gives the samples as they are stored, at the
    depth of the picture.
    """
    image = rendition.image
    if image is None or not (0 <= x < image.width_px and 0 <= y < image.height_px):
        return ()
    if readout is Readout.CODE:
        if rendition.moment is not None and rendition.moment.frame is not None:
            luma, *chroma = rendition.moment.frame.planes
            return int(luma[y, x]), *(int(plane[y // 2, x // 2]) for plane in chroma)
        picture = rendition.picture
        return () if picture is None else tuple(int(plane[y, x]) for plane in picture.planes)
    rgb = image.rgb_at(x, y)
    if readout is Readout.RGB:
        return rgb
    return tuple(int(v) for v in np.floor(rgb_to_ycbcr(np.array(rgb, np.float64)) + 0.5))


def pixel_texts(
    rendition: Rendition, x: int, y: int, readout: Readout, reference: Rendition | None = None
) -> tuple[str, ...]:
    """One text per value; with a reference, the signed differences from it."""
    values = pixel_values(rendition, x, y, readout)
    if reference is None:
        return tuple(str(value) for value in values)
    base = pixel_values(reference, x, y, readout)
    if len(base) != len(values):
        return ()
    return tuple(signed(value - other, 0) for value, other in zip(values, base, strict=True))
