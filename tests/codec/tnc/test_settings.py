"""Settings compare by everything that changes a stream, and refuse what no stream can carry."""

from __future__ import annotations

import math

import numpy as np
import pytest

from codec.errors import SettingsError
from codec.tnc.settings import EncodeSettings, checked_offsets


def test_settings_with_different_maps_differ() -> None:
    first, second = (EncodeSettings(qp=30, qp_map=np.full((2, 3), n)) for n in (1, 2))
    assert first == EncodeSettings(qp=30, qp_map=[[1] * 3] * 2)
    assert first != second
    assert first != EncodeSettings(qp=30)
    assert first != EncodeSettings(qp=30, qp_map=np.full((3, 2), 1))
    assert len({first, second}) == 2


def test_a_map_is_a_copy_that_nobody_changes() -> None:
    mine = np.zeros((2, 2), int)
    settings = EncodeSettings(qp_map=mine)
    mine[0, 0] = 5
    assert settings.qp_map is not None
    assert not settings.qp_map.any()
    with pytest.raises(ValueError, match="read-only"):
        settings.qp_map[0, 0] = 1


@pytest.mark.parametrize("offsets", ["text", [["a"]], [1, 2], [[]], [[0.5]], [[32]], [[-33]], [[math.nan]]])
def test_what_is_no_map_is_refused(offsets: object) -> None:
    with pytest.raises(SettingsError):
        checked_offsets(offsets)


@pytest.mark.parametrize("field", ["target_bpp", "target_psnr_db", "target_bytes"])
@pytest.mark.parametrize("value", [0, -1, math.inf, math.nan])
def test_targets_are_positive_and_finite(field: str, value: float) -> None:
    with pytest.raises(SettingsError, match="positive and finite"):
        EncodeSettings(**{field: value})


def test_only_one_quality_is_given() -> None:
    with pytest.raises(SettingsError, match="only one"):
        EncodeSettings(qp=30, target_bpp=1.0)
