"""The ladder: order, answers at any moment, refinement, cancelling."""

from __future__ import annotations

import threading
from collections.abc import Callable

import numpy as np
import pytest

from codec.anchors.base import Anchor, QualityRange
from codec.anchors.cache import RunCache
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.ladder import Ladder
from codec.errors import Cancelled
from codec.jobs import CancelToken
from codec.picture import Picture
from codec.run import Run


class CountingJpeg(JpegAnchor):
    """JPEG that remembers which qualities it encoded."""

    def __init__(self) -> None:
        self.encoded: list[float] = []

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        self.encoded.append(quality)
        return super().encode(picture, quality, cancel=cancel)


@pytest.fixture
def picture(make_picture: Callable[..., Picture]) -> Picture:
    return make_picture(96, 64)


def test_fill_goes_from_coarse_to_fine(picture: Picture) -> None:
    anchor, seen, fractions = CountingJpeg(), [], []
    ladder = Ladder(anchor, picture)
    assert ladder.nearest_by_bytes(1000) is None
    assert ladder.nearest_by_psnr(30) is None
    ladder.fill(on_run=lambda run: seen.append(run.metrics["quality"]), progress=lambda f, _: fractions.append(f))
    assert anchor.encoded[:3] == [5, 95, 50]
    assert seen == anchor.encoded == ladder.qualities
    assert sorted(seen) == anchor.quality.points()
    assert ladder.complete
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1
    sizes = [run.metrics["bytes"] for run in ladder.runs]
    assert sizes == sorted(sizes)


def test_nothing_is_encoded_twice(picture: Picture) -> None:
    anchor = CountingJpeg()
    ladder = Ladder(anchor, picture)
    first = ladder.run(50)
    ladder.fill()
    assert ladder.run(50.2) is first
    assert len(anchor.encoded) == len(set(anchor.encoded))


def test_a_shared_cache_spares_the_next_ladder(picture: Picture) -> None:
    anchor, cache = CountingJpeg(), RunCache()
    Ladder(anchor, picture, cache=cache).fill()
    before = len(anchor.encoded)
    assert Ladder(anchor, picture, cache=cache).fill()
    assert len(anchor.encoded) == before


def test_pictures_beyond_the_cache_are_decoded_again(picture: Picture) -> None:
    anchor, cache = CountingJpeg(), RunCache(limit_bytes=3 * picture.pixels + 5000)  # room for one picture
    ladder = Ladder(anchor, picture, cache=cache)
    first = ladder.run(20)
    ladder.run(80)
    assert not any(isinstance(run, Run) for run in ladder.runs), "the cap holds for all that is kept"
    assert cache.get(first.key) is None
    nearest = ladder.nearest_by_bytes(first.metrics["bytes"])
    assert nearest is not None
    again = ladder.whole(nearest)
    assert again is not first
    assert (again.key, again.metrics, again.label) == (first.key, first.metrics, first.label)
    for plane, before in zip(again.reconstruction.planes, first.reconstruction.planes, strict=True):
        np.testing.assert_array_equal(plane, before)
    assert cache.get(first.key) is again
    assert anchor.encoded == [20, 80]


def test_nearest_answers_from_what_there_is(picture: Picture) -> None:
    anchor = CountingJpeg()
    ladder = Ladder(anchor, picture)
    low, high = ladder.run(5), ladder.run(95)
    assert ladder.nearest_by_bytes(1) is low
    assert ladder.nearest_by_bytes(10**9) is high
    assert ladder.nearest_by_psnr(high.metrics["psnr_rgb_db"] - 0.1) is high
    assert len(anchor.encoded) == 2


@pytest.mark.parametrize("goal", [7, 33, 62, 88])
def test_bisection_finds_the_nearest_quality(picture: Picture, goal: int) -> None:
    exact = Ladder(CountingJpeg(), picture).run(goal)
    anchor = CountingJpeg()
    found = Ladder(anchor, picture).bisect_bytes(exact.metrics["bytes"], tolerance=0)
    assert found.metrics["bytes"] == exact.metrics["bytes"]
    assert len(anchor.encoded) < 15
    found = Ladder(CountingJpeg(), picture).bisect_psnr(exact.metrics["psnr_rgb_db"], tolerance_db=0.0)
    assert found.metrics["psnr_rgb_db"] == pytest.approx(exact.metrics["psnr_rgb_db"], abs=0.05)


def test_bisection_stops_within_the_tolerance(picture: Picture) -> None:
    anchor = CountingJpeg()
    ladder = Ladder(anchor, picture)
    size = ladder.run(50).metrics["bytes"]
    assert ladder.bisect_bytes(size * 1.005).metrics["quality"] == 50
    assert anchor.encoded == [50]


def test_targets_out_of_reach_give_the_ends(picture: Picture) -> None:
    ladder = Ladder(CountingJpeg(), picture)
    assert ladder.bisect_bytes(1).metrics["quality"] <= 3  # the lowest qualities saturate to equal sizes
    assert ladder.bisect_bytes(10**9).metrics["quality"] == 100


def test_cancel_stops_the_filling(picture: Picture) -> None:
    anchor, cancel = CountingJpeg(), CancelToken()
    ladder = Ladder(anchor, picture)
    with pytest.raises(Cancelled):
        ladder.fill(cancel=cancel, on_run=lambda _: cancel.cancel())
    assert len(anchor.encoded) == 1
    assert len(ladder.runs) == 1
    with pytest.raises(Cancelled):
        ladder.bisect_bytes(1000, cancel=cancel)


def test_a_cancelled_caller_does_not_wait_for_the_encoder(picture: Picture) -> None:
    started, release = threading.Event(), threading.Event()

    class Slow(CountingJpeg):
        def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
            started.set()
            release.wait(60)
            return super().encode(picture, quality, cancel=cancel)

    ladder, cancel = Ladder(Slow(), picture), CancelToken()
    thread = threading.Thread(target=ladder.run, args=(50,))
    thread.start()
    started.wait(60)
    threading.Timer(0.1, cancel.cancel).start()
    with pytest.raises(Cancelled):
        ladder.run(60, cancel=cancel)
    release.set()
    thread.join(60)
    assert [run.metrics["quality"] for run in ladder.runs] == [50]


def test_quality_range() -> None:
    axis = QualityRange(0, 51, 1, True, "QP", (16, 45, 4))
    assert axis.points() == [16, 20, 24, 28, 32, 36, 40, 44, 45]
    assert (axis.snap(30.4), axis.snap(-5), axis.snap(99)) == (30, 0, 51)
    assert isinstance(JpegAnchor(), Anchor)
