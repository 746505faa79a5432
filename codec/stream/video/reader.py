"""Read a stream of video frame by frame, trusting nothing in it; damage costs a group of frames, not the file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from codec.errors import BitstreamError, InputError, LimitExceeded, Truncated, UnsupportedVersion
from codec.stream.analysis import decode_analysis
from codec.stream.header import CRC_BYTES
from codec.stream.limits import DecodeLimits
from codec.stream.sections import (
    ANCILLARY,
    SectionType,
    check_section_crc,
    section_bounds,
    section_name,
)
from codec.stream.source import ByteSource
from codec.stream.video.frames import CHECKSUM_BYTES, FrameHeader, FrameType, unpack_frame
from codec.stream.video.header import VideoHeader, unpack_video_header
from codec.stream.video.index import KeyPlace, key_before, unpack_index
from codec.stream.video.limits import VIDEO_LIMITS
from codec.stream.video.resync import Resync

LEAST_FRAME_BYTES = 9
"""A frame's section takes at least as many: frames that are lost cannot have been more than fit."""
MOST_NOTES = 100
"""Notes of damage that are kept; nobody reads more, and a hostile stream could make millions."""


@dataclass(frozen=True)
class CodedFrame:
    """One frame as it stands in the stream.

    Attributes
    ----------
    index : int
        In display order.
    header : FrameHeader
    side, latents : bytes
        What is known before symbols, and the symbols.
    offset, bytes : int
        Where its section starts in the file, and its size with framing.
    analysis_at : int
        Where the section with the encoder's analysis of the frame starts, 0 if there is none.
    """

    index: int
    header: FrameHeader
    side: bytes
    latents: bytes
    offset: int
    bytes: int
    analysis_at: int = 0

    @property
    def rd_bytes(self) -> int:
        """What RD figures count of it: all but its checksum (see `VideoWriter.rd_bytes`)."""
        return self.bytes - (0 if self.header.checksum is None else CHECKSUM_BYTES)

    @property
    def is_key(self) -> bool:
        """Whether it needs no other frame."""
        return self.header.type is FrameType.KEY


@dataclass(frozen=True)
class LostFrames:
    """Frames that cannot be decoded.

    Attributes
    ----------
    first, stop : int
        The first one, and the one behind the last.
    text : str
        Why.
    at_end : bool
        Whether nothing follows.
    """

    first: int
    stop: int
    text: str
    at_end: bool = False


class VideoReader:
    """A stream of video.

    Parameters
    ----------
    source : bytes or FileBytes
        The stream; it is read where it is needed.
    limits : DecodeLimits
    salvage : bool
        Report damage and go on behind it, instead of raising.

    Raises
    ------
    BitstreamError
        If the header cannot be used, or (without `salvage`) if the file has another length than it says.
    """

    def __init__(self, source: ByteSource, limits: DecodeLimits = VIDEO_LIMITS, *, salvage: bool = False) -> None:
        self.source, self.limits, self.salvage = source, limits, salvage
        self.header, self.body_offset = unpack_video_header(source, limits)
        end = self.body_offset + self.header.body_bytes
        if self.header.frame_count * LEAST_FRAME_BYTES > self.header.body_bytes:
            what = f"{self.header.frame_count} frames cannot be in {self.header.body_bytes} bytes"
            raise BitstreamError(what, section="header")
        self.missing_bytes = max(0, end - len(source))
        if not salvage:
            _check_length(len(source), end)
        self.end = min(end, len(source))
        self._keys: list[KeyPlace] | None = None
        self._notes: dict[int, str] = {}

    @property
    def notes(self) -> list[str]:
        """Damage found so far that decoding can do without, in words: the first `MOST_NOTES`."""
        return [self._notes[offset] for offset in sorted(self._notes)]

    # --- where key frames are ---

    @property
    def keys(self) -> list[KeyPlace]:
        """Key frames, by the index or, where that is missing or damaged, by going through the stream."""
        if self._keys is None:
            self._keys = self._indexed()
        if self._keys is None:
            self._keys = self._searched()
        return self._keys

    def _indexed(self) -> list[KeyPlace] | None:
        at = self.header.index_offset
        if not self.body_offset <= at < self.end or self.source[at] != SectionType.INDEX:
            return None
        try:
            start, end = self._bounds(at)
            check_section_crc(self.source, at, end)
            most = min(self.header.frame_count, (at - self.body_offset) // LEAST_FRAME_BYTES)
            keys = unpack_index(self.source[start:end], most)
        except BitstreamError:
            return None
        good = bool(keys) and keys[0].index == 0 and keys[0].offset >= self.body_offset and keys[-1].offset < at
        return keys if good else None

    def _searched(self) -> list[KeyPlace]:
        return [
            KeyPlace(frame.index, frame.offset)
            for frame in self._walk(KeyPlace(0, self.body_offset))
            if isinstance(frame, CodedFrame) and frame.is_key
        ]

    # --- frames ---

    def frames(self, start: int = 0) -> Iterator[CodedFrame | LostFrames]:
        """Frames in coding order, from the key frame at or before `start`.

        Yields
        ------
        CodedFrame or LostFrames
            The latter only when salvaging.

        Raises
        ------
        InputError
            If there is no such frame.
        BitstreamError
            At the first damage that can cost a frame, unless salvaging. Damaged ancillary sections go to `notes`.
        """
        if not 0 <= start < max(1, self.header.frame_count):
            raise InputError(f"frame {start} is not one of {self.header.frame_count}", where="video")
        if start == 0:
            return self._walk(KeyPlace(0, self.body_offset))
        key = key_before(self.keys, start)
        if key is not None and not self._is_key_at(key):
            self._keys = self._searched()
            key = key_before(self.keys, start)
        return self._walk(key or KeyPlace(0, self.body_offset))

    def _is_key_at(self, key: KeyPlace) -> bool:
        try:
            frame, _ = self._section(key.offset)
        except BitstreamError:
            return False
        return frame is not None and frame.header.type is FrameType.KEY and frame.header.number == key.index

    def _walk(self, key: KeyPlace) -> Iterator[CodedFrame | LostFrames]:
        offset, expected, first = key.offset, key.index, key.index
        trouble: BitstreamError | None = None
        last_trouble, skipped_bytes = "", 0
        good_end, resync = offset, Resync(self.source, self.end, self.limits)
        while offset < self.end:
            try:
                frame, following = self._section(offset)
                if frame is not None:
                    damaged_bytes = skipped_bytes + (offset - good_end if trouble else 0)
                    # What cannot be proven lost may be: that many frames at most.
                    room = damaged_bytes // LEAST_FRAME_BYTES if self.salvage else 0
                    self._check_number(frame, expected, first, room, offset, in_trouble=trouble is not None)
            except BitstreamError as error:
                last_trouble = str(error)
                resync.spend(offset)
                behind = self._behind_ancillary(offset, resync)
                if behind is not None:
                    self._note(offset, error)
                    skipped_bytes += behind - offset
                    offset = behind
                    continue
                if not self.salvage and (trouble or not self._seems_ancillary(offset, error)):
                    raise trouble or error from None
                trouble = trouble or error
                offset = resync.next_intact(offset + 1)
                continue
            if frame is not None and trouble is not None:
                if self._follows(frame, expected, first):
                    self._note(good_end, trouble)
                    skipped_bytes += offset - good_end
                    trouble = None
                elif not self.salvage:
                    raise trouble
                elif frame.is_key:
                    trouble = None
                else:
                    frame = None
            if frame is not None:
                if frame.is_key:
                    if frame.header.number > expected:
                        yield LostFrames(expected, frame.header.number, last_trouble)
                    expected = first = frame.header.number
                yield CodedFrame(
                    expected, frame.header, frame.side, frame.latents, offset, following - offset,
                    following if following < self.end and self.source[following] == SectionType.ANALYSIS else 0,
                )  # fmt: skip
                expected += 1
                good_end = following
            offset = following
        if expected < self.header.frame_count:
            if not self.salvage:
                what = f"{expected} frames are found where there are {self.header.frame_count}"
                raise trouble or BitstreamError(what, offset=self.end)
            missing = (
                f"{self.missing_bytes} bytes are missing at the end" if self.missing_bytes else "frames are missing"
            )
            yield LostFrames(expected, self.header.frame_count, str(trouble or missing), at_end=True)
        elif trouble is not None:
            self._note(good_end, trouble)

    def _check_number(
        self, frame: _Parsed, expected: int, first: int, room: int, offset: int, *, in_trouble: bool
    ) -> None:
        """Refuse a frame that cannot stand here."""
        number = frame.header.number
        if frame.is_key and not expected <= number <= expected + room:
            raise BitstreamError(f"key frame {number} where {expected} is next", section="frame", offset=offset)
        if not frame.is_key and not in_trouble and (expected == first or first + number != expected):
            what = f"P frame {first + number} where frame {expected} is next"
            raise BitstreamError(what, section="frame", offset=offset)
        index = number if frame.is_key else expected
        if index >= self.header.frame_count and (frame.is_key or not in_trouble):
            what = f"frame {index} where there are {self.header.frame_count}"
            raise BitstreamError(what, section="frame", offset=offset)

    def _follows(self, frame: _Parsed, expected: int, first: int) -> bool:
        """Whether a frame behind damage proves that none is missing: by its number, P frames by their checksum too.

        A P frame of a later group may have the number that is next, but then its picture is not what its checksum says.
        """
        if frame.is_key:
            return frame.header.number == expected
        there = expected < self.header.frame_count
        return there and expected > first == expected - frame.header.number and frame.header.checksum is not None

    def _seems_ancillary(self, offset: int, error: BitstreamError) -> bool:
        """Whether this is damage to a section that decoding does not need, not one over a limit."""
        return bool(self.source[offset] & ANCILLARY) and not isinstance(error, LimitExceeded)

    def _behind_ancillary(self, offset: int, resync: Resync) -> int | None:
        """Where the section behind a damaged ancillary one starts; None if what is damaged can be anything else."""
        if not self.source[offset] & ANCILLARY:
            return None
        try:
            following = self._bounds(offset)[1] + CRC_BYTES
        except BitstreamError:
            return None
        return following if following == self.end or resync.is_intact(following) else None

    def _note(self, offset: int, error: BitstreamError) -> None:
        if len(self._notes) < MOST_NOTES:
            self._notes[offset] = f"{error}: skipped"

    def _bounds(self, offset: int) -> tuple[int, int]:
        start, end = section_bounds(self.source, offset)
        name = section_name(self.source[offset])
        if end + CRC_BYTES > self.end:
            raise Truncated("it reaches past the end of the stream", section=name, offset=offset)
        kind = self.source[offset]
        limit = self.limits.max_ancillary_bytes if kind & ANCILLARY else self.limits.max_slice_bytes
        if end - start > limit:
            raise LimitExceeded(f"{end - start} bytes are over the limit of {limit}", section=name, offset=offset)
        return start, end

    def _section(self, offset: int) -> tuple[_Parsed | None, int]:
        """Frame of the section at `offset`, None if it is an ancillary one, and where the next one starts."""
        start, end = self._bounds(offset)
        check_section_crc(self.source, offset, end)
        kind = self.source[offset]
        if kind == SectionType.FRAME:
            return _Parsed(*unpack_frame(self.source[start:end])), end + CRC_BYTES
        if not kind & ANCILLARY:
            what = f"a section of type {kind} is needed to decode but not known"
            raise UnsupportedVersion(what, section=section_name(kind), offset=offset, hint="update the program")
        return None, end + CRC_BYTES

    def analysis_of(self, frame: CodedFrame) -> dict[str, Any] | None:
        """What the encoder noted about a frame, not to be trusted; None if it noted nothing or that is damaged."""
        if not frame.analysis_at:
            return None
        try:
            start, end = self._bounds(frame.analysis_at)
            check_section_crc(self.source, frame.analysis_at, end)
            return decode_analysis(self.source[start:end], self.limits)
        except BitstreamError:
            return None


@dataclass(frozen=True)
class _Parsed:
    header: FrameHeader
    side: bytes
    latents: bytes

    @property
    def is_key(self) -> bool:
        return self.header.type is FrameType.KEY


def _check_length(there: int, announced: int) -> None:
    if there < announced:
        what = f"{announced - there} of {announced} bytes are missing at the end"
        raise Truncated(what, offset=there, hint="copy or download it again, or salvage what there is")
    if there > announced:
        raise BitstreamError(f"{there - announced} foreign bytes follow its end", offset=announced)


__all__ = ["CodedFrame", "LostFrames", "VideoHeader", "VideoReader"]
