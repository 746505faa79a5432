"""Every anchor alike: real encodes of small pictures, of all sizes, and what they refuse."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from codec.anchors.avif import AvifAnchor
from codec.anchors.base import Anchor
from codec.anchors.bpg import BpgWriterAnchor
from codec.anchors.hevc import HevcAnchor
from codec.anchors.jpeg import JpegAnchor
from codec.anchors.jxl import JxlAnchor
from codec.anchors.padding import MAGIC
from codec.anchors.runs import run_anchor
from codec.anchors.svt_av1 import SvtAv1Anchor
from codec.anchors.vvc import VvcAnchor
from codec.anchors.webp import WebpAnchor
from codec.errors import AnchorError, Cancelled
from codec.jobs import CancelToken
from codec.metrics import psnr_rgb_db
from codec.picture import Picture

ANCHORS = [
    BpgWriterAnchor(), BpgWriterAnchor("420"), HevcAnchor(), HevcAnchor("420"), VvcAnchor("faster"), JpegAnchor(),
    JpegAnchor("420"), AvifAnchor(), AvifAnchor("420"), SvtAv1Anchor(), JxlAnchor(), WebpAnchor(),
]  # fmt: skip
MIDDLE = {
    "bpg": 28.0, "hevc": 28.0, "vvc": 30.0, "jpeg": 70.0, "avif": 24.0, "svtav1": 24.0, "jxl": 1.0, "webp": 80.0
}  # fmt: skip

MakePicture = Callable[..., Picture]
every_anchor = pytest.mark.parametrize(
    "anchor", ANCHORS, ids=lambda anchor: f"{anchor.id}{getattr(anchor, 'chroma', '')}"
)


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
    # JPEG XL aims at eyes, not at noise: single pixels of it are far off.
    assert psnr_rgb_db(picture, decoded) > (25 if anchor.id == "jxl" else 34)


@every_anchor
def test_better_quality_costs_more_and_is_closer(anchor: Anchor, make_picture: MakePicture) -> None:
    picture = make_picture(64, 96)
    values = [20.0, 32.0, 44.0] if anchor.quality.lower_is_better else [95.0, 60.0, 10.0]
    if anchor.id == "jxl":
        values = [0.5, 2.5, 12.5]
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
    for bad in (b"", b"abc", bytes(100), noise, stream[:16], MAGIC, MAGIC + noise, MAGIC + bytes(5) + stream):
        with pytest.raises(AnchorError):
            anchor.decode(bad)


@every_anchor
def test_refusals(anchor: Anchor, make_picture: MakePicture) -> None:
    picture = make_picture(16, 16)
    for quality in (anchor.quality.low - 1, anchor.quality.high + 1):
        with pytest.raises(AnchorError, match="must lie in"):
            anchor.encode(picture, quality)
    between = anchor.quality.low + 4.3 * anchor.quality.step
    with pytest.raises(AnchorError, match=r"goes in steps of .*, got"):
        anchor.encode(picture, between)
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


def test_labels_name_encoder_and_chroma() -> None:
    assert HevcAnchor().label == "HEVC (x265)"
    assert HevcAnchor("420").label == "HEVC (x265 4:2:0)"
    assert BpgWriterAnchor().label == "BPG (x265)"
    assert "4:2:0" in AvifAnchor("420").settings_text
    for make in (HevcAnchor, BpgWriterAnchor, AvifAnchor, JpegAnchor):
        with pytest.raises(AnchorError, match="chroma format '422'"):
            make("422")
    assert VvcAnchor().label == "VVC (vvenc medium 4:2:0)"
    assert VvcAnchor("slow").label == "VVC (vvenc slow 4:2:0)"
    with pytest.raises(AnchorError, match="placebo"):
        VvcAnchor("placebo")


def test_vvc_presets_are_different_runs() -> None:
    assert VvcAnchor("fast").settings(30) != VvcAnchor("slow").settings(30)
