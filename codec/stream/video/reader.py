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
from codec.stream.video.frames import FrameHeader, FrameType, unpack_frame
from codec.stream.video.header import VideoHeader, unpack_video_header
from codec.stream.video.index import KeyPlace, key_before, unpack_index
from codec.stream.video.limits import VIDEO_LIMITS
from codec.stream.video.resync import next_intact

LEAST_FRAME_BYTES = 9
"""A frame's section takes at least as many: frames that are lost cannot have been more than fit."""


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
        self.missing_bytes = max(0, end - len(source))
        if not salvage:
            _check_length(len(source), end)
        self.end = min(end, len(source))
        self._keys: list[KeyPlace] | None = None

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
            keys = unpack_index(self.source[start:end])
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
            At the first damage, unless salvaging.
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
        trouble, good_end = "", offset
        while offset < self.end:
            try:
                frame, following = self._section(offset)
                if frame is not None:
                    number = frame.header.number
                    if not frame.is_key and trouble:
                        frame = None
                    elif frame.is_key and not expected <= number <= expected + self._room(trouble, good_end, offset):
                        raise BitstreamError(
                            f"key frame {number} where {expected} is next", section="frame", offset=offset
                        )
                    elif not frame.is_key and (expected == first or first + number != expected):
                        what = f"P frame {first + number} where frame {expected} is next"
                        raise BitstreamError(what, section="frame", offset=offset)
                    if frame is not None and max(number, expected) >= self.header.frame_count:
                        what = f"frame {max(number, expected)} where there are {self.header.frame_count}"
                        raise BitstreamError(what, section="frame", offset=offset)
            except BitstreamError as error:
                if not self.salvage:
                    raise
                trouble = trouble or str(error)
                found = next_intact(self.source, offset + 1, self.end, self.limits)
                offset = self.end if found is None else found
                continue
            if frame is not None:
                if frame.is_key:
                    if trouble:
                        if frame.header.number > expected:
                            yield LostFrames(expected, frame.header.number, trouble)
                        trouble = ""
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
                raise BitstreamError(what, offset=self.end)
            missing = (
                f"{self.missing_bytes} bytes are missing at the end" if self.missing_bytes else "frames are missing"
            )
            yield LostFrames(expected, self.header.frame_count, trouble or missing, at_end=True)

    @staticmethod
    def _room(trouble: str, good_end: int, offset: int) -> int:
        """How many frames can have been lost in the damaged stretch before a key frame."""
        return (offset - good_end) // LEAST_FRAME_BYTES if trouble else 0

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
