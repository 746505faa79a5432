"""Block maps of over-fitted blocks."""

from __future__ import annotations

import numpy as np
import pytest

from codec.picture import Picture
from codec.stream.blocks import split
from codec.tnc.coded import BlockCost
from codec.tnc.maps import branch_maps


def test_bits_of_over_fitted_blocks_by_part() -> None:
    picture = Picture.from_array(np.zeros((512, 1024, 3), np.uint8))
    parts = {"head": 64.0, "latents_0": 100.0, "latents_1": 20.0, "differences_weights": 300.0}
    costs = [
        BlockCost(b.row, b.col, "inr" if b.index == 1 else "vae", 484.0, 1.0, 0.9, parts if b.index == 1 else {})
        for b in split(512, 1024).blocks
    ]
    maps = branch_maps(picture, costs)
    there = [id_ for id_ in maps if id_.startswith("inr_bits_")]
    assert there == ["inr_bits_head", "inr_bits_latents", "inr_bits_differences_weights"]
    latents = maps["inr_bits_latents"]
    assert latents.name == "INR bits: latents"
    window = split(512, 1024).blocks[1].window
    rows, cols = (slice(s.start // 64, s.stop // 64) for s in window)
    assert (latents.values[rows, cols] == 120.0).all()
    assert np.isfinite(latents.values).sum() == latents.values[rows, cols].size, "the others have none"
    total = sum(maps[id_].values[rows, cols][0, 0] for id_ in there)
    assert total == pytest.approx(sum(parts.values()))
    without = [BlockCost(c.row, c.col, "vae", c.bits, c.j_vae, None, {}) for c in costs]
    assert not any(id_.startswith("inr_bits_") for id_ in branch_maps(picture, without))
