"""CUTree against the slow implementation, for chains and for pyramids of B frames, and what it means."""

from __future__ import annotations

import numpy as np
import pytest

from codec.tcm.lookahead.cutree import Reference, TreeFrame, collected, cutree_term, information
from tests.codec.tcm.lookahead import reference

SHAPE = (4, 6)
Links = list[list[tuple[int, np.ndarray, np.ndarray]]]


def random_costs(count: int, seed: int) -> tuple[list[np.ndarray], list[np.ndarray], list[np.ndarray]]:
    rng = np.random.default_rng(seed)
    intra = [rng.uniform(5, 2000, SHAPE) for _ in range(count)]
    inter = [costs * rng.uniform(0, 1.2, SHAPE) for costs in intra]
    aq = [rng.uniform(-4, 4, SHAPE) for _ in range(count)]
    return intra, inter, aq


def vectors(rng: np.random.Generator, reach: int = 200) -> np.ndarray:
    return rng.integers(-reach, reach + 1, (*SHAPE, 2)).astype(np.int16)


def chain(count: int) -> Links:
    rng = np.random.default_rng(1)
    return [[]] + [[(k - 1, vectors(rng), np.ones(SHAPE))] for k in range(1, count)]


def pyramid() -> Links:
    """I0 P4 B2 B1 B3 in coding order: each B from both sides, with weights that differ by block."""
    rng = np.random.default_rng(2)
    links: Links = [[], [(0, vectors(rng), np.ones(SHAPE))]]
    for first, second in ((0, 1), (0, 2), (2, 1)):
        weight = rng.choice([0.0, 0.25, 0.5, 1.0], SHAPE)
        links.append([(first, vectors(rng), weight), (second, vectors(rng), 1 - weight)])
    return links


def trees(intra: list[np.ndarray], inter: list[np.ndarray], aq: list[np.ndarray], links: Links) -> list[TreeFrame]:
    return [
        TreeFrame(
            intra[k], inter[k], information(intra[k], aq[k]),
            tuple(Reference(k - target, field, share) for target, field, share in links[k]),
        )
        for k in range(len(intra))
    ]  # fmt: skip


@pytest.mark.parametrize("links", [chain(6), pyramid()], ids=["P chain", "B pyramid"])
@pytest.mark.parametrize("strength", [1.0, 0.5])
def test_offsets_are_those_of_the_slow_implementation(links: Links, strength: float) -> None:
    intra, inter, aq = random_costs(len(links), 3)
    frames = trees(intra, inter, aq, links)
    slow = reference.cutree(intra, inter, aq, links, strength)
    for frame, amount, expected in zip(frames, collected(frames), slow, strict=True):
        np.testing.assert_allclose(cutree_term(frame, amount, strength), expected, rtol=1e-5, atol=1e-5)


def test_frames_that_nobody_refers_to_collect_nothing() -> None:
    intra, inter, aq = random_costs(5, 4)
    amounts = collected(trees(intra, inter, aq, pyramid()))
    assert all(amount.any() for amount in amounts[:3])
    assert not any(amount.any() for amount in amounts[3:])


def test_what_refers_to_a_frame_before_the_first_is_ignored() -> None:
    intra, inter, aq = random_costs(4, 5)
    frames = trees(intra, inter, aq, chain(4))
    whole, rest = collected(frames), collected(frames[1:])
    for first, second in zip(whole[1:], rest, strict=True):
        np.testing.assert_array_equal(first, second)


def still(count: int, share: float) -> list[TreeFrame]:
    """A still clip of which every frame takes over a share of the one before."""
    intra = np.full(SHAPE, 500.0)
    link = (Reference(1, np.zeros((*SHAPE, 2), np.int16)),)
    return [TreeFrame(intra, intra * (1 - share), intra, link) for _ in range(count)]


def test_a_still_clip_gains_two_qp_per_doubling_of_the_frames_that_build_on_it() -> None:
    frames = still(40, 1.0)
    amounts = collected(frames)
    offsets = [cutree_term(frame, amount, 1.0).mean() for frame, amount in zip(frames, amounts, strict=True)]
    np.testing.assert_allclose(offsets, [-2 * np.log2(40 - k) for k in range(40)], rtol=1e-5)
    assert -11 < offsets[0] < -10


def test_less_is_handed_on_where_prediction_is_worse_and_nothing_where_it_fails() -> None:
    offsets = [cutree_term(still(40, share)[0], collected(still(40, share))[0], 1.0).mean() for share in (0, 0.5, 0.9)]
    assert offsets[0] == 0
    assert offsets[0] > offsets[1] > offsets[2]


def test_what_leaves_the_picture_is_dropped_and_the_rest_is_kept() -> None:
    amount = np.zeros(SHAPE)
    amount[0, 0] = 1.0
    for vector, expected in (((0, 0), 1.0), ((64, 64), 1.0), ((-32, 0), 0.5), ((-32, -32), 0.25), ((0, -64), 0.0)):
        arrived = Reference(1, np.full((*SHAPE, 2), vector, np.int16)).spread(amount)
        assert arrived.sum() == pytest.approx(expected)
    arrived = Reference(1, np.full((*SHAPE, 2), (80, 16), np.int16)).spread(amount)
    np.testing.assert_allclose(arrived[0, 1:3], [0.75 * 0.75, 0.25 * 0.75])
    np.testing.assert_allclose(arrived[1, 1:3], [0.75 * 0.25, 0.25 * 0.25])
