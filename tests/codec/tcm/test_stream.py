"""Whole clips: encoder to file to decoder, seeking, damage, cancelling; a tiny random model on real motion."""

from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import google_crc32c
import numpy as np
import pytest
import torch

from codec.errors import BitstreamError, Cancelled, ChecksumMismatch, InputError
from codec.jobs import CancelToken
from codec.stream.sections import Section, SectionType, pack_length, pack_section, section_bounds
from codec.stream.video import VIDEO_LIMITS, CodedFrame, VideoReader, resync
from codec.stream.video.header import pack_video_header
from codec.stream.video.index import KeyPlace, pack_index
from codec.stream.video.reader import LostFrames
from codec.tcm import latents
from codec.tcm.decoder import VideoDecoder
from codec.tcm.encoder import encode_video
from codec.tcm.frame_encoder import FrameEncoder
from codec.tcm.info import inspect_video, side_maps
from codec.tcm.lookahead.settings import LookaheadSettings
from codec.tcm.models import TcmModel
from codec.tcm.results import FinishedFrame
from codec.tcm.settings import VideoEncodeSettings
from codec.video.frame import Frame, VideoFormat
from codec.video.source import VideoSource
from tests.codec.tcm.conftest import frame, texture

FRAMES, KEYS = 7, 3
SETTINGS = VideoEncodeSettings(
    qp=30, effort=0, lookahead=LookaheadSettings(key_min=KEYS, key_max=KEYS, scenecut=0), analysis=True
)  # fmt: skip


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
        assert sum(done.record.bits_by_part.values()) == pytest.approx(known.bits + 32, abs=80)
    checksums = 4 * FRAMES
    ancillary = sum(int(str(section["bytes"])) for section in info.sections if section["ancillary"])
    assert info.rd_bytes == len(stream) - ancillary - checksums
    assert info.to_json()["kind"] == "tcm"
    assert info.to_json()["frames"] == FRAMES


def test_maps_of_stream_and_encoder_agree(clip: tuple[bytes, list[FinishedFrame]]) -> None:
    stream, finished = clip
    for (index, maps), done in zip(side_maps(stream), finished, strict=True):
        assert index == done.record.index
        for name in ("qp", "mode", *(("vectors",) if done.record.type == "P" else ())):
            np.testing.assert_array_equal(maps[name].values, done.maps[name].values)


def test_the_decoder_maps_the_energy_of_the_residual_as_the_encoder_does(
    clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel
) -> None:
    stream, finished = clip
    skipped = 0
    with VideoDecoder(stream, device="cpu", model=tiny) as decoder:
        for got, done in zip(decoder.frames(), finished, strict=True):
            assert ("residual_energy" in got.maps) == (done.record.type == "P")
            if done.record.type == "P":
                energy_db = got.maps["residual_energy"].values
                np.testing.assert_array_equal(energy_db, done.maps["residual_energy"].values)
                modes = got.maps["mode"].values[::2, ::2]
                assert np.isnan(energy_db[modes == 0]).all()
                assert np.isfinite(energy_db).any()
                skipped += int((modes == 0).sum())
    assert skipped


def test_a_frame_listens_to_the_token_of_its_own_call(clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel) -> None:
    stream, finished = clip
    whole = planes([f.frame for f in finished])
    first, second = CancelToken(), CancelToken()
    with VideoDecoder(stream, device="cpu", model=tiny) as decoder:
        decoder.frame(0, first)
        first.cancel()
        assert planes([decoder.frame(1, second).frame]) == [whole[1]]
        second.cancel()
        with pytest.raises(Cancelled):
            decoder.frame(2, second)
        assert planes([decoder.frame(2).frame]) == [whole[2]]


def test_frames_without_a_symbol_are_as_predicted(
    tiny: TcmModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No network runs for them, and the next frame is not told otherwise."""
    monkeypatch.setattr(FrameEncoder, "choose_coded", lambda self: np.zeros_like(self.side.coded))
    done: list[FinishedFrame] = []
    encode_video(Moving(), tmp_path / "a.tcm", replace(SETTINGS, stop=4), model=tiny, on_frame=done.append)
    walked: list[bool] = []
    walk = latents.walk
    monkeypatch.setattr(latents, "walk", lambda *args: (walked.append(True), walk(*args))[1])
    assert decoded((tmp_path / "a.tcm").read_bytes(), tiny) == planes([f.frame for f in done])
    assert len(walked) == sum(f.record.type == "I" for f in done)


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
    length = frames[0].bits // 8 + 4  # `bits` leaves the checksum of the picture out
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


def test_flipped_bits_cost_nothing_in_ancillary_sections_and_are_noticed_everywhere(
    clip: tuple[bytes, list[FinishedFrame]],
) -> None:
    stream, _ = clip
    whole = list(VideoReader(stream).frames())
    frames = {at for f in whole for at in range(f.offset, f.offset + f.bytes)}
    head = min(frames)
    for at in range(0, len(stream)):
        broken = stream[:at] + bytes([stream[at] ^ (1 << at % 8)]) + stream[at + 1 :]
        if at < head:
            with pytest.raises(BitstreamError):
                VideoReader(broken, salvage=True)
            continue
        left = VideoReader(broken, salvage=True)
        found = list(left.frames())
        if at in frames:
            with pytest.raises(BitstreamError):
                list(VideoReader(broken).frames())
            assert any(isinstance(item, LostFrames) for item in found)
            continue
        assert found_frames(found) == found_frames(whole)
        assert len(left.notes) == 1
        if not flips_ancillary_bit(stream, broken, at):
            strict = VideoReader(broken)
            assert found_frames(list(strict.frames())) == found_frames(whole)
            assert strict.notes == left.notes


def flips_ancillary_bit(stream: bytes, broken: bytes, at: int) -> bool:
    return stream[at] & 128 == 128 and broken[at] & 128 == 0 and stream[at] in (0x81, 0x84)


def found_frames(items: list[CodedFrame | LostFrames]) -> list[tuple[int, bytes, bytes]]:
    return [(f.index, f.side, f.latents) for f in items if isinstance(f, CodedFrame)]


def analyses(stream: bytes) -> list[tuple[int, int]]:
    """Where the analyses start and end."""
    return [(f.analysis_at, section_bounds(stream, f.analysis_at)[1] + 4) for f in VideoReader(stream).frames()]


def test_a_whole_group_lost_with_an_analysis_is_not_taken_for_nothing(
    clip: tuple[bytes, list[FinishedFrame]], tiny: TcmModel
) -> None:
    """The P frame behind has the number that is next, but its checksum does not lie."""
    stream, finished = clip
    whole = planes([f.frame for f in finished])
    offsets = [f.offset for f in VideoReader(stream).frames()]
    # From the analysis of frame 1 up to frame 5: frame 2 is next, and frame 5 is the second P frame of its group too.
    start = analyses(stream)[1][0]
    broken = stream[: start + 1] + bytes(offsets[5] - start - 1) + stream[offsets[5] :]
    with pytest.raises(BitstreamError):
        decoded(broken, tiny)
    with VideoDecoder(broken, device="cpu", model=tiny, salvage=True) as decoder:
        found = list(decoder.frames())
    assert [d.frame.index for d in found] == list(range(FRAMES))
    assert [d.frame.index for d in found if d.lost] == [2, 3, 4, 5]
    kept = planes([d.frame for d in found])
    assert all(kept[i] == whole[i] for i in (0, 1, 6))


def test_without_checksums_only_a_key_frame_proves_that_none_is_missing(tiny: TcmModel, tmp_path: Path) -> None:
    path = tmp_path / "a.tcm"
    encode_video(Moving(), path, replace(SETTINGS, checksums=False), model=tiny)
    stream = path.read_bytes()
    for number, (start, end) in enumerate(analyses(stream)):
        payload = stream[: end - 9] + bytes([stream[end - 9] ^ 1]) + stream[end - 8 :]
        assert len(list(VideoReader(payload).frames())) == FRAMES
        length = stream[: start + 1] + bytes([stream[start + 1] ^ 1]) + stream[start + 2 :]
        lost = [item for item in VideoReader(length, salvage=True).frames() if isinstance(item, LostFrames)]
        assert bool(lost) == (number % KEYS != KEYS - 1 and number != FRAMES - 1)


def test_searches_behind_damage_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sections that claim the rest of the file, again and again: all of them together within a budget."""
    summed = 0
    check = resync.check_section_crc

    def counting(source: bytes, offset: int, end: int) -> None:
        nonlocal summed
        summed += end - offset
        check(source, offset, end)

    monkeypatch.setattr(resync, "check_section_crc", counting)
    monkeypatch.setattr(resync, "MAX_CHECKED_BYTES", 50_000)
    fake = b"\x07" + pack_length(3000) + bytes(5)
    data = (fake * 20 + pack_section(Section(SectionType.INDEX, b"\0"))) * 40 + bytes(4000)
    search = resync.Resync(data, len(data), VIDEO_LIMITS)
    at = 0
    while at < len(data):
        at = search.next_intact(at + 1)
    assert 30_000 < summed <= 50_000


def test_an_index_of_more_key_frames_than_can_be_is_made_anew(
    clip: tuple[bytes, list[FinishedFrame]],
) -> None:
    stream, _ = clip
    header = VideoReader(stream).header
    keys = [KeyPlace(i, 100 + i) for i in range(FRAMES + 1)]
    index = pack_section(Section(SectionType.INDEX, pack_index(keys)))
    body = stream[62 : header.index_offset] + index
    head = pack_video_header(replace(header, body_bytes=len(body)))
    assert [key.index for key in VideoReader(head + body).keys] == [0, 3, 6]


def test_cancelling_leaves_nothing(tiny: TcmModel, tmp_path: Path) -> None:
    token = CancelToken()
    with pytest.raises(Cancelled):
        encode_video(
            Moving(), tmp_path / "a.tcm", SETTINGS, model=tiny, cancel=token, on_frame=lambda done: token.cancel()
        )
    assert list(tmp_path.iterdir()) == []


def test_ranges_and_settings(tiny: TcmModel, tmp_path: Path) -> None:
    settings = VideoEncodeSettings(qp=30, effort=0, first=2, stop=4, checksums=False, key_offset=-2.5)
    done: list[FinishedFrame] = []
    result = encode_video(Moving(), tmp_path / "a.tcm", settings, model=tiny, on_frame=done.append)
    assert [f.source_index for f in done] == [2, 3]
    assert (done[0].record.base_qp, done[1].record.base_qp) == (27.5, 30.0)
    assert result.bits_by_part["checksum"] == result.bits_by_part["analysis"] == 0
    assert decoded((tmp_path / "a.tcm").read_bytes(), tiny) == planes([f.frame for f in done])
    with pytest.raises(InputError, match="frame 9"):
        encode_video(Moving(), tmp_path / "b.tcm", VideoEncodeSettings(first=9), model=tiny)


def test_rates_leave_out_what_is_no_video(tiny: TcmModel, tmp_path: Path) -> None:
    path = tmp_path / "a.tcm"
    plain, noted = (
        encode_video(Moving(), path, replace(SETTINGS, stop=2, analysis=analysis), model=tiny)
        for analysis in (False, True)
    )
    assert noted.bytes > plain.bytes
    assert (noted.rd_bytes, noted.bpp, noted.kbps) == (plain.rd_bytes, plain.bpp, plain.kbps)
    info = inspect_video(path)
    assert (info.rd_bytes, info.bpp, info.kbps) == (noted.rd_bytes, noted.bpp, noted.kbps)
    ancillary = {str(s["name"]): int(str(s["bytes"])) for s in info.sections if s["ancillary"]}
    assert set(ancillary) == {"analysis", "index"}
    checksums = 4 * noted.frames
    assert sum(ancillary.values()) == noted.bytes - noted.rd_bytes - checksums
    assert plain.bytes == plain.rd_bytes + ancillary["index"] + checksums
    assert VideoEncodeSettings().analysis is False
