"""The conformance set of video: short streams that cover the format, and what every decoder must make of them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch

from codec.conformance_set import MODEL, Outcome, read_cases
from codec.errors import CodecError
from codec.files import read_bytes
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.resources import resource
from codec.tcm.decoder import DecodedFrame, VideoDecoder, decode_video
from codec.tcm.encoder import encode_video
from codec.tcm.models import TcmModel, load_file
from codec.tcm.planes import padded
from codec.tcm.settings import VideoEncodeSettings
from codec.threads import torch_threads
from codec.video.frame import Frame, VideoFormat
from codec.video.source import VideoSource

CHECKS = ("stream", "frames", "seek", "threads", "int64", "encoder")
"""Columns of the matrix, all to the last bit: the stream as it was made; all samples of all frames with one thread; the
same when groups are decoded from the last to the first; with four threads; with networks and samples in int64, not
float64; and what this machine's encoder sees when it codes the frames of a small clip again is what its decoder shows.
The last three take as many frames as `SLOW_SAMPLES` allows, two at least."""
SLOW_SAMPLES = 20_000
"""Luma samples that the slow checks take of a stream, more or less: integer products run without a fast library."""


@dataclass(frozen=True)
class VideoCase:
    """One stream of the set.

    Attributes
    ----------
    name : str
        Of its file, NAME.tcm.
    sha256 : str
        Of the stream.
    frames : tuple of str
        `frame_hash` of every frame.
    covers : tuple of str
        Elements of the format that it holds.
    """

    name: str
    sha256: str
    frames: tuple[str, ...]
    covers: tuple[str, ...] = ()


def folder() -> Path:
    """Where the set is installed."""
    return resource("conformance/video")


def frame_hash(frame: Frame) -> str:
    """SHA-256 of the samples of Y, U and V, row by row; 10 bits as u16, little endian."""
    digest = hashlib.sha256()
    for plane in frame.planes:
        digest.update(np.ascontiguousarray(plane, plane.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def read_manifest(place: Path | None = None) -> list[VideoCase]:
    """All cases of the set; see `read_cases`."""
    return read_cases(
        place or folder(), lambda e: VideoCase(e["name"], e["sha256"], tuple(e["frames"]), tuple(e["covers"]))
    )


def run_video_conformance(
    devices: Sequence[str] = ("cpu",), place: Path | None = None, *, progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> list[Outcome[VideoCase]]:  # fmt: skip
    """Decode the whole set on every device."""
    place = place or folder()
    cases = read_manifest(place)
    outcomes = []
    for number, device in enumerate(devices):
        model = load_file(place / MODEL, torch.device(device))
        oracle = load_file(place / MODEL, torch.device(device), torch.int64) if device == "cpu" else None
        for index, case in enumerate(cases):
            check(cancel)
            progress((number + index / len(cases)) / len(devices), f"{device} {case.name}")
            outcomes.append(_run(case, place, model, oracle, device))
    progress(1.0, "done")
    return outcomes


def _run(case: VideoCase, place: Path, model: TcmModel, oracle: TcmModel | None, device: str) -> Outcome[VideoCase]:
    passed: dict[str, bool] = {}
    try:
        stream = read_bytes(place / f"{case.name}.tcm")
        passed["stream"] = hashlib.sha256(stream).hexdigest() == case.sha256
        with VideoDecoder(stream, device=device, model=model) as decoder:
            with torch_threads(1):
                shown = [decoded.frame for decoded in decoder.frames()]
            passed["frames"] = tuple(map(frame_hash, shown)) == case.frames
            keys = [key.index for key in decoder.reader.keys]
            if len(keys) > 1:
                passed["seek"] = _from_the_last(decoder, keys) == case.frames
            size = padded(decoder.format.height_px) * padded(decoder.format.width_px)
            some = max(2, SLOW_SAMPLES // size)
            if device == "cpu":
                with torch_threads(4):
                    passed["threads"] = _hashes(decoder.frames(0, some)) == case.frames[:some]
        if oracle is not None:
            frames = decode_video(stream, 0, some, device=device, model=oracle)
            passed["int64"] = _hashes(frames) == case.frames[:some]
        if 2 * size <= SLOW_SAMPLES:
            passed["encoder"] = _decodes_what_it_encodes(ShownClip(decoder.format, shown[:some]), model)
    except CodecError as error:
        return Outcome(case, device, passed, str(error))
    return Outcome(case, device, passed)


class ShownClip(VideoSource):
    """Frames in memory as a clip."""

    path = Path("shown")

    def __init__(self, format_: VideoFormat, frames: Sequence[Frame]) -> None:
        self.format, self._frames = format_, frames

    @property
    def frame_count(self) -> int:
        """Number of frames."""
        return len(self._frames)

    def read(self, start: int = 0, count: int | None = None) -> Iterator[Frame]:
        """Frames from `start` on."""
        yield from self._frames[start : None if count is None else start + count]


def _decodes_what_it_encodes(clip: ShownClip, model: TcmModel) -> bool:
    """Code a clip, without checksums that would hide it, and compare what encoder and decoder make of it."""
    seen: list[str] = []
    settings = VideoEncodeSettings(effort=0, checksums=False)
    with TemporaryDirectory() as place:
        path = Path(place) / "again.tcm"
        encode_video(clip, path, settings, model=model, on_frame=lambda done: seen.append(frame_hash(done.frame)))
        return list(_hashes(decode_video(path, model=model))) == seen


def _hashes(frames: Iterable[DecodedFrame]) -> tuple[str, ...]:
    return tuple(frame_hash(decoded.frame) for decoded in frames)


def _from_the_last(decoder: VideoDecoder, keys: Sequence[int]) -> tuple[str, ...]:
    """Hashes of all frames, decoded group by group from the last to the first."""
    found: tuple[str, ...] = ()
    for start, stop in reversed(list(zip(keys, [*keys[1:], decoder.frame_count], strict=True))):
        found = _hashes(decoder.frames(start, stop)) + found
    return found
