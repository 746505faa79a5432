"""Anything but a good stream of video: one clear error or frames, quickly; damage costs a group of frames at most."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from codec.errors import BitstreamError, CodecError, InputError, UnsupportedVersion
from codec.resources import resource
from codec.stream.sections import Section, SectionType, pack_length, pack_section
from codec.stream.video import CodedFrame, VideoReader, resync
from codec.stream.video.header import pack_video_header
from codec.stream.video.index import KeyPlace, pack_index
from codec.stream.video.reader import MOST_NOTES, LostFrames
from codec.tcm.conformance import MODEL, folder, frame_hash, read_manifest
from codec.tcm.decoder import VideoDecoder
from codec.tcm.models import TcmModel, load_file
from tests.fuzz.mutate import split
from tests.fuzz.video import joined

NAME = "bare"  # five frames in groups of three and two, no index
STREAM = (folder() / f"{NAME}.tcm").read_bytes()
(FRAMES,) = (case.frames for case in read_manifest() if case.name == NAME)
GROUPS = ((0, 1, 2), (3, 4))


@pytest.fixture(scope="module")
def model() -> TcmModel:
    return load_file(folder() / MODEL, "cpu")


def hashes(stream: bytes, model: TcmModel, *, salvage: bool = False) -> list[str]:
    """Of all frames; "" for lost ones."""
    with VideoDecoder(stream, device="cpu", model=model, salvage=salvage) as decoder:
        return ["" if d.lost else frame_hash(d.frame) for d in decoder.frames()]


def coded(items: list[CodedFrame | LostFrames]) -> list[tuple[int, bytes, bytes]]:
    return [(f.index, f.side, f.latents) for f in items if isinstance(f, CodedFrame)]


def test_a_still_picture_is_called_one() -> None:
    with pytest.raises(UnsupportedVersion, match="holds a still picture, not video"):
        VideoReader(resource("conformance/rgb.tnc").read_bytes())


def test_every_truncation(model: TcmModel) -> None:
    whole = coded(list(VideoReader(STREAM).frames()))
    for end in range(len(STREAM)):
        with pytest.raises(BitstreamError) as caught:
            VideoReader(STREAM[:end])
        assert "\n" not in str(caught.value)
        if end > 62:
            *kept, lost = VideoReader(STREAM[:end], salvage=True).frames()
            assert coded(kept) == whole[: len(kept)]
            assert isinstance(lost, LostFrames)
            assert (lost.first, lost.stop) == (len(kept), 5)


def test_a_flipped_bit_in_any_byte_costs_a_group_and_not_the_file(model: TcmModel) -> None:
    frames = [f for f in VideoReader(STREAM).frames() if isinstance(f, CodedFrame)]
    whole = coded(list(frames))
    random = np.random.default_rng(1)
    for frame in frames:
        for at in range(frame.offset, frame.offset + frame.bytes):
            broken = bytearray(STREAM)
            broken[at] ^= 1 << random.integers(8)
            with pytest.raises(BitstreamError):
                coded(list(VideoReader(bytes(broken)).frames()))
            items = list(VideoReader(bytes(broken), salvage=True).frames())
            group = next(g for g in GROUPS if frame.index in g)
            assert [f for f in coded(items) if f[0] not in group] == [f for f in whole if f[0] not in group]
            assert [f for f in coded(items) if f[0] < frame.index] == whole[: frame.index]
            assert sum(isinstance(item, LostFrames) for item in items) == 1
    for frame in frames:
        broken = bytearray(STREAM)
        broken[frame.offset + frame.bytes // 2] ^= 4
        group = next(g for g in GROUPS if frame.index in g)
        wanted = ["" if i in group and i >= frame.index else FRAMES[i] for i in range(5)]
        wanted = wanted[: frame.index] if group == GROUPS[-1] else wanted  # the end of the clip is not filled up
        assert hashes(bytes(broken), model, salvage=True) == wanted


def test_any_index_seeks_right(model: TcmModel) -> None:
    """Whatever it says under a checksum that matches: a frame is that frame."""
    random = np.random.default_rng(2)
    header, body = VideoReader(STREAM).header, STREAM[62:]
    offsets = [f.offset for f in VideoReader(STREAM).frames() if isinstance(f, CodedFrame)]
    payloads = [pack_index([KeyPlace(0, 62), KeyPlace(i, offset)]) for i in (1, 3, 4) for offset in offsets[1:]]
    payloads += [random.bytes(int(random.integers(0, 12))) for _ in range(20)]
    payloads += [pack_length(2**32 - 1), pack_length(1) + pack_length(0) + pack_length(2**32 - 1), b"\0"]
    for payload in payloads:
        sections = body + pack_section(Section(SectionType.INDEX, payload))
        head = pack_video_header(replace(header, body_bytes=len(sections), index_offset=len(STREAM)))
        reader = VideoReader(head + sections)
        for start, first in ((4, 3), (3, 3), (2, 0)):
            found = next(iter(reader.frames(start)))
            assert isinstance(found, CodedFrame)
            assert found.index == first or (first == 3 and found.index == 0)
    for index in (4, 0, 3):
        with VideoDecoder(head + sections, device="cpu", model=model) as decoder:
            assert frame_hash(decoder.frame(index).frame) == FRAMES[index]


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (7, b"\0\0"), (7, b"\xff\xff"), (9, b"\xff\xff\xff"), (11, b"\1"), (12, b"\x09"), (12, b"\0"), (13, bytes(4)),
        (17, bytes(4)), (24, b"\x0c"), (25, b"\xf1\x03"), (27, b"\1"), (28, b"\1"), (30, b"\0"), (34, b"\0"),
        (38, bytes(4)), (38, b"\4\0\0\0"), (38, b"\6\0\0\0"), (38, b"\xff" * 4), (50, b"\xff" * 8), (6, b"\0"),
        (4, b"\3"), (4, b"\5"),
    ],
)  # fmt: skip
def test_hostile_headers(at: int, value: bytes, model: TcmModel) -> None:
    head, sections = split(STREAM)
    head[at : at + len(value)] = value
    stream = joined(head, sections, keep_index=True)
    if at in (30, 34):  # ids: without a model given, another one is installed
        with pytest.raises(CodecError, match="not installed"):
            VideoDecoder(stream, device="cpu")
    elif at == 50:  # an index far away is none
        assert hashes(stream, model) == list(FRAMES)
    else:
        with pytest.raises(CodecError) as caught:
            hashes(stream, model)
        assert "\n" not in str(caught.value)


def test_a_huge_number_of_frames_is_refused_at_once() -> None:
    head, sections = split(STREAM)
    head[38:42] = (2**32 - 1).to_bytes(4, "little")
    for salvage in (False, True):
        with pytest.raises(BitstreamError, match="4294967295 frames cannot be in"):
            VideoReader(joined(head, sections), salvage=salvage)


class Counting:
    """Bytes that count how many of them are read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.read = data, 0

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, place):
        part = self.data[place]
        self.read += 1 if isinstance(place, int) else len(part)
        return part


@pytest.mark.parametrize("salvage", [False, True])
def test_many_damaged_ancillary_sections_are_no_quadratic_work(salvage: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each claims to end at a large section at the end, which is damaged as well; between them lie good ones."""
    monkeypatch.setattr(resync, "MAX_CHECKED_BYTES", 1_000_000)
    key = VideoReader(STREAM).frames().__next__()
    first = STREAM[key.offset : key.offset + key.bytes]
    good, large = pack_section(Section(SectionType.ANALYSIS, b"")), b"\x07" + pack_length(3000) + bytes(3004)
    far = pack_section(Section(0xFF, bytes(1 << 14)))  # so that all lengths take three bytes
    count, size = 2000, 7 + len(good)
    pairs = b"".join(
        b"\xff" + pack_length((count - i) * size - 8 + len(far)) + b"bad" + good for i in range(count)
    ) + far  # fmt: skip
    assert len(pairs) == count * size + len(far)
    body = first + pairs + large
    header = replace(VideoReader(STREAM).header, frame_count=5, body_bytes=len(body))
    source = Counting(pack_video_header(header) + body)
    reader = VideoReader(source, salvage=salvage)
    try:
        assert len(coded(list(reader.frames()))) == 1
    except BitstreamError:
        assert not salvage
    assert len(reader.notes) <= MOST_NOTES
    assert source.read < 3_000_000 < count * len(body) // 20


def test_what_is_no_frame_number_is_an_error() -> None:
    with pytest.raises(InputError):
        VideoReader(STREAM).frames(5)
