"""The index: where key frames are. A decoder can do without it, and finds them by going through the stream."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from codec.errors import BitstreamError
from codec.stream.sections import pack_length, unpack_length


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """A key frame: its index in display order, and where its section starts in the file."""

    index: int
    offset: int


def pack_index(keys: Sequence[KeyPlace]) -> bytes:
    """Payload of the index: per key frame how far it is from the one before, in frames and in bytes."""
    out = [pack_length(len(keys))]
    before = KeyPlace(0, 0)
    for key in keys:
        out += [pack_length(key.index - before.index), pack_length(key.offset - before.offset)]
        before = key
    return b"".join(out)


def unpack_index(payload: bytes, most: int) -> list[KeyPlace]:
    """Key frames in ascending order, at most so many.

    Raises
    ------
    BitstreamError
        If they are not, or more, or the payload ends elsewhere.
    """
    count, offset = unpack_length(payload, 0, "index")
    if count > most or 2 * count > len(payload) - offset:
        raise BitstreamError(f"{count} key frames do not fit", section="index")
    keys: list[KeyPlace] = []
    index = place = 0
    for _ in range(count):
        frames, offset = unpack_length(payload, offset, "index")
        distance, offset = unpack_length(payload, offset, "index")
        index, place = index + frames, place + distance
        if keys and (not frames or not distance):
            raise BitstreamError("its key frames do not ascend", section="index")
        keys.append(KeyPlace(index, place))
    if offset != len(payload):
        raise BitstreamError("foreign bytes follow its end", section="index")
    return keys


def key_before(keys: Sequence[KeyPlace], index: int) -> KeyPlace | None:
    """The last key frame at or before a frame."""
    at = bisect_right([key.index for key in keys], index)
    return keys[at - 1] if at else None
