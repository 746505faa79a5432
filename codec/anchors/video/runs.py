"""One encode and decode of a clip, measured: a `ClipRun`."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from codec.anchors.video.base import Clip, CodedClip, CodedFrame, VideoAnchor
from codec.jobs import CancelToken, Progress, no_progress
from codec.metrics.clips import ClipFigures, FrameFigures, measure_clip
from codec.metrics.measure import OF_CLIPS
from codec.run import run_key
from codec.video.frame import Frame

ENCODE_SHARE = 0.8
"""Of the time of a run, for its progress."""


@dataclass(frozen=True, eq=False)
class ClipRun:
    """One codec's result on one clip at one setting; every number comes from the decoded stream.

    Attributes
    ----------
    codec, label, settings, versions
        As in `codec.run.Run`.
    clip : Clip
        What was coded.
    coded : CodedClip
        The file, and the bytes that count.
    metrics : mapping of str to float or None
        `quality`, `bytes`, `bpp`, `kbps`, `frames`, means over frames of what was measured (None where it is not
        defined), `encode_s` and `decode_s` (wall time, of programs from their start), and what `VideoAnchor.figures`
        says.
    frames : tuple of CodedFrame
        Type and bits of every frame, in display order.
    figures : ClipFigures
        Of every frame.
    """

    codec: str
    label: str
    settings: Mapping[str, object]
    versions: Mapping[str, str]
    clip: Clip
    coded: CodedClip
    metrics: Mapping[str, float | None]
    frames: tuple[CodedFrame, ...] = field(repr=False)
    figures: ClipFigures = field(repr=False)

    @property
    def source_hash(self) -> str:
        """Digest of the clip; the first time it is read for that."""
        return self.clip.source_hash

    @property
    def key(self) -> str:
        """Key of every cache: source, codec, settings and versions."""
        return run_key(self.codec, self.source_hash, self.settings, self.versions)

    @property
    def stream(self) -> bytes:
        """The coded file's bytes, its container included."""
        return self.coded.path.read_bytes()

    @property
    def quality(self) -> float:
        """On the codec's own axis."""
        return self.metrics["quality"] or 0.0

    @property
    def encode_s(self) -> float:
        """Wall time of the encode."""
        return self.metrics["encode_s"] or 0.0

    @property
    def decode_s(self) -> float:
        """Wall time of decoding alone."""
        return self.metrics["decode_s"] or 0.0

    def value(self, metric: str) -> float:
        """Bytes, or the mean of a PSNR over frames."""
        return float(self.coded.bytes) if metric == "bytes" else float(self.figures.mean(metric) or 0.0)


def run_video_anchor(
    anchor: VideoAnchor, clip: Clip, quality: float, output: Path, metrics: Sequence[str] = OF_CLIPS, *,
    progress: Progress = no_progress, cancel: CancelToken | None = None,
) -> ClipRun:  # fmt: skip
    """Encode a clip into a file, decode and measure it frame by frame.

    Raises
    ------
    CodecError
        If the codec fails, or gives other frames than it was given.
    """
    versions = anchor.versions()  # loads what runs in this process: that is no part of the encode
    started = time.perf_counter()
    coded = anchor.encode(
        clip, quality, output, cancel=cancel, progress=lambda done, note: progress(ENCODE_SHARE * done, note)
    )
    encode_s = time.perf_counter() - started
    figures, decode_s = measure_coded(
        anchor, clip, output, metrics, cancel=cancel,
        progress=lambda done, note: progress(ENCODE_SHARE + (1 - ENCODE_SHARE) * done, note),
    )  # fmt: skip
    form, count = clip.source.format, len(figures.frames)
    bits = 8.0 * coded.bytes
    values: dict[str, float | None] = {
        "quality": float(quality), "bytes": float(coded.bytes), "bpp": bits / (count * form.pixels),
        "kbps": bits / count * float(form.fps) / 1000, "frames": float(count), "encode_s": encode_s,
        "decode_s": decode_s,
    }  # fmt: skip
    return ClipRun(
        anchor.id, anchor.label, anchor.settings(quality), versions, clip, coded,
        {**values, **anchor.figures(), **{name: figures.mean(name) for name in metrics}},
        tuple(anchor.coded_frames(output)), figures,
    )  # fmt: skip


def measure_coded(
    anchor: VideoAnchor, clip: Clip, path: Path, metrics: Sequence[str], *, progress: Progress = no_progress,
    cancel: CancelToken | None = None,
) -> tuple[ClipFigures, float]:  # fmt: skip
    """Figures of a coded clip, and the seconds that decoding alone took."""
    length = clip.length
    seconds = [0.0]

    def told(figures: FrameFigures) -> None:
        done = figures.index - clip.start + 1
        progress(min(1.0, done / length) if length else 0.0, f"measuring {anchor.label} {clip.name}")

    started = time.perf_counter()
    with anchor.open(path) as decoded:
        opened_s = time.perf_counter() - started
        figures = measure_clip(clip.frames(), _timed(decoded.read(), seconds), metrics, on_frame=told, cancel=cancel)
    return figures, opened_s + seconds[0]


def _timed(frames: Iterable[Frame], seconds: list[float]) -> Iterator[Frame]:
    """The same frames; the time that making them takes is added to `seconds[0]`."""
    waiting = iter(frames)
    while True:
        started = time.perf_counter()
        frame = next(waiting, None)
        seconds[0] += time.perf_counter() - started
        if frame is None:
            return
        yield frame
