"""Geometry of latents: padding, slices, positions outside the picture, QP maps."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.stream import StreamHeader
from codec.tnc.layout import Layout, padded


@pytest.mark.parametrize(("size", "expected"), [(1, 64), (64, 64), (65, 128), (4096, 4096)])
def test_padding(size: int, expected: int) -> None:
    assert padded(size) == expected


@pytest.mark.parametrize(("height", "units"), [(1, 3), (192, 3), (193, 3), (512, 3), (512, 1), (700, 255), (640, 2)])
def test_slices_cover_all_rows_once_and_agree_with_the_container(height: int, units: int) -> None:
    layout = Layout(height, 100, units)
    batches = list(layout.batches())
    assert sum(count * rows for _, count, rows in batches) == layout.rows
    assert [first for first, _, _ in batches] == [sum(c for _, c, _ in batches[:i]) for i in range(len(batches))]
    assert sum(count for _, count, _ in batches) == layout.slice_count
    header = StreamHeader(100, height, "rgb", 32.0, b"abcd", b"efgh", slice_units=units)
    assert layout.slice_count == header.slice_count
    assert (layout.rows * 16, layout.cols * 16) == header.padded_size_px


def test_only_blocks_without_a_pixel_are_outside() -> None:
    outside = Layout(33, 70).outside()
    assert outside.shape == (4, 8)
    assert torch.equal(outside.logical_not().nonzero().amax(0), torch.tensor([2, 4]))
    assert outside.logical_not().sum() == 3 * 5
    assert not Layout(128, 64).outside().any()


def test_qp_offsets_are_clamped_and_repeated_into_the_padding() -> None:
    layout = Layout(33, 70)
    assert torch.equal(layout.spread_qp_map(500, None), torch.full((4, 8), 500))
    offsets = np.array([[0, 1, 2, 3, 31], [0, 0, 0, 0, 0], [-32, -31, 5, 6, 7]], np.int8)
    spread = layout.spread_qp_map(700, offsets)
    assert spread[0].tolist() == [700, 716, 732, 748, 1008, 1008, 1008, 1008]
    assert spread[3].tolist() == spread[2].tolist() == [188, 204, 780, 796, 812, 812, 812, 812]
