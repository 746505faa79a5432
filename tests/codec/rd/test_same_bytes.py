"""Anchors at the bytes of a run."""

from __future__ import annotations

import pytest

from codec.anchors.hevc import HevcAnchor
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.runs import run_anchor
from codec.anchors.search import distance
from codec.errors import AnchorError, Cancelled
from codec.jobs import CancelToken
from codec.picture import Picture
from codec.rd.same_bytes import match_bytes


class Failing(JpegAnchor):
    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        raise AnchorError("broke")


def test_each_anchor_comes_as_near_as_it_can(picture: Picture) -> None:
    target = run_anchor(JpegAnchor(), picture, 60)
    jpeg, bpg, failing = match_bytes(target, picture, [JpegAnchor(), HevcAnchor(), Failing()])
    assert jpeg.run is not None
    assert jpeg.mismatch_percent == pytest.approx(0, abs=1.001)
    assert bpg.run is not None
    size = target.metrics["bytes"]
    assert bpg.mismatch_percent == pytest.approx(100 * (bpg.run.metrics["bytes"] / size - 1))
    qp = bpg.run.metrics["quality"]
    best = distance("bytes", bpg.run.metrics["bytes"], size)
    for other in (qp - 1, qp + 1):
        neighbour = run_anchor(HevcAnchor(), picture, other).metrics["bytes"]
        assert best <= 1.01 or distance("bytes", neighbour, size) >= best
    assert (failing.run, failing.error) == (None, "broke")


def test_cancel(picture: Picture) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        match_bytes(run_anchor(JpegAnchor(), picture, 60), picture, [JpegAnchor()], cancel=cancel)
