"""Damaged streams: what is left is decoded, the rest is grey, and the report says which is which."""

from __future__ import annotations

import numpy as np
import pytest

from codec.errors import BitstreamError
from codec.picture import Picture
from codec.stream import SectionType, read_stream
from codec.tnc.encoder import ImageEncoder
from codec.tnc.models import LoadedModel
from codec.tnc.results import EncodeResult
from codec.tnc.salvage import salvage_image
from codec.tnc.settings import EncodeSettings
from tests.golden.make_golden import synthetic

ROWS = 64
HEIGHT = 64 * 9


@pytest.fixture(scope="module")
def picture() -> Picture:
    """Nine slices of one unit each, with alpha."""
    rgb = synthetic(HEIGHT, 70, grey=False, seed=6).rgb
    alpha = np.broadcast_to(np.arange(70, dtype=np.uint8), (HEIGHT, 70))
    return Picture.from_array(np.dstack([rgb, alpha]))


@pytest.fixture(scope="module")
def coded(picture: Picture, shipped: LoadedModel) -> EncodeResult:
    qp_map = np.zeros((HEIGHT // 16, 5), np.int16)
    qp_map[4:9] = -3
    return ImageEncoder(picture, model=shipped, slice_units=1).encode(EncodeSettings(qp=30, qp_map=qp_map))


def place(result: EncodeResult, name: str) -> tuple[int, int]:
    """Offset and size of a section."""
    (info,) = [info for info in read_stream(result.stream).infos if info.name == name]
    return info.offset, info.bytes


def hit(stream: bytes, *offsets: int) -> bytes:
    damaged = bytearray(stream)
    for offset in offsets:
        damaged[offset] ^= 0x5A
    return bytes(damaged)


def check_rows(found: Picture, result: EncodeResult, lost: list[int], margin_px: int) -> None:
    """Lost slices are grey, all rows beyond the margin are as they were."""
    whole = np.stack(result.reconstruction.planes, -1).astype(int)
    left = np.stack(found.planes, -1).astype(int)
    near = np.zeros(HEIGHT, bool)
    for index in lost:
        assert (left[index * ROWS : (index + 1) * ROWS] == 128).all()
        near[max(0, index * ROWS - margin_px) : (index + 1) * ROWS + margin_px] = True
    assert np.abs(left - whole)[~near].max(initial=0) <= 1
    assert not near.all()


def test_nothing_is_lost_of_a_whole_stream(coded: EncodeResult) -> None:
    found = salvage_image(coded.stream)
    assert found.complete
    assert (found.damage, found.uncertain_px) == ((), 0)
    assert found.picture.source_hash == coded.reconstruction.source_hash


@pytest.mark.parametrize("index", [0, 4, 8])
def test_a_damaged_slice(coded: EncodeResult, index: int) -> None:
    offset, size = place(coded, f"slice {index}")
    found = salvage_image(hit(coded.stream, offset + size // 2))
    assert found.lost_rows == ((index * ROWS, (index + 1) * ROWS),)
    assert len(found.damage) == 1
    assert found.damage[0].startswith(f"slice at byte {offset}")
    check_rows(found.picture, coded, [index], found.uncertain_px)
    np.testing.assert_array_equal(found.picture.alpha, coded.reconstruction.alpha)


@pytest.mark.parametrize("index", [0, 3, 8])
def test_a_damaged_length_loses_one_slice_and_not_those_behind(coded: EncodeResult, index: int) -> None:
    offset, _ = place(coded, f"slice {index}")
    found = salvage_image(hit(coded.stream, offset + 1))
    check_rows(found.picture, coded, [top // ROWS for top, _ in found.lost_rows], found.uncertain_px)
    assert found.lost_rows == ((index * ROWS, (index + 1) * ROWS),)


def test_two_damaged_places(coded: EncodeResult) -> None:
    (first, _), (second, size) = place(coded, "slice 2"), place(coded, "slice 6")
    found = salvage_image(hit(coded.stream, first + 3, second + size - 1))
    assert found.lost_rows == ((2 * ROWS, 3 * ROWS), (6 * ROWS, 7 * ROWS))
    check_rows(found.picture, coded, [2, 6], found.uncertain_px)


def test_a_cut_stream(coded: EncodeResult) -> None:
    offset, size = place(coded, "slice 5")
    found = salvage_image(coded.stream[: offset + size // 2])
    assert found.lost_rows == ((5 * ROWS, HEIGHT),)
    assert "bytes are missing at the end" in found.damage[-1]
    check_rows(found.picture, coded, [5, 6, 7, 8], found.uncertain_px)
    exactly = salvage_image(coded.stream[:offset])
    assert exactly.lost_rows == found.lost_rows


def test_bytes_in_the_middle_that_are_gone(coded: EncodeResult) -> None:
    offset, size = place(coded, "slice 4")
    found = salvage_image(coded.stream[: offset + 5] + coded.stream[offset + size - 2 :])
    assert ((4 * ROWS, 5 * ROWS) in found.lost_rows) or found.lost_rows[0][0] == 4 * ROWS
    lost = [row // ROWS for top, bottom in found.lost_rows for row in range(top, bottom, ROWS)]
    check_rows(found.picture, coded, lost, found.uncertain_px)


def test_foreign_bytes_behind_the_end(coded: EncodeResult) -> None:
    found = salvage_image(coded.stream + b"foreign")
    assert found.complete
    assert len(found.damage) == 1


def test_what_decides_is_not_guessed(coded: EncodeResult) -> None:
    offset, size = place(coded, "qp_map")
    with pytest.raises(BitstreamError, match="qp_map is damaged, without which no slice can be read"):
        salvage_image(hit(coded.stream, offset + size - 1))
    for at in (offset, offset + 1):  # its type, its length
        with pytest.raises(BitstreamError):
            salvage_image(hit(coded.stream, at))
    with pytest.raises(BitstreamError):
        salvage_image(hit(coded.stream, 8))


def test_nothing_left(coded: EncodeResult) -> None:
    offsets = [place(coded, f"slice {index}")[0] + 4 for index in range(9)]
    with pytest.raises(BitstreamError, match="no slice is left undamaged"):
        salvage_image(hit(coded.stream, *offsets))


def test_lost_alpha_is_opaque_and_said(coded: EncodeResult) -> None:
    offset, size = place(coded, "alpha")
    found = salvage_image(hit(coded.stream, offset + size - 6))
    assert found.picture.alpha is None
    assert found.damage == (f"alpha at byte {offset} ({size} bytes) is damaged",)
    assert found.complete


def test_any_single_byte(coded: EncodeResult) -> None:
    """Wherever one byte is hit: an error, or every row that is not reported lost is as it was."""
    random = np.random.default_rng(3)
    kinds = set()
    for offset in random.integers(0, len(coded.stream), 40):
        try:
            found = salvage_image(hit(coded.stream, int(offset)))
        except BitstreamError:
            kinds.add("error")
            continue
        lost = [row // ROWS for top, bottom in found.lost_rows for row in range(top, bottom, ROWS)]
        kinds.add(len(lost))
        assert found.damage
        check_rows(found.picture, coded, lost, found.uncertain_px)
    assert 1 in kinds
    assert SectionType.ALPHA
