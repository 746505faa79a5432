"""Settings, painted offsets, undo and presets: values without Qt."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec.aq.settings import AqScales
from codec.errors import InputError, SettingsError
from tnc_studio.model.offsets import Brush, OffsetGrid, painted
from tnc_studio.model.presets import BUILT_IN, from_json, to_json
from tnc_studio.model.settings import Tuning, describe, needs_inr, without_inr
from tnc_studio.model.undo import Step, UndoLog


def test_settings_are_what_the_tuning_says() -> None:
    grid = OffsetGrid.of(np.array([[1, -2], [0, 3]]))
    tuning = Tuning(qp=30, aq=0.5, effort=1, qp_map=grid, force_blocks=((0, 0, "vae"),))
    settings = tuning.encode_settings()
    assert (settings.qp, settings.aq, settings.effort) == (30, 0.5, 1)
    assert np.array_equal(settings.qp_map, grid.array)
    assert "AQ 0.5" in describe(settings)
    assert describe(Tuning().encode_settings()) == "model default, effort 0"
    aimed = replace(tuning, target_psnr_db=38.0).encode_settings()
    assert (aimed.qp, aimed.target_psnr_db) == (None, 38.0)
    assert describe(settings) != describe(tuning.curve_settings(30))
    assert tuning.without_picture().qp_map is None
    assert Tuning(qp_map=OffsetGrid.zeros(40, 40)).encode_settings().qp_map is None, "an empty map is none"


def test_what_over_fits_and_the_same_without() -> None:
    for tuning in (Tuning(branch="inr"), Tuning(inr_iterations=10), Tuning(force_blocks=((0, 1, "inr"),))):
        settings = tuning.encode_settings()
        assert needs_inr(settings)
        assert not needs_inr(without_inr(settings))
    assert not needs_inr(Tuning(force_blocks=((0, 1, "vae"),)).encode_settings())


def test_a_stroke_paints_the_blocks_it_passes() -> None:
    empty = OffsetGrid.zeros(160, 320)
    brush = Brush(size_px=32, strength=-5)
    dot = painted(empty, brush, (40, 40), (40, 40)).array
    assert dot[2, 2] == -5
    assert np.count_nonzero(dot) == 5, "the block and its four neighbours, 16 px away"
    line = painted(empty, Brush(size_px=16, strength=4), (8, 72), (312, 72)).array
    assert (line[4] == 4).all()
    assert np.count_nonzero(line) == 20
    erased = painted(OffsetGrid.of(line), Brush(size_px=16, erase=True), (8, 72), (150, 72)).array
    assert np.count_nonzero(erased) == 10
    assert (painted(empty, brush, (-50, -50), (-50, -50)).array == 0).all()


def test_grids_check_their_size_and_clamp() -> None:
    with pytest.raises(InputError):
        OffsetGrid(2, 2, "00")
    with pytest.raises(InputError):
        OffsetGrid(1, 1, "zz")
    assert OffsetGrid.of(np.array([[100, -100]])).array.tolist() == [[31, -32]]
    assert OffsetGrid.zeros(17, 33).fits(17, 33)
    assert not OffsetGrid.zeros(17, 33).fits(16, 33)


def test_undo_and_redo_with_slider_moves_as_one_step() -> None:
    now = 0.0
    log = UndoLog(lambda: now)
    a, b, c, d = (Tuning(qp=qp) for qp in (30.0, 31.0, 32.0, 33.0))
    log.push(Step("QP", a, b, "qp"))
    now = 0.5
    log.push(Step("QP", b, c, "qp"))
    now = 5.0
    log.push(Step("QP", c, d, "qp"))
    assert log.undo() == c
    assert log.undo() == a
    assert log.undo() is None
    assert log.redo() == c
    assert log.redo_text == "QP"
    log.push(Step("effort", c, replace(c, effort=1)))
    assert log.redo() is None, "a new edit ends what could be done again"
    assert log.undo_text == "effort"
    log.push(Step("nothing", c, c))
    assert log.undo_text == "effort"


def test_presets_read_back_and_leave_the_pictures_own_alone() -> None:
    tuning = Tuning(qp=28.5, effort=1, aq=0.7, aq_scales=AqScales(noise=0), qp_map=OffsetGrid.zeros(16, 16))
    preset = from_json("mine", to_json(tuning))
    assert preset.tuning == replace(tuning, qp_map=None)
    assert "qp_map" not in preset.changes
    assert "follow" not in preset.changes
    for text in ("{", "[]", '{"qp": 99}', '{"aq_scales": {"colour": 1}}'):
        with pytest.raises(SettingsError, match="mine"):
            from_json("mine", text)
    for preset in BUILT_IN:
        preset.tuning.encode_settings()
