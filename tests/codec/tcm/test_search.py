"""Motion search: it finds motion that is known, spends no vectors where nothing moves, and is valid everywhere."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from codec.tcm.motion import costs, interpolate, picture
from codec.tcm.motion.field import FAR, INTER, INTRA, KEPT, LOG2_SIZES, NEAR, MotionField
from codec.tcm.motion.interpolate import predict
from codec.tcm.motion.search import PRESETS, SearchOptions, search_motion
from codec.tcm.motion.tree import Tree
from codec.tcm.planes import Planes
from codec.threads import torch_threads


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, (height, width)).astype(np.float32)
    return np.clip(512 + 900 * cv2.GaussianBlur(noise, (0, 0), 2), 0, 1023).astype(np.int32)


def planes_of(luma: np.ndarray) -> Planes:
    chroma = luma[::2, ::2] // 2 + 256
    return Planes(*(torch.from_numpy(np.ascontiguousarray(p)) for p in (luma, chroma, chroma)))


def qp_map(height: int, width: int, qp: int = 30) -> np.ndarray:
    return np.full((height // 16, width // 16), 16 * qp, np.int64)


def check_valid(field: MotionField) -> None:
    """Leaves lie on their own grid, and share mode, references and vectors."""
    for log2 in LOG2_SIZES:
        side = 1 << (log2 - 3)
        inside = field.log2_size == log2
        rows, cols = field.shape
        by_leaf = inside.reshape(rows // side, side, cols // side, side).swapaxes(1, 2).reshape(-1, side * side)
        assert ((by_leaf.sum(1) == 0) | by_leaf.all(1)).all()
        parts = [field.vectors_of(ref)[..., k] for ref in (NEAR, FAR, KEPT) for k in (0, 1)]
        for values in (field.mode, field.ref, *parts):
            leaves = values.reshape(rows // side, side, cols // side, side).swapaxes(1, 2).reshape(-1, side * side)
            leaves = leaves[by_leaf.all(1)]
            assert (leaves == leaves[:, :1]).all()
    assert ((field.ref == 0) == (field.mode == INTRA)).all()
    for ref in (NEAR, FAR, KEPT):
        assert not field.vectors_of(ref)[~field.uses(ref)].any()


def test_finds_two_motions() -> None:
    wide = texture(256, 384)
    reference = planes_of(wide[32:224, 64:320].copy())
    moved = wide[32 + 3 : 224 + 3, 64 - 25 : 320 - 25].copy()
    moved[64:128, 64:192] = wide[32 + 64 - 9 : 32 + 128 - 9, 64 + 64 + 14 : 64 + 192 + 14]
    field = search_motion(planes_of(moved), {NEAR: reference}, qp_map(192, 256))
    check_valid(field)
    inner, outer = field.vectors[8:16, 8:24], field.vectors[17:23, 8:24]
    assert (inner == [4 * 14, -4 * 9]).all(-1).mean() > 0.95
    assert (outer == [-4 * 25, 4 * 3]).all(-1).mean() > 0.95
    assert (field.log2_size[8:16, 8:24] == 6).mean() > 0.9


def test_finds_quarter_pixels() -> None:
    wide = texture(192, 192, 5)
    reference = planes_of(wide[32:160, 32:160].copy())
    still = MotionField.still(128, 128)
    still.vectors[:] = 5, -11
    moved = predict({NEAR: reference}, still)
    field = search_motion(moved, {NEAR: reference}, qp_map(128, 128))
    assert (field.vectors[2:-2, 2:-2] == [5, -11]).all()


def test_nothing_moves() -> None:
    reference = planes_of(texture(128, 192, 2))
    field = search_motion(reference, {NEAR: reference}, qp_map(128, 192))
    assert not field.vectors.any()
    assert (field.log2_size == 6).all()
    assert (field.mode == INTER).all()


def uncovered() -> tuple[Planes, Planes]:
    """Current picture and reference: where something stood before a smooth ground, the ground is seen now."""
    current = texture(128, 192, 3)
    row, col = np.mgrid[:96, :96]
    current[16:112, 48:144] = 300 + row * col // 18
    reference = current.copy()
    reference[48:80, 80:112] = texture(32, 32, 4)
    return planes_of(current), planes_of(reference)


def test_what_comes_into_sight_is_intra() -> None:
    current, reference = uncovered()
    field = search_motion(current, {NEAR: reference}, qp_map(128, 192))
    check_valid(field)
    assert (field.mode[6:10, 10:14] == INTRA).mean() > 0.5
    assert (field.mode == INTRA).mean() < 0.2


def test_intra_leaves_help_the_prediction_that_is_really_made() -> None:
    current, reference = uncovered()
    errors = []
    for intra in (False, True):
        field = search_motion(current, {NEAR: reference}, qp_map(128, 192), None, SearchOptions(intra=intra))
        errors.append(float((predict({NEAR: reference}, field).y - current.y).double().square().mean()))
    assert errors[1] < errors[0]


def test_leaves_that_say_the_same_are_one() -> None:
    level = torch.zeros((8, 8), dtype=torch.int64)
    intra = torch.zeros((8, 8), dtype=torch.bool)
    vectors = torch.full((8, 8, 2), 4)
    vectors[0, 0] = 8
    intra[4:, 4:] = True
    vectors[4:, 4:, 0] = torch.arange(4)
    tree = Tree(level, intra, torch.full((8, 8), NEAR), {NEAR: vectors})
    tree.merge_equal()
    field = tree.field()
    check_valid(field)
    assert field.log2_size[0].tolist() == [3, 3, 4, 4, 5, 5, 5, 5]
    assert (field.log2_size[4:] == 5).all()


def test_threads_change_nothing() -> None:
    wide = texture(192, 320, 4)
    current, reference = planes_of(wide[:128, :192].copy()), planes_of(wide[5:133, 9:201].copy())
    fields = []
    for threads in (1, 3):
        with torch_threads(threads):
            fields.append(search_motion(current, {NEAR: reference}, qp_map(128, 192), None, PRESETS["fast"]))
    assert (fields[0].vectors == fields[1].vectors).all()
    assert (fields[0].log2_size == fields[1].log2_size).all()


def test_bands_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large pictures are searched in parts, and interpolated where they are read: the field is the same."""
    wide = texture(192, 192, 4)
    current = planes_of(wide[32:160, :128].copy())
    references = {ref: planes_of(wide[32 + dy : 160 + dy, dx : 128 + dx].copy()) for ref, dx, dy in
                  ((NEAR, 9, 5), (KEPT, 30, -20))}  # fmt: skip
    current.y[50:90, 40:100] = 300
    options = SearchOptions(reach_px=32, rounds=1, polish=1)
    whole = search_motion(current, references, qp_map(128, 128), None, options)
    predicted = predict(references, whole)
    monkeypatch.setattr(picture, "BAND_CELLS", 1)
    monkeypatch.setattr(costs, "PHASES_LIMIT_BYTES", 0)
    monkeypatch.setattr(interpolate, "_BAND_SAMPLES", 1)
    parts = search_motion(current, references, qp_map(128, 128), None, options)
    assert len(picture.bands_of(16, 16)) == 2
    assert {INTER, INTRA} == set(np.unique(whole.mode))
    for name in ("log2_size", "mode", "ref", "vectors", "far_vectors", "kept_vectors"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(parts, name))
    assert all(torch.equal(a, b) for a, b in zip(predicted.all, predict(references, parts).all, strict=True))


def test_two_references_are_averaged_where_that_helps() -> None:
    rng = np.random.default_rng(6)
    clean = texture(128, 192, 7)
    noisy = [np.clip(clean + rng.normal(0, 40, clean.shape), 0, 1023).astype(np.int32) for _ in range(2)]
    references = {NEAR: planes_of(noisy[0]), KEPT: planes_of(noisy[1])}
    current = planes_of(clean)
    alone, both = (search_motion(current, dict(r), qp_map(128, 192)) for r in ([*references.items()][:1], references))
    check_valid(both)
    assert (both.ref == NEAR | KEPT).mean() > 0.9
    errors = [float((predict(references, f).y - current.y).double().square().mean()) for f in (alone, both)]
    assert errors[1] < 0.6 * errors[0]


def test_a_hidden_place_comes_from_the_frame_that_still_shows_it() -> None:
    kept = texture(128, 192, 8)
    before = kept.copy()
    before[32:96, 64:128] = texture(64, 64, 9)
    references = {NEAR: planes_of(before), KEPT: planes_of(kept)}
    field = search_motion(planes_of(kept), references, qp_map(128, 192))
    check_valid(field)
    assert (field.ref[4:12, 8:16] == KEPT).all()
    assert not field.kept_vectors.any()
