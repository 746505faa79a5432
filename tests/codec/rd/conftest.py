"""Rows and pictures for RD tests."""

from __future__ import annotations

import numpy as np
import pytest

from codec.picture import Picture
from codec.rd.rows import RdRow


@pytest.fixture
def picture() -> Picture:
    y, x = np.mgrid[0:64, 0:96]
    array = np.stack([x * 2, y * 3, (x + y) % 256], -1) + np.random.default_rng(0).integers(0, 9, (64, 96, 3))
    return Picture.from_array(np.clip(array, 0, 255).astype(np.uint8), name="ramp.png")


@pytest.fixture
def rows() -> list[RdRow]:
    """Three codecs on two pictures: "tnc" needs 20 % fewer bits than "bpg", "vvc" 10 % fewer."""
    result = []
    for codec, label, share in (("tnc", "TNC", 0.8), ("bpg", "BPG <x265>", 1.0), ("vvc", "VVC", 0.9)):
        for picture, offset in (("a.png", 0.0), ("b.png", 2.0)):
            for step, qp in enumerate((40.0, 34.0, 28.0, 22.0)):
                bpp = 0.2 * 1.9**step
                result.append(
                    RdRow(
                        codec, label, "some settings", picture, qp, bpp * share * 1000, bpp * share,
                        28 + 3.5 * step + offset, 29 + 3.5 * step + offset, 0.9 + 0.03 * step,
                        encode_s=1.5, decode_s=0.25, kmac_per_px=19.5 if codec == "tnc" else None,
                    )
                )  # fmt: skip
    return result
