"""Every anchor alike: real encodes of small pictures, of all sizes, and what they refuse."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from codec.anchors.base import Anchor
from codec.anchors.hevc import CONTAINER_BYTES, HevcAnchor
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.padding import MAGIC
from codec.anchors.runs import run_anchor
from codec.anchors.vvc import VvcAnchor
from codec.errors import AnchorError, Cancelled
from codec.jobs import CancelToken
from codec.metrics import psnr_rgb_db
from codec.picture import Picture

ANCHORS = [HevcAnchor(), VvcAnchor("faster"), JpegAnchor()]
MIDDLE = {"bpg": 28.0, "vvc": 30.0, "jpeg": 70.0}

MakePicture = Callable[..., Picture]
every_anchor = pytest.mark.parametrize("anchor", ANCHORS, ids=lambda anchor: anchor.id)


@every_anchor
def test_can_run_here(anchor: Anchor) -> None:
    assert anchor.availability() is None
    assert anchor.version


@every_anchor
@pytest.mark.parametrize("size", [(1, 1), (8, 8), (7, 5), (65, 3), (33, 70), (97, 65), (64, 96)])
@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
def test_any_size_comes_back_close(
    anchor: Anchor, size: tuple[int, int], grey: bool, make_picture: MakePicture
) -> None:
    picture = make_picture(*size, grey=grey)
    decoded = anchor.decode(anchor.encode(picture, MIDDLE[anchor.id]))
    assert (decoded.height_px, decoded.width_px, decoded.color) == (*size, picture.color)
    assert psnr_rgb_db(picture, decoded) > 34


@every_anchor
def test_better_quality_costs_more_and_is_closer(anchor: Anchor, make_picture: MakePicture) -> None:
    picture = make_picture(64, 96)
    values = [20.0, 32.0, 44.0] if anchor.quality.lower_is_better else [95.0, 60.0, 10.0]
    runs = [run_anchor(anchor, picture, value) for value in values]
    for name in ("bytes", "psnr_rgb_db", "psnr_y_db"):
        measured = [run.metrics[name] for run in runs]
        assert measured == sorted(measured, reverse=True)
        assert len(set(measured)) == 3


@every_anchor
def test_same_input_same_stream(anchor: Anchor, make_picture: MakePicture) -> None:
    picture = make_picture(64, 96)
    assert anchor.encode(picture, MIDDLE[anchor.id]) == anchor.encode(picture, MIDDLE[anchor.id])


@every_anchor
def test_metadata_costs_no_bytes(anchor: Anchor, make_picture: MakePicture) -> None:
    picture = make_picture(64, 96)
    tagged = replace(picture, icc=bytes(5000), exif=bytes(5000))
    assert anchor.encode(tagged, MIDDLE[anchor.id]) == anchor.encode(picture, MIDDLE[anchor.id])


@every_anchor
def test_damaged_streams_are_anchor_errors(anchor: Anchor, make_picture: MakePicture) -> None:
    stream = anchor.encode(make_picture(64, 96), MIDDLE[anchor.id])
    noise = np.random.default_rng(1).bytes(3000)
    for bad in (b"", b"abc", bytes(100), noise, stream[:30], MAGIC, MAGIC + noise, MAGIC + bytes(5) + stream):
        with pytest.raises(AnchorError):
            anchor.decode(bad)


@every_anchor
def test_refusals(anchor: Anchor, make_picture: MakePicture) -> None:
    picture = make_picture(16, 16)
    for quality in (anchor.quality.low - 1, anchor.quality.high + 1):
        with pytest.raises(AnchorError, match="must lie in"):
            anchor.encode(picture, quality)
    with pytest.raises(AnchorError, match=r"goes in steps of 1, got 30\.5"):
        anchor.encode(picture, 30.5)
    deep = Picture.from_array(np.zeros((4, 4, 3), np.uint16))
    with pytest.raises(AnchorError, match="16-bit"):
        anchor.encode(deep, MIDDLE[anchor.id])
    with pytest.raises(AnchorError, match="ycbcr"):
        anchor.encode(replace(picture, color="ycbcr"), MIDDLE[anchor.id])


@every_anchor
def test_cancelled_before_it_starts(anchor: Anchor, make_picture: MakePicture) -> None:
    cancel = CancelToken()
    cancel.cancel()
    picture = make_picture(16, 16)
    with pytest.raises(Cancelled):
        anchor.encode(picture, MIDDLE[anchor.id], cancel=cancel)
    with pytest.raises(Cancelled):
        anchor.decode(b"", cancel=cancel)


def test_cancel_ends_a_long_encode() -> None:
    noise = np.random.default_rng(3).integers(0, 256, (1024, 1024, 3), dtype=np.uint8)
    cancel = CancelToken()
    timer = threading.Timer(0.5, cancel.cancel)
    timer.start()
    with pytest.raises(Cancelled):  # slower on noise at QP 0 needs minutes; the test's own limit guards this
        VvcAnchor("slower").encode(Picture.from_array(noise), 0, cancel=cancel)
    timer.join()


def test_plain_streams_need_no_header(make_picture: MakePicture) -> None:
    even, odd, grey = make_picture(64, 96), make_picture(65, 97), make_picture(64, 96, grey=True)
    hevc, vvc = HevcAnchor(), VvcAnchor("faster")
    for stream in (hevc.encode(even, 30), hevc.encode(odd, 30), hevc.encode(grey, 30), vvc.encode(even, 30)):
        assert stream.startswith((b"\0\0\1", b"\0\0\0\1"))
    for stream in (hevc.encode(make_picture(8, 8), 30), vvc.encode(odd, 30), vvc.encode(grey, 30)):
        assert stream.startswith(MAGIC)


def test_bpg_container_is_counted_once(make_picture: MakePicture) -> None:
    hevc = HevcAnchor()
    plain, tiny = hevc.encode(make_picture(64, 96), 30), hevc.encode(make_picture(8, 8), 30)
    assert hevc.rd_bytes(plain) == len(plain) + CONTAINER_BYTES
    assert hevc.rd_bytes(tiny) < len(tiny) + CONTAINER_BYTES  # the real container would hold the true size
    run = run_anchor(hevc, make_picture(64, 96), 30)
    assert run.metrics["bytes"] == len(run.stream) + CONTAINER_BYTES


def test_labels_say_what_stands_in() -> None:
    assert HevcAnchor().label == "BPG (x265 equivalent)"
    assert "+ 20" in HevcAnchor().settings_text
    assert VvcAnchor().label == "VVC (vvenc medium 4:2:0)"
    assert VvcAnchor("slow").label == "VVC (vvenc slow 4:2:0)"
    with pytest.raises(AnchorError, match="placebo"):
        VvcAnchor("placebo")


def test_vvc_presets_are_different_runs() -> None:
    assert VvcAnchor("fast").settings(30) != VvcAnchor("slow").settings(30)
