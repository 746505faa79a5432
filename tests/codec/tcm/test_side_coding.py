from collections.abc import Callable

import numpy as np
import pytest

from codec.errors import BitstreamError, InputError
from codec.tcm.contexts import ELEMENTS, frequencies, start_counts
from codec.tcm.motion.field import FAR, INTER, INTRA, KEPT, NEAR, REFERENCES, MotionField
from codec.tcm.side_coding import SideCoder, SideInfo

ROWS, COLS = 8, 12


def random_info(seed: int, *, key: bool = False, references: tuple[int, ...] = (NEAR,)) -> SideInfo:
    """Leaves of every size, mode and reference, long and short vectors, QP offsets that change here and there."""
    rng = np.random.default_rng(seed)
    offsets = rng.integers(-4, 5, (ROWS, COLS)).astype(np.int8)
    if key:
        return SideInfo(None, np.ones((ROWS, COLS), bool), offsets)
    sizes = np.zeros((2 * ROWS, 2 * COLS), np.uint8)

    def grow(top: int, left: int, log2_size: int) -> None:
        side = 1 << log2_size - 3
        if log2_size > 3 and rng.random() < 0.6:
            for r in (0, side // 2):
                for c in (0, side // 2):
                    grow(top + r, left + c, log2_size - 1)
            return
        at = slice(top, top + side), slice(left, left + side)
        sizes[at] = log2_size
        mode[at] = INTRA if rng.random() < 0.2 else INTER
        if mode[top, left] == INTRA:
            return
        for used in rng.choice(references, rng.integers(1, min(2, len(references)) + 1), replace=False):
            ref[at] |= np.uint8(used)
            vectors[int(used)][at] = rng.integers(-2048, 2049, 2) if rng.random() < 0.3 else (4, -8)

    mode, ref = np.zeros_like(sizes), np.zeros_like(sizes)
    vectors = {r: np.zeros((*sizes.shape, 2), np.int16) for r in REFERENCES}
    for top in range(0, sizes.shape[0], 8):
        for left in range(0, sizes.shape[1], 8):
            grow(top, left, 6)
    motion = MotionField(sizes, mode, vectors[NEAR], ref, vectors[FAR], vectors[KEPT])
    return SideInfo(motion, rng.random((ROWS, COLS)) < 0.3, offsets)


def same(a: SideInfo, b: SideInfo) -> bool:
    fields = [(a.coded, b.coded), (a.offsets, b.offsets)]
    if a.motion is not None and b.motion is not None:
        names = ("log2_size", "mode", "ref", "vectors", "far_vectors", "kept_vectors")
        fields += [(getattr(a.motion, n), getattr(b.motion, n)) for n in names]
    return (a.motion is None) == (b.motion is None) and all(np.array_equal(x, y) for x, y in fields)


def test_frames_come_back_group_after_group() -> None:
    infos = [random_info(seed, key=seed in (0, 4)) for seed in range(8)]
    writer, reader = SideCoder(ROWS, COLS), SideCoder(ROWS, COLS)
    for info in infos:
        coded = writer.encode(info)
        assert same(reader.decode(coded.payload, key=info.motion is None), info)
        assert sum(coded.bits.values()) == pytest.approx(8 * len(coded.payload), abs=80)


def test_frames_that_are_kept_become_a_third_reference() -> None:
    writer, reader = SideCoder(ROWS, COLS), SideCoder(ROWS, COLS)
    there = []
    for number in range(9):
        key, kept = number in (0, 7), number == 3
        references = (NEAR, *writer.chains.to)
        there.append(sum(references))
        info = random_info(number, key=key, references=references)
        coded = writer.encode(info, kept=kept)
        assert same(reader.decode(coded.payload, key=key, kept=kept), info)
    # After a key frame only it; then the two last frames; a kept frame counts once it is neither of them.
    both, three = NEAR | FAR, NEAR | FAR | KEPT
    assert there[1:] == [NEAR, both, three, both, both, three, three, NEAR]


def test_a_reference_that_is_not_there_is_refused() -> None:
    writer = SideCoder(ROWS, COLS)
    writer.encode(random_info(0, key=True))
    with pytest.raises(InputError):
        writer.encode(random_info(1, references=REFERENCES))
    writer = SideCoder(ROWS, COLS)
    writer.encode(random_info(0, key=True))
    writer.encode(random_info(1))
    with pytest.raises(BitstreamError, match="refers"):
        writer.encode(random_info(2, references=REFERENCES))


def test_a_key_frame_forgets_all_before() -> None:
    used, fresh = SideCoder(ROWS, COLS), SideCoder(ROWS, COLS)
    for seed in range(3):
        used.encode(random_info(seed, key=seed == 0))
    for info in (random_info(7, key=True), random_info(8)):
        assert used.encode(info).payload == fresh.encode(info).payload


def test_probabilities_follow_what_is_coded() -> None:
    coder = SideCoder(ROWS, COLS)
    coder.encode(random_info(0, key=True))
    info = random_info(1)
    sizes = [len(coder.encode(info).payload) for _ in range(4)]
    assert sizes[-1] < sizes[0] / 2  # temporal candidates and learned counts


def test_motion_that_a_decoder_would_see_otherwise_is_refused() -> None:
    def broken(change: Callable[[MotionField], None]) -> SideInfo:
        info = random_info(1)
        assert info.motion is not None
        change(info.motion)
        return info

    def vector_of_intra(motion: MotionField) -> None:
        row, col = np.argwhere(motion.mode == INTRA)[0]
        motion.vectors[row, col] = 4

    def two_vectors(motion: MotionField) -> None:
        row, col = np.argwhere((motion.log2_size > 3) & (motion.mode == INTER))[0]
        motion.vectors[row, col + 1] += 4

    def leaf_out_of_place(motion: MotionField) -> None:
        motion.log2_size[0, 0] = 3 if motion.log2_size[0, 0] > 3 else 6

    for change in (vector_of_intra, two_vectors, leaf_out_of_place):
        coder = SideCoder(ROWS, COLS)
        coder.encode(random_info(0, key=True))
        with pytest.raises(InputError, match="quadtree"):
            coder.encode(broken(change))


def test_a_p_frame_needs_a_key_frame() -> None:
    with pytest.raises(BitstreamError, match="key frame"):
        SideCoder(ROWS, COLS).decode(b"abc", key=False)


def test_damaged_bytes_give_an_error_or_a_frame_of_the_right_kind() -> None:
    writer = SideCoder(ROWS, COLS)
    writer.encode(random_info(0, key=True))
    payload = writer.encode(random_info(1)).payload
    rng = np.random.default_rng(3)
    for _ in range(200):
        data = bytearray(payload)
        data[rng.integers(len(data))] ^= 1 << int(rng.integers(8))
        reader = SideCoder(ROWS, COLS)
        reader.decode(writer.encode(random_info(0, key=True)).payload, key=True)
        try:
            info = reader.decode(bytes(data), key=False)
        except BitstreamError:
            continue
        assert info.motion is not None
        assert np.abs(info.motion.vectors).max() <= 2048


def test_frequencies_are_complete() -> None:
    for element in ELEMENTS:
        table = frequencies(start_counts()[element.name])
        assert table.shape == (element.contexts, element.symbols)
        assert table.min() >= 1
        assert (table.sum(1) == 1 << 16).all()
