"""Prediction from motion: against one sample after the other, on any thread count, at the edges, in intra leaves."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.errors import InputError
from codec.tcm.motion.costs import Reference, cells_of
from codec.tcm.motion.field import FAR, INTRA, KEPT, NEAR, VECTOR_REACH, MotionField
from codec.tcm.motion.interpolate import CHROMA_TAPS, GREY, LUMA_TAPS, PLANAR_REACH_PX, predict
from codec.tcm.planes import Planes
from codec.threads import torch_threads


def noise(height: int, width: int, seed: int = 0) -> Planes:
    rng = np.random.default_rng(seed)
    # Extremes only in the upper half: filters overshoot there and have to be clamped.
    planes = []
    for n in (1, 2, 2):
        plane = rng.integers(0, 1024, (height // n, width // n), np.int32)
        plane[: height // n // 2] = np.where(plane[: height // n // 2] > 511, 1023, 0)
        planes.append(torch.from_numpy(plane))
    return Planes(*planes)


def random_field(height: int, width: int, reach: int, seed: int = 1) -> MotionField:
    rng = np.random.default_rng(seed)
    field = MotionField.still(height, width)
    field.log2_size[:] = 3
    field.vectors[:] = rng.integers(-reach, reach + 1, field.vectors.shape)
    return field


def slow_inter(plane: np.ndarray, vectors: np.ndarray, luma: bool) -> np.ndarray:
    """Sample by sample with Python integers, straight from the rule."""
    taps, unit, side = (LUMA_TAPS, 4, 8) if luma else (CHROMA_TAPS, 8, 4)
    height, width = plane.shape
    before = len(taps[0]) // 2 - 1
    out = np.zeros_like(plane)
    for y in range(height):
        for x in range(width):
            dx, dy = (int(v) for v in vectors[y // side, x // side])
            total = 0
            for j, down in enumerate(taps[dy % unit]):
                row = min(max(y + dy // unit + j - before, 0), height - 1)
                for i, across in enumerate(taps[dx % unit]):
                    col = min(max(x + dx // unit + i - before, 0), width - 1)
                    total += down * across * int(plane[row, col])
            out[y, x] = min(max((total + 2048) // 4096, 0), 1023)
    return out


def slow_planar(plane: np.ndarray, mode: np.ndarray, side: int) -> np.ndarray:
    out = plane.copy()
    height, width = plane.shape
    for y in range(height):
        for x in range(width):
            if mode[y // side, x // side] != INTRA:
                continue
            total = weights = 0
            for step_y, step_x in ((0, -1), (0, 1), (-1, 0), (1, 0)):
                for distance in range(1, PLANAR_REACH_PX + 1):
                    row, col = y + step_y * distance, x + step_x * distance
                    if not (0 <= row < height and 0 <= col < width):
                        break
                    if mode[row // side, col // side] != INTRA:
                        total += 5040 // distance * int(plane[row, col])
                        weights += 5040 // distance
                        break
            out[y, x] = (total + weights // 2) // weights if weights else GREY
    return out


def test_equals_the_slow_rule() -> None:
    reference = noise(64, 128)
    field = random_field(64, 128, 120)
    predicted = predict({NEAR: reference}, field)
    for index, (plane, got) in enumerate(zip(reference.all, predicted.all, strict=True)):
        assert got.dtype == torch.int32
        np.testing.assert_array_equal(got.numpy(), slow_inter(plane.numpy(), field.vectors, index == 0))


def test_means_of_two_references_equal_the_slow_rule() -> None:
    references = {ref: noise(64, 64, seed) for seed, ref in enumerate((NEAR, FAR, KEPT))}
    field = random_field(64, 64, 60)
    rng = np.random.default_rng(4)
    field.ref[:] = rng.integers(1, 7, field.shape)
    for ref in references:
        field.vectors_of(ref)[:] = rng.integers(-60, 61, field.vectors.shape) * field.uses(ref)[..., None]
    predicted = predict(references, field)
    for index, got in enumerate(predicted.all):
        side = 8 if index == 0 else 4
        parts = {r: slow_inter(p.all[index].numpy(), field.vectors_of(r), index == 0) for r, p in references.items()}
        for y in range(got.shape[0]):
            for x in range(got.shape[1]):
                used = [int(parts[r][y, x]) for r in references if field.ref[y // side, x // side] & r]
                assert int(got[y, x]) == (used[0] if len(used) == 1 else (sum(used) + 1) // 2)


def test_a_reference_that_is_not_there_is_refused() -> None:
    field = MotionField.still(64, 64)
    field.ref[0, 0] = NEAR | KEPT
    with pytest.raises(InputError, match="reference"):
        predict({NEAR: noise(64, 64)}, field)


def test_far_vectors_show_the_edge() -> None:
    reference = noise(64, 64)
    field = random_field(64, 64, VECTOR_REACH)
    field.vectors[0, 0] = -VECTOR_REACH, -VECTOR_REACH
    field.vectors[7, 7] = VECTOR_REACH, VECTOR_REACH
    predicted = predict({NEAR: reference}, field)
    assert (predicted.y[:8, :8] == reference.y[0, 0]).all()
    assert (predicted.y[-8:, -8:] == reference.y[-1, -1]).all()
    np.testing.assert_array_equal(predicted.u.numpy(), slow_inter(reference.u.numpy(), field.vectors, False))


@pytest.mark.parametrize("share", [0.3, 0.9])
def test_intra_leaves(share: float) -> None:
    reference = noise(128, 192)
    field = random_field(128, 192, 30)
    field.mode[np.random.default_rng(3).random(field.shape) < share] = INTRA
    field.mode[:, :10] = INTRA
    field.vectors[field.mode == INTRA], field.ref[field.mode == INTRA] = 0, 0
    predicted = predict({NEAR: reference}, field)
    for index, plane in enumerate(reference.all):
        side = 8 if index == 0 else 4
        inter = slow_inter(plane.numpy(), field.vectors, index == 0)
        np.testing.assert_array_equal(predicted.all[index].numpy(), slow_planar(inter, field.mode, side))


def test_nothing_but_intra_is_grey() -> None:
    field = MotionField.still(64, 64)
    field.mode[:], field.ref[:] = INTRA, 0
    assert all((plane == GREY).all() for plane in predict({NEAR: noise(64, 64)}, field).all)


def test_no_motion_is_the_reference() -> None:
    reference = noise(64, 64)
    for got, plane in zip(predict({NEAR: reference}, MotionField.still(64, 64)).all, reference.all, strict=True):
        assert torch.equal(got, plane)
        assert got.data_ptr() != plane.data_ptr()


def test_threads_change_nothing() -> None:
    reference, field = noise(256, 512), random_field(256, 512, 200)
    field.mode[3:9, 5:20], field.ref[3:9, 5:20] = INTRA, 0
    results = []
    for threads in (1, 4):
        with torch_threads(threads):
            results.append(predict({NEAR: reference}, field))
    assert all(torch.equal(a, b) for a, b in zip(results[0].all, results[1].all, strict=True))


def test_search_reads_the_same_samples() -> None:
    reference, field = noise(128, 192), random_field(128, 192, 700)
    predicted = predict({NEAR: reference}, field)
    vectors = torch.from_numpy(field.vectors).reshape(-1, 2).long()
    for index, plane in enumerate(reference.all):
        cells = Reference(plane, index == 0).cells(vectors)
        assert torch.equal(cells.int(), cells_of(predicted.all[index], 8 if index == 0 else 4))
