"""Whole clips: encoder to file to decoder, seeking, damage, cancelling; a tiny random model on real motion."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import torch

from codec.errors import BitstreamError, Cancelled, ChecksumMismatch, CodecError, InputError
from codec.jobs import CancelToken
from codec.stream.video import VideoReader
from codec.tcm.decoder import VideoDecoder
from codec.tcm.encoder import encode_video
from codec.tcm.info import inspect_video, side_maps
from codec.tcm.lookahead.settings import LookaheadSettings
from codec.tcm.models import TcmModel
from codec.tcm.results import FinishedFrame
from codec.tcm.settings import VideoEncodeSettings
from codec.video.frame import Frame, VideoFormat
from codec.video.source import VideoSource
from tests.codec.tcm.conftest import frame, texture

FRAMES, KEYS = 7, 3
SETTINGS = VideoEncodeSettings(qp=30, effort=0, lookahead=LookaheadSettings(key_min=KEYS, key_max=KEYS, scenecut=0))


class Moving(VideoSource):
    """A texture that moves by (3, 1) pixels a frame."""

    path = Path("moving.y4m")
    format = VideoFormat(90, 70, 8, Fraction(30000, 1001))

    @property
    def frame_count(self) -> int:
        return FRAMES

    def read(self, start: int = 0, count: int | None = None) -> Iterator[Frame]:
        big = texture(96, 144)
        for i in range(start, FRAMES if count is None else min(FRAMES, start + count)):
            yield frame(np.ascontiguousarray(big[i : i + 70, 3 * i : 3 * i + 90]), i)


def planes(frames: list[Frame]) -> list[bytes]:
    return [b"".join(p.tobytes() for p in f.planes) for f in frames]


@pytest.fixture(scope="module")
def clip(tiny: TcmModel, tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[FinishedFrame]]:
    path = tmp_path_factory.mktemp("clip") / "a.tcm"
    finished: list[FinishedFrame] = []
    result = encode_video(Moving(), path, SETTINGS, model=tiny, on_frame=finished.append)
    stream = path.read_bytes()
    assert (result.frames, result.key_frames, result.bytes) == (FRAMES, 3, len(stream))
    return stream, finished


def decoded(stream: bytes, tiny: TcmModel, start: int = 0, stop: int | None = None, **options: bool) -> list[bytes]:
    with VideoDecoder(stream, device="cpu", model=tiny, **options) as decoder:
        return planes([d.frame for d in decoder.frames(start, stop)])


@pytest.mark.parametrize("threads", [1, 4])
def test_decoder_shows_what_the_encoder_saw(
    clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel, threads: int
) -> None:
    torch.set_num_threads(threads)
    stream, finished = clip
    assert decoded(stream, tiny) == planes([f.frame for f in finished])
    assert [f.record.type for f in finished] == list("IPPIPPI")


def test_seeking_gives_the_frames_of_decoding_in_order(clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel) -> None:
    stream, finished = clip
    whole = planes([f.frame for f in finished])
    assert decoded(stream, tiny, 2, 5) == whole[2:5]
    with VideoDecoder(stream, device="cpu", model=tiny) as decoder:
        for index in (5, 0, 6, 3, 4, 1):
            assert planes([decoder.frame(index).frame]) == [whole[index]]
        with pytest.raises(InputError, match="frame 7"):
            decoder.frame(FRAMES)


def test_a_damaged_index_is_made_anew(clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel) -> None:
    stream, finished = clip
    at = VideoReader(stream).header.index_offset
    broken = stream[: at + 3] + bytes([stream[at + 3] ^ 5]) + stream[at + 4 :]
    assert [key.index for key in VideoReader(broken, salvage=True).keys] == [0, 3, 6]
    assert decoded(broken, tiny, 4, 6, salvage=True) == planes([f.frame for f in finished[4:6]])


def test_bits_add_up(clip: tuple[bytes, list[FinishedFrame]]) -> None:
    stream, finished = clip
    info = inspect_video(stream, frames=True)
    assert sum(int(str(section["bytes"])) for section in info.sections) == len(stream) == info.stream_bytes
    for known, done in zip(info.frames, finished, strict=True):
        assert (known.bits, known.type, known.qp) == (done.record.bits, done.record.type, done.record.qp)
        assert sum(done.record.bits_by_part.values()) == pytest.approx(known.bits, abs=80)
    assert info.to_json()["kind"] == "tcm"
    assert info.to_json()["frames"] == FRAMES


def test_maps_of_stream_and_encoder_agree(clip: tuple[bytes, list[FinishedFrame]]) -> None:
    stream, finished = clip
    for (index, maps), done in zip(side_maps(stream), finished, strict=True):
        assert index == done.record.index
        for name in ("qp", "mode", *(("vectors",) if done.record.type == "P" else ())):
            np.testing.assert_array_equal(maps[name].values, done.maps[name].values)


def test_a_damaged_frame_costs_its_group(clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel) -> None:
    stream, finished = clip
    whole = planes([f.frame for f in finished])
    for hit, lost in ((1, (1, 2)), (3, (3, 4, 5))):
        offset = inspect_video(stream, frames=True).frames[hit].offset
        broken = stream[: offset + 9] + bytes([stream[offset + 9] ^ 64]) + stream[offset + 10 :]
        with pytest.raises(ChecksumMismatch):
            decoded(broken, tiny)
        with VideoDecoder(broken, device="cpu", model=tiny, salvage=True) as decoder:
            found = list(decoder.frames())
            assert len(decoder.damage) == 1
        assert [d.frame.index for d in found] == list(range(FRAMES))
        assert tuple(d.frame.index for d in found if d.lost) == lost
        kept = planes([d.frame for d in found])
        assert all(kept[i] == whole[i] for i in range(FRAMES) if i not in lost)


def test_a_picture_that_is_not_the_encoders_is_noticed(clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel) -> None:
    stream, _ = clip
    frames = inspect_video(stream, frames=True).frames
    at = frames[0].offset
    length = frames[0].bits // 8
    section = bytearray(stream[at : at + length - 4])
    section[5] ^= 1  # a bit of the picture's checksum: type, length (2), flags and number come first
    repaired = bytes(section) + google_crc32c.value(bytes(section)).to_bytes(4, "little")
    with pytest.raises(ChecksumMismatch, match="not the encoder's"):
        decoded(stream[:at] + repaired + stream[at + length :], tiny)


def test_cut_anywhere(clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel) -> None:
    stream, finished = clip
    whole = planes([f.frame for f in finished])
    for end in range(len(stream)):
        with pytest.raises(BitstreamError):
            VideoReader(stream[:end])
    for end in range(62, len(stream), max(1, len(stream) // 12)):
        kept = decoded(stream[:end], tiny, salvage=True)
        assert kept == whole[: len(kept)]


def test_flipped_bits_give_an_error_or_the_same_frames(clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel) -> None:
    stream, _ = clip
    for at in range(0, len(stream)):
        broken = stream[:at] + bytes([stream[at] ^ (1 << at % 8)]) + stream[at + 1 :]
        with pytest.raises(BitstreamError):
            for _ in VideoReader(broken).frames():
                pass
        try:
            for _ in VideoReader(broken, salvage=True).frames():
                pass
        except CodecError:
            assert at < 62


def test_cancelling_leaves_nothing(tiny: TcmModel, tmp_path: Path) -> None:
    token = CancelToken()
    with pytest.raises(Cancelled):
        encode_video(
            Moving(), tmp_path / "a.tcm", SETTINGS, model=tiny, cancel=token, on_frame=lambda done: token.cancel()
        )
    assert list(tmp_path.iterdir()) == []


def test_ranges_and_settings(tiny: TcmModel, tmp_path: Path) -> None:
    settings = VideoEncodeSettings(qp=30, effort=0, first=2, stop=4, checksums=False, analysis=False, key_offset=-2.5)
    done: list[FinishedFrame] = []
    result = encode_video(Moving(), tmp_path / "a.tcm", settings, model=tiny, on_frame=done.append)
    assert [f.source_index for f in done] == [2, 3]
    assert (done[0].record.base_qp, done[1].record.base_qp) == (27.5, 30.0)
    assert result.bits_by_part["checksum"] == result.bits_by_part["analysis"] == 0
    assert decoded((tmp_path / "a.tcm").read_bytes(), tiny) == planes([f.frame for f in done])
    with pytest.raises(InputError, match="frame 9"):
        encode_video(Moving(), tmp_path / "b.tcm", VideoEncodeSettings(first=9), model=tiny)
