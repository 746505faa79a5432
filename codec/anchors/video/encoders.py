"""x265, SVT-AV1 and vvenc through ffmpeg, in a low-delay structure and in their own."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from codec.anchors.base import QualityRange
from codec.anchors.ffmpeg import ffmpeg_path, ffmpeg_version, missing
from codec.anchors.hevc import x265_versions
from codec.anchors.process import last_line, run_process
from codec.anchors.video.base import STRUCTURES, Clip, CodedClip, CodedFrame, Structure, VideoAnchor
from codec.errors import AnchorError
from codec.files import atomic_path
from codec.jobs import CancelToken, Progress, no_progress
from codec.video.frame import ColorTags
from codec.video.source import VideoSource

START_S = 300.0
SECONDS_PER_PIXEL = 200e-6
"""Longest that an encode may take, some fifty times what it does on a free core."""


@dataclass(frozen=True)
class Encoder:
    """How ffmpeg is told to use one encoder.

    Attributes
    ----------
    name : str
        For people.
    library, decoder : str
        ffmpeg's encoder, and the decoder that must be there to read what it writes.
    stream_format : str
        ffmpeg's name of the elementary stream whose bytes count.
    presets : sequence of str
        The first one is the usual one.
    quality : QualityRange
    quality_option : sequence of str
        Options that set the quality and nothing else, `{q}` for its value; parameters aside.
    parameters_option : str
        Name of the option with the encoder's own parameters.
    parameters : mapping of structure to str
        Those parameters, `{q}` for the quality.
    always : sequence of str
        Options of every encode.
    depth : int or None
        Bits per sample that it codes; those of the source where None.
    smallest_px : int
        Smallest side that it takes.
    """

    name: str
    library: str
    decoder: str
    stream_format: str
    presets: Sequence[str]
    quality: QualityRange
    quality_option: Sequence[str]
    parameters_option: str
    parameters: Mapping[Structure, str]
    always: Sequence[str] = ()
    depth: int | None = 10
    smallest_px: int = 64


_X265 = "qp={q}:info=0:pools=none:frame-threads=1"
ENCODERS: dict[str, Encoder] = {
    "x265": Encoder(
        "x265", "libx265", "hevc", "hevc",
        ("veryslow", "ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "placebo"),
        QualityRange(0, 51, 1, True, "QP", (22, 42, 5)), (), "-x265-params",
        {"low-delay": f"{_X265}:bframes=0:keyint=-1:scenecut=0", "default": _X265}, depth=None, smallest_px=16,
    ),
    "svtav1": Encoder(
        "SVT-AV1", "libsvtav1", "libdav1d", "obu", ("4", *(str(n) for n in range(13) if n != 4)),
        QualityRange(1, 63, 1, True, "CRF", (25, 63, 10)), ("-crf", "{q}"), "-svtav1-params",
        {"low-delay": "lp=1:tune=1:pred-struct=1:keyint=-1", "default": "lp=1:tune=1:pred-struct=2"},
    ),
    "vvenc": Encoder(
        "vvenc", "libvvenc", "vvc", "vvc", ("medium", "faster", "fast", "slow", "slower"),
        QualityRange(0, 63, 1, True, "QP", (22, 42, 5)), ("-qp", "{q}"), "-vvenc-params",
        {"low-delay": "picreordering=0:decodingrefreshtype=none:poc0idr=1:gopsize=8", "default": ""},
        always=("-qpa", "0", "-threads", "1", "-period", "10"),
    ),
}  # fmt: skip
"""By id. vvenc's low-delay parameters are those without which it refuses, or writes nothing."""


class FfmpegVideoAnchor(VideoAnchor):
    """An encoder of `ENCODERS` at one preset, on one thread.

    Parameters
    ----------
    encoder_id : str
        Of `ENCODERS`.
    preset : str
        Its usual one where empty.
    structure : {"low-delay", "default"}
        Order and references of the frames.
    """

    def __init__(self, encoder_id: str, preset: str = "", structure: Structure = "low-delay") -> None:
        self.id = encoder_id
        self._encoder = ENCODERS[encoder_id]
        self.preset = preset or self._encoder.presets[0]
        self.structure: Structure = structure
        if self.preset not in self._encoder.presets:
            raise AnchorError(
                f"{self._encoder.name} has no preset {preset!r}", hint=", ".join(self._encoder.presets)
            )  # fmt: skip
        if structure not in STRUCTURES:
            raise AnchorError(f"there is no structure {structure!r}", hint=", ".join(STRUCTURES))

    @property
    def label(self) -> str:
        """Encoder, preset and structure."""
        return f"{self._encoder.name} {self.preset} {self.structure}"

    @property
    def settings_text(self) -> str:
        """Everything that ffmpeg is told, without the quality."""
        options = [*self._encoder.always, self._encoder.parameters[self.structure].replace("qp={q}:", "")]
        depth = f"{self._encoder.depth} bit" if self._encoder.depth else "the source's depth"
        return f"{self.preset}, {self.structure}, {depth}: {' '.join(option for option in options if option)}"

    @property
    def quality(self) -> QualityRange:
        """QP, or the CRF of SVT-AV1."""
        return self._encoder.quality

    @property
    def version(self) -> str:
        """Version of ffmpeg, and of x265."""
        if self.id == "x265":
            return x265_versions()
        return f"{self._encoder.library} in ffmpeg {ffmpeg_version()}" if ffmpeg_version() else ""

    def availability(self) -> str | None:
        """Whether ffmpeg has the encoder, and a decoder."""
        return missing(self._encoder.library, self._encoder.decoder)

    def encode(
        self, clip: Clip, quality: float, output: Path, *, progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> CodedClip:  # fmt: skip
        """Encode to an MP4 file, and count the bytes of the elementary stream."""
        self.quality.check(quality)
        form = clip.source.format
        if form.width_px % 2 or form.height_px % 2 or min(form.width_px, form.height_px) < self._encoder.smallest_px:
            raise AnchorError(
                f"takes even sizes from {self._encoder.smallest_px} px on, not {form.width_px}x{form.height_px}",
                where=self.label,
            )  # fmt: skip
        depth = self._encoder.depth or form.bit_depth
        length = clip.length
        timeout_s = math.inf if length is None else START_S + SECONDS_PER_PIXEL * form.pixels * length
        with tempfile.TemporaryDirectory(prefix="tnc-") as folder:
            _, messages = run_process(
                self._arguments(form.width_px, form.height_px, str(form.fps), form.color, depth, quality),
                stdin=_raw_frames(clip, depth, progress, f"{self.label} {clip.name}"),
                timeout_s=timeout_s, folder=Path(folder), cancel=cancel,
            )  # fmt: skip
            stream = Path(folder, "stream")
            size = stream.stat().st_size if stream.exists() else 0
            if not size:
                # vvenc refuses settings and still exits with 0.
                raise AnchorError(last_line(messages) or "no stream was written", where=self.label)
            with atomic_path(output) as temporary:
                shutil.copyfile(Path(folder, "clip.mp4"), temporary)
        progress(1.0, f"{self.label} {clip.name}")
        return CodedClip(output, size)

    def _arguments(
        self, width: int, height: int, fps: str, color: ColorTags, depth: int, quality: float
    ) -> list[str]:  # fmt: skip
        encoder = self._encoder
        pixel_format = "yuv420p" if depth == 8 else "yuv420p10le"
        arguments = [ffmpeg_path(), "-hide_banner", "-v", "error", "-filter_threads", "1", "-f", "rawvideo"]
        arguments += ["-pix_fmt", pixel_format, "-s", f"{width}x{height}", "-r", fps, *_color_options(color)]
        arguments += ["-i", "-", "-map", "0:v", "-c:v", encoder.library, "-preset", self.preset]
        arguments += [part.format(q=f"{quality:g}") for part in encoder.quality_option]
        arguments += encoder.always
        if parameters := encoder.parameters[self.structure].format(q=f"{quality:g}"):
            arguments += [encoder.parameters_option, parameters]
        # One encode, two files: the stream whose bytes count, and one with time stamps to seek in.
        return [*arguments, "-f", "tee", f"[f={encoder.stream_format}]stream|[f=mp4]clip.mp4"]

    def open(self, path: Path) -> VideoSource:
        """Decode by PyAV: its planes are those of any conforming decoder."""
        from codec.video.source import open_video

        return open_video(path)

    def coded_frames(self, path: Path) -> list[CodedFrame]:
        """Packets in display order, with the types that the decoder finds in them."""
        from codec.video.pyav import coded_pictures

        return [CodedFrame(index, kind, 8 * size) for index, (kind, size) in enumerate(coded_pictures(path))]


def _raw_frames(clip: Clip, depth: int, progress: Progress, note: str) -> Iterator[bytes]:
    """Planes for a pipe, shifted up to the encoder's depth."""
    shift = depth - clip.bit_depth
    length = clip.length
    for number, frame in enumerate(clip.frames()):
        planes = [plane.astype("<u2") << shift if depth > 8 else plane for plane in frame.planes]
        yield b"".join(np.ascontiguousarray(plane).tobytes() for plane in planes)
        if length:
            progress(min(0.99, (number + 1) / length), note)


def _color_options(color: ColorTags) -> list[str]:
    """Tags that say something, as numbers of H.273."""
    named = {"-color_primaries": color.primaries, "-color_trc": color.transfer, "-colorspace": color.matrix}
    options = [word for name, value in named.items() if value not in (0, 2) for word in (name, str(value))]
    return [*options, "-color_range", "2" if color.full_range else "1"]
