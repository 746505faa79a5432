from __future__ import annotations

import math
from fractions import Fraction

import pytest

from codec.video.frame import VideoFormat
from tnc_studio.model.clip import Clip, FrameRecord
from tnc_studio.model.clip_captions import frame_text
from tnc_studio.model.raw import RawFormat


@pytest.fixture
def clip() -> Clip:
    made = Clip()
    made.open(VideoFormat(64, 48, fps=Fraction(30000, 1001)), 100)
    return made


def test_going_stays_within_the_clip(clip: Clip) -> None:
    moves: list[int] = []
    clip.frame_changed.connect(lambda: moves.append(clip.frame))
    for frame in (5, 5, 500, -3):
        clip.go(frame)
    assert moves == [5, 99, 0]


def test_the_range_is_sorted_and_bounded(clip: Clip) -> None:
    assert clip.span == (0, 32)
    clip.set_span(70, 20)
    assert clip.span == (20, 70)
    clip.set_span(-5, 500)
    assert clip.span == (0, 99)


def test_cuts_lead_to_the_beginnings_of_scenes(clip: Clip) -> None:
    clip.set_cuts((60, 30))
    clip.go(45)
    assert (clip.cut_from_here(1), clip.cut_from_here(-1)) == (60, 30)
    clip.go(30)
    assert (clip.cut_from_here(1), clip.cut_from_here(-1)) == (60, 0)
    clip.go(60)
    assert clip.cut_from_here(1) is None


def test_the_worst_frame_has_the_lowest_psnr_that_is_a_number(clip: Clip) -> None:
    assert clip.worst_frame("tcm") is None
    clip.add_records("tcm", {3: FrameRecord("P", 10, 35.0), 4: FrameRecord("P", 10, 33.5)})
    clip.add_records("tcm", {5: FrameRecord("P", 10, math.inf), 6: FrameRecord("P", 10), 7: FrameRecord("P", 9, 33.5)})
    assert clip.worst_frame("tcm") == 4


def test_another_clip_forgets_everything(clip: Clip) -> None:
    clip.add_records("tcm", {3: FrameRecord("P", 10, 35.0)})
    clip.add_planned({1: FrameRecord("I", 5)}, (1,))
    clip.go(9)
    clip.set_playing(True)
    clip.open(VideoFormat(64, 48), 5)
    assert (clip.frame, clip.span, clip.cuts, clip.playing) == (0, (0, 4), (), False)
    assert not clip.records
    assert not clip.planned
    clip.close()
    clip.set_playing(True)
    assert not clip.playing


def test_times_and_records_read_well(clip: Clip) -> None:
    assert clip.time_text(90) == "0:03.003"
    text = "frame 4 P, 12\u202f345 bit, Y 36.13 dB, QP 31.5"
    assert frame_text(4, FrameRecord("P", 12345.4, 36.126, qp=31.5)) == text
    assert frame_text(4, None) == "frame 4: not coded"


@pytest.mark.parametrize(
    ("text", "valid"),
    [("480x270 yuv420p 25", True), ("1920x1080 yuv420p10le 30000/1001", True), ("480x270 rgb24 25", False),
     ("0x270 yuv420p 25", False), ("480x270 yuv420p 1/0", False), ("nonsense", False), ("", False)],
)  # fmt: skip
def test_raw_formats_are_remembered_as_text(text: str, valid: bool) -> None:
    parsed = RawFormat.parse(text)
    assert (parsed is not None) == valid
    if parsed is not None:
        assert parsed.text() == text


def test_how_a_file_fits_a_raw_format() -> None:
    raw = RawFormat(5, 3)
    assert raw.frame_bytes == 15 + 2 * 6
    assert RawFormat(5, 3, "yuv420p10le").frame_bytes == 54
    assert raw.fit_text(54) == "2 frames exactly"
    assert raw.fit_text(28) == "1 frame, 1 byte left over"
