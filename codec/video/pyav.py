"""Compressed clips through PyAV: planes as the decoder makes them, exact seeking."""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.video.format import VideoFormat as PixelFormat
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from codec.errors import InputError
from codec.video.frame import ColorTags, Frame, VideoFormat
from codec.video.source import VideoSource, check_start

TAKEN = {"yuv420p": 8, "yuvj420p": 8, "yuv420p10le": 10}
"""Pixel formats whose planes are taken as they are, and their bits."""
SAME_SAMPLES = {"nv12": "yuv420p", "nv21": "yuv420p", "p010le": "yuv420p10le"}
"""The same samples in another order."""
GREY = {"gray": ("yuv420p", 128), "gray10le": ("yuv420p10le", 512)}
"""Luma alone, and the chroma that says so; swscale would take its range for full."""
FULL_RANGE = 2
PICTURE_TYPES = {1: "I", 2: "P", 3: "B"}
"""Of FFmpeg."""


@dataclass(frozen=True)
class _Index:
    """Time stamps of all frames in display order, and the numbers of those that decoding can start at."""

    times: list[int]
    keys: list[int]


@dataclass
class _Cursor:
    """A decoder that gives frame `next` next."""

    container: InputContainer
    frames: Iterator[VideoFrame]
    next: int = 0


class PyavSource(VideoSource):
    """A clip that FFmpeg's libraries decode.

    4:2:0 of 8 and 10 bits is taken as decoded; other YCbCr is brought to it by swscale, which `notes` says;
    RGB is refused, for no one matrix would be right. Chroma counts as left-sited, as MPEG's codecs have it unless
    told otherwise: PyAV does not hand on what the file says about it.

    Parameters
    ----------
    path : Path
        The file.
    fps : Fraction, optional
        In place of the file's rate.
    """

    def __init__(self, path: Path, fps: Fraction | None = None) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._idle: _Cursor | None = None
        self._known: _Index | None = None
        self._looked = False
        container, stream = self._open()
        with container:
            context = stream.codec_context
            if context.format is None or not stream.width:
                raise InputError("its video cannot be decoded here", where=str(path))
            self._target, notes = _target_of(context.format, str(path))
            if len(container.streams.video) > 1:
                notes.append("of several video streams the first one is read")
            color = ColorTags(
                context.color_primaries, context.color_trc, context.colorspace,
                context.color_range == FULL_RANGE or context.format.name.startswith("yuvj"),
            )  # fmt: skip
            rate = fps or stream.average_rate or stream.guessed_rate or Fraction(25)
            self.format = VideoFormat(stream.width, stream.height, TAKEN[self._target], Fraction(rate), color)
            self._stated = stream.frames or None
        cursor = self._fresh()
        first = self._next(cursor)
        if first is None:
            raise InputError("there is no frame in the file", where=str(path))
        cursor.frames, cursor.next = chain([first], cursor.frames), 0
        self._idle = cursor
        if first.interlaced_frame:
            notes.append("interlaced: both fields of a frame are taken as one picture")
        if first.rotation:
            notes.append(f"the file asks to be shown turned by {first.rotation} degrees; frames are as stored")
        self.notes = tuple(notes)

    @property
    def frame_count(self) -> int | None:
        """Number of frames, counted once without decoding; where that fails, what the file states."""
        index = self._index()
        return len(index.times) if index else self._stated

    def read(self, start: int = 0, count: int | None = None) -> Iterator[Frame]:
        """Frames from `start` on, decoded from the key frame before."""
        check_start(start, self.path)
        if count is not None and count <= 0:
            return
        cursor = self._at(start)
        stop = None if count is None else start + count
        keep = False
        try:
            while stop is None or cursor.next < stop:
                keep = False
                picture = self._next(cursor)
                if picture is None:
                    return
                keep = True
                if cursor.next > start:
                    yield self._frame(picture, cursor.next - 1)
        finally:
            # Stepping and playing go on from here without decoding a group of pictures again.
            self._put_back(cursor if keep else None)
            if not keep:
                cursor.container.close()

    def close(self) -> None:
        """Close the decoder that waits for the next read."""
        self._put_back(None)

    def _open(self) -> tuple[InputContainer, VideoStream]:
        try:
            container = av.open(str(self.path))
        except (av.FFmpegError, OSError) as error:
            raise InputError(
                "not a video file that can be read", where=str(self.path), hint=str(error.strerror)
            ) from error
        if not container.streams.video:
            container.close()
            raise InputError("there is no video in the file", where=str(self.path))
        stream = container.streams.video[0]
        stream.thread_type = "AUTO"
        # Damage is an error: a concealed frame would be measured as if it were the source.
        stream.codec_context.options = {"err_detect": "explode"}
        return container, stream

    def _fresh(self) -> _Cursor:
        container, stream = self._open()
        return _Cursor(container, container.decode(stream))

    def _next(self, cursor: _Cursor) -> VideoFrame | None:
        """Next picture of a decoder; None at the end."""
        try:
            picture = next(cursor.frames, None)
        except (av.FFmpegError, OSError) as error:
            raise self._damaged(cursor.next, str(error.strerror)) from error
        if picture is not None:
            if picture.is_corrupt:
                raise self._damaged(cursor.next, "its data are incomplete")
            cursor.next += 1
        return picture

    def _damaged(self, number: int, why: str) -> InputError:
        return InputError(f"frame {number} cannot be decoded: {why}", where=str(self.path))

    def _at(self, start: int) -> _Cursor:
        """A decoder that gives frame `start` or one shortly before it next: the idle one, or a new one."""
        with self._lock:
            idle, self._idle = self._idle, None
        if idle is not None and idle.next == start:
            return idle
        index = self._index() if start else None
        key = 0
        if index is not None and (place := bisect_right(index.keys, start)):
            key = index.keys[place - 1]
        if idle is not None:
            if key <= idle.next <= start:
                return idle
            idle.container.close()
        while index is not None and key > 0 and start < len(index.times):
            if (found := self._sought(index, key, start)) is not None:
                return found
            earlier = [other for other in index.keys if other < key]
            key = earlier[-1] if earlier else 0
        return self._fresh()

    def _sought(self, index: _Index, key: int, start: int) -> _Cursor | None:
        """A decoder that was started at a key frame and has come to `start`; None where it has missed it."""
        container, stream = self._open()
        try:
            container.seek(index.times[key], stream=stream, backward=True)
            frames = container.decode(stream)
            for picture in frames:
                if picture.pts is None or picture.pts > index.times[start]:
                    break
                if picture.pts == index.times[start]:
                    return _Cursor(container, chain([picture], frames), start)
        except (av.FFmpegError, OSError):
            pass  # from the beginning it may go, or tell where it does not
        container.close()
        return None

    def _index(self) -> _Index | None:
        """Times and key frames of all packets; None where the file has no clean time stamps."""
        with self._lock:
            if not self._looked:
                self._known = self._scan()
                self._looked = True
            return self._known

    def _scan(self) -> _Index | None:
        container, stream = self._open()
        times, keys = [], []
        with container:
            try:
                for packet in container.demux(stream):
                    if not packet.size or packet.is_discard:
                        continue
                    if packet.pts is None:
                        return None
                    times.append(packet.pts)
                    if packet.is_keyframe:
                        keys.append(packet.pts)
            except (av.FFmpegError, OSError):
                return None
        times.sort()
        if len(set(times)) != len(times):
            return None
        numbers = {time: number for number, time in enumerate(times)}
        return _Index(times, sorted(numbers[key] for key in keys))

    def _put_back(self, cursor: _Cursor | None) -> None:
        with self._lock:
            old, self._idle = self._idle, cursor
        if old is not None:
            old.container.close()

    def _frame(self, picture: VideoFrame, number: int) -> Frame:
        form = self.format
        if (picture.width, picture.height) != (form.width_px, form.height_px):
            raise InputError(
                f"frame {number} is {picture.width}x{picture.height}, and the first {form.width_px}x{form.height_px}",
                where=str(self.path), hint="all frames of a clip have one size",
            )  # fmt: skip
        name = picture.format.name
        if name not in TAKEN and name not in GREY:
            picture = picture.reformat(format=self._target)
        planes = []
        for plane, (rows, cols) in zip(picture.planes, form.plane_shapes, strict=name not in GREY):
            samples = np.frombuffer(plane, np.dtype(form.dtype).newbyteorder("<"))  # type: ignore[call-overload]
            stride = plane.line_size // samples.itemsize
            planes.append(samples[: rows * stride].reshape(rows, stride)[:, :cols].astype(form.dtype))
        if name in GREY:
            planes += [np.full(shape, GREY[name][1], form.dtype) for shape in form.plane_shapes[1:]]
        return Frame((planes[0], planes[1], planes[2]), form.bit_depth, number)


def coded_pictures(path: Path) -> list[tuple[str, int]]:
    """Type ("I", "P", "B", "" where unknown) and bytes of every picture in display order; decodes all of them."""
    source = PyavSource(path)
    source.close()
    container, stream = source._open()
    sizes: dict[int | None, int] = {}
    pictures = []
    try:
        with container:
            for packet in container.demux(stream):
                if packet.size:
                    sizes[packet.pts] = sizes.get(packet.pts, 0) + packet.size
                for picture in packet.decode():
                    kind = picture.pict_type
                    pictures.append((picture.pts, PICTURE_TYPES.get(int(kind), "")))
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"picture {len(pictures)} cannot be decoded: {error.strerror}", where=str(path)) from error
    return [(kind, sizes.get(time, 0)) for time, kind in pictures]


def _target_of(form: PixelFormat, where: str) -> tuple[str, list[str]]:
    """Format that frames are brought to, and what to tell about it."""
    if form.name in TAKEN:
        return form.name, []
    if form.name in SAME_SAMPLES:
        return SAME_SAMPLES[form.name], []
    if form.name in GREY:
        return GREY[form.name][0], ["grey: chroma is neutral"]
    if form.is_rgb or form.has_palette or form.is_bayer or len(form.components) < 3:
        raise InputError(
            f"its pixels are {form.name}, and YCbCr is needed", where=where,
            hint="ffmpeg -i IN -vf scale=out_color_matrix=bt709 -pix_fmt yuv420p OUT.mkv chooses the matrix",
        )  # fmt: skip
    full = form.name.startswith("yuvj")
    target = "yuv420p10le" if form.components[0].bits > 8 else "yuvj420p" if full else "yuv420p"
    return target, [f"its pixels are {form.name}: they are converted to {target}, and figures refer to that"]
