"""How a picture looks on an sRGB screen: profile applied, depth reduced, transparency over a chequerboard.

For eyes only: what is measured and coded are the samples of the file.
"""

from __future__ import annotations

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

from codec.picture import Picture

_CHECK_PX = 16
_CHECK_DARK, _CHECK_LIGHT = 102, 153


def screen_rgb(picture: Picture) -> np.ndarray:
    """Samples `(H, W, 3)` uint8 for an sRGB screen; a profile that cannot be used is as good as none."""
    planes = [
        plane if picture.bit_depth == 8 else (plane >> (picture.bit_depth - 8)).astype(np.uint8)
        for plane in picture.planes
    ]
    if picture.icc and (transform := _transform(picture.icc, len(planes))) is not None:
        image = Image.fromarray(planes[0] if len(planes) == 1 else np.stack(planes, axis=-1))
        shown = np.array(ImageCms.applyTransform(image, transform))
    else:
        shown = np.stack(planes * 3 if len(planes) == 1 else planes, axis=-1)
    if picture.alpha is None:
        return shown
    rows, cols = np.arange(picture.height_px)[:, None], np.arange(picture.width_px)[None]
    light = (rows // _CHECK_PX + cols // _CHECK_PX) % 2 == 0
    ground = np.where(light, _CHECK_LIGHT, _CHECK_DARK)[..., None]
    alpha = picture.alpha[..., None].astype(np.float32) / picture.peak
    return (shown * alpha + ground * (1 - alpha) + 0.5).astype(np.uint8)


@lru_cache(maxsize=8)
def _transform(icc: bytes, channels: int) -> ImageCms.ImageCmsTransform | None:
    """Transform to sRGB, or None where the profile is damaged, is of another kind, or is sRGB itself."""
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        if profile.profile.xcolor_space.strip() != ("GRAY" if channels == 1 else "RGB"):
            return None
        mode = "L" if channels == 1 else "RGB"
        return ImageCms.buildTransform(profile, ImageCms.createProfile("sRGB"), mode, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
