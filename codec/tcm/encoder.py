"""The frame loop of the encoder: lookahead, motion, latents, stream; what was decoded is the next reference."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import cast

import numpy as np
import torch

from codec.blockmap import BlockMap
from codec.errors import InputError
from codec.files import atomic_path
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.quality import QP_MAX, QP_STEPS, lmbda_of_qp
from codec.stream.video import FrameType, VideoHeader, VideoWriter
from codec.tcm.analysis import frame_analysis
from codec.tcm.checksum import planes_checksum
from codec.tcm.contexts import Statistics
from codec.tcm.frame_encoder import CodedLatents, FrameEncoder
from codec.tcm.lookahead.frames import LookaheadFrame
from codec.tcm.lookahead.lookahead import look_ahead
from codec.tcm.lookahead.maps import lookahead_maps
from codec.tcm.maps import cost_maps, stream_maps
from codec.tcm.models import TcmModel, load_tcm
from codec.tcm.motion.field import MotionField
from codec.tcm.motion.interpolate import predict
from codec.tcm.motion.references import Pictures
from codec.tcm.motion.search import PRESETS, search_motion
from codec.tcm.planes import Planes
from codec.tcm.results import FinishedFrame, FrameRecord, VideoEncodeResult
from codec.tcm.settings import VideoEncodeSettings
from codec.tcm.side import FrameSide, Memory
from codec.tcm.side_coding import CodedSide, SideCoder, SideInfo
from codec.tnc.models import pick_device
from codec.video.frame import Frame, VideoFormat
from codec.video.source import VideoSource

OnFrame = Callable[[FinishedFrame], None]
MOTION_EFFORT = {0: "fast", 1: "medium", 2: "slow"}
_DEFAULTS = VideoEncodeSettings()


@dataclass(frozen=True, eq=False)
class CodedPicture:
    """One frame as it is coded.

    Attributes
    ----------
    base_qp16 : int
    qp16_map, offsets, coded : numpy.ndarray
        By 16x16 px block of the padded picture.
    motion : MotionField or None
        None in a key frame.
    kept : bool
        Whether it is a P frame that later ones may refer to.
    side : CodedSide
        What goes before the symbols.
    latents : CodedLatents
        Symbols, and what a decoder makes of them.
    """

    base_qp16: int
    qp16_map: np.ndarray
    offsets: np.ndarray
    coded: np.ndarray
    motion: MotionField | None
    kept: bool
    side: CodedSide
    latents: CodedLatents
    current: Planes
    prediction: Planes | None

    @property
    def type(self) -> FrameType:
        """Key or P."""
        return FrameType.KEY if self.motion is None else FrameType.P

    @cached_property
    def checksum(self) -> int:
        """Of the decoded working picture."""
        return planes_checksum(self.latents.reconstruction)


@dataclass(eq=False)
class Stopwatch:
    """Seconds by part."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


class PictureEncoder:
    """Codes frame after frame; keeps the decoded pictures that the next frame refers to, and what it builds on.

    Parameters
    ----------
    model : TcmModel
    settings : VideoEncodeSettings
    """

    def __init__(self, model: TcmModel, settings: VideoEncodeSettings) -> None:
        self.model, self.settings = model, settings
        self._pictures = Pictures()
        self._since_kept = 0
        self.memory: Memory | None = None
        self._motion: MotionField | None = None
        self._sides: SideCoder | None = None

    @property
    def statistics(self) -> Statistics:
        """Of the side information of the present group."""
        if self._sides is None:
            raise InputError("nothing is coded yet", where="encoder")
        return self._sides.statistics

    def code(self, frame: Frame, *, key: bool, offsets: np.ndarray, watch: Stopwatch) -> CodedPicture:
        """Code the next frame.

        Parameters
        ----------
        key : bool
            Whether it is a key frame; the first one always is.
        offsets : numpy.ndarray
            Signed whole QP offsets of the padded picture's 16x16 px blocks.
        """
        settings, key = self.settings, key or not self._pictures
        current = Planes.from_frame(frame, self.model.device)
        kept = not key and self._since_kept + 1 == settings.keep_interval
        base_qp16 = settings.base_qp16(key=key, kept=kept)
        qp16_map = np.clip(base_qp16 + QP_STEPS * offsets.astype(np.int64), 0, round(QP_MAX * QP_STEPS))
        motion = prediction = None
        coded = np.ones(qp16_map.shape, bool)
        if self._sides is None:
            self._sides = SideCoder(len(offsets), offsets.size // len(offsets))
        if not key:
            chains = self._sides.chains
            references = self._pictures.of(chains)
            with watch.part("motion"):
                options = PRESETS[MOTION_EFFORT[settings.effort]]
                motion = search_motion(current, references, qp16_map, self._motion, options, chains.to)
            with watch.part("prediction"):
                prediction = predict(references, motion)
        known = FrameSide(base_qp16, torch.from_numpy(qp16_map), coded, motion)
        with watch.part("analysis"):
            model = self.model.of(key=key)
            encoder = FrameEncoder(model, current, prediction, known, None if key else self.memory, settings.effort)
        if not key:
            with watch.part("skip choice"):
                coded = encoder.choose_coded()
        with watch.part("coding"):
            latents = encoder.encode(coded)
            side = self._sides.encode(SideInfo(motion, coded, offsets), kept=kept)
        self._motion = motion
        self._pictures.push(latents.reconstruction, key=key, kept=kept)
        self._since_kept = 0 if key or kept else self._since_kept + 1
        self.memory = None if key else latents.memory
        return CodedPicture(base_qp16, qp16_map, offsets, coded, motion, kept, side, latents, current, prediction)


def encode_video(
    source: VideoSource, output: str | Path, settings: VideoEncodeSettings = _DEFAULTS, *, device: str = "auto",
    progress: Progress = no_progress, cancel: CancelToken | None = None, on_frame: OnFrame | None = None,
    model: TcmModel | None = None,
) -> VideoEncodeResult:  # fmt: skip
    """Code a clip into a file. Frames are read, coded and forgotten one by one; nothing is there if it fails.

    Parameters
    ----------
    source : VideoSource
        The clip; of it the frames `settings.first` to `settings.stop` are coded.
    output : str or Path
        The stream.
    device : str
        "auto", "cpu" or "cuda".
    on_frame : callable, optional
        Receives every frame as it finishes, on the calling thread.
    model : TcmModel, optional
        The installed one by default.

    Raises
    ------
    InputError, ModelError, Cancelled
    """
    progress(0.0, "loading the model")
    start = time.perf_counter()
    model = model or load_tcm(pick_device(device))
    totals = _Totals()
    with atomic_path(output) as temporary, temporary.open("wb") as file:
        header = VideoHeader(source.format, settings.base_qp16(key=False), model.entropy_id, model.synthesis_id)
        writer = VideoWriter(file, header)
        _run(source, writer, settings, model, totals, progress, cancel, on_frame)
        final = writer.finish()
    check(cancel)
    progress(1.0, "done")
    return totals.result(Path(output), final, writer, model, time.perf_counter() - start)


def _run(
    source: VideoSource, writer: VideoWriter, settings: VideoEncodeSettings, model: TcmModel, totals: _Totals,
    progress: Progress, cancel: CancelToken | None, on_frame: OnFrame | None,
) -> None:  # fmt: skip
    count = None if settings.stop is None else settings.stop - settings.first
    there = source.frame_count
    if there is not None:
        if settings.first >= there:
            raise InputError(f"there is no frame {settings.first}: the clip has {there}", where=source.name)
        count = min(there - settings.first, there if count is None else count)
    encoder = PictureEncoder(model, settings)
    frames = look_ahead(source.read(settings.first, count), settings.lookahead)
    for number, (frame, look, watch) in enumerate(_timed(frames)):
        check(cancel)
        progress(min(1.0, number / count) if count else 0.0, f"frame {number + 1} of {count or 'unknown'}")
        picture = encoder.code(frame, key=look.is_key, offsets=look.offsets, watch=watch)
        shown = picture.latents.reconstruction.to_frame(
            source.format.height_px, source.format.width_px, source.format.bit_depth, number
        )
        errors = plane_errors(frame, shown)
        record = _record(number, picture, look, errors, settings, watch)
        before = writer.total_bytes
        bits = 8 * writer.add_frame(
            picture.type, picture.side.payload, picture.latents.payload, base_qp16=picture.base_qp16,
            checksum=picture.checksum if settings.checksums else None, kept=picture.kept,
            analysis=frame_analysis(record, look, picture.latents.bits) if settings.analysis else None,
        )  # fmt: skip
        record = _with_bits(record, bits, picture, settings)
        totals.add(record, errors, 8 * (writer.total_bytes - before) - bits)
        if on_frame is not None:
            on_frame(FinishedFrame(record, frame.index, shown, _maps(source.format, picture, look)))
    if not writer.frame_count:
        raise InputError("the clip has no frames", where=source.name)


def _timed(
    frames: Iterator[tuple[Frame, LookaheadFrame]],
) -> Iterator[tuple[Frame, LookaheadFrame, Stopwatch]]:
    """The same with a stopwatch that has counted reading and looking ahead."""
    while True:
        watch = Stopwatch()
        with watch.part("lookahead"):
            item = next(frames, None)
        if item is None:
            return
        yield *item, watch


def plane_errors(original: Frame, decoded: Frame) -> tuple[float, float, float]:
    """Mean squared errors of Y, U and V on samples in [0, 1]."""
    pairs = zip(original.planes, decoded.planes, strict=True)
    y, u, v = (float(np.square((a.astype(np.int32) - b) / original.peak).mean()) for a, b in pairs)
    return y, u, v


def psnr_db(mse: float) -> float:
    """PSNR in dB of an error on samples in [0, 1]; infinity for none."""
    return -10.0 * float(np.log10(mse)) if mse > 0 else float("inf")


def _record(
    number: int, picture: CodedPicture, look: LookaheadFrame, errors: tuple[float, float, float],
    settings: VideoEncodeSettings, watch: Stopwatch,
) -> FrameRecord:  # fmt: skip
    psnr_y_db, psnr_u_db, psnr_v_db = map(psnr_db, errors)
    return FrameRecord(
        number, picture.type.letter, look.key_reason, float(picture.qp16_map.mean()) / QP_STEPS,
        picture.base_qp16 / QP_STEPS, 0, _ideal_bits(picture), 1.0 - float(picture.coded.mean()), psnr_y_db, psnr_u_db,
        psnr_v_db, dict(watch.seconds),
    )  # fmt: skip


def _ideal_bits(picture: CodedPicture) -> dict[str, float]:
    """Code lengths by syntax element."""
    return {**picture.side.bits, "z": picture.latents.z_bits, "y": picture.latents.y_bits}


def _with_bits(record: FrameRecord, bits: int, picture: CodedPicture, settings: VideoEncodeSettings) -> FrameRecord:
    """Complete a record when the section is written."""
    checksum = 32.0 if settings.checksums else 0.0
    coded = 8.0 * (len(picture.side.payload) + len(picture.latents.payload))
    parts = {"headers": bits - coded - checksum, "checksum": checksum, **record.bits_by_part}
    return replace(record, bits=round(bits - checksum), bits_by_part=parts)


def _maps(format_: VideoFormat, picture: CodedPicture, look: LookaheadFrame) -> dict[str, BlockMap]:
    maps = lookahead_maps(look)
    maps |= stream_maps(format_, picture.qp16_map, picture.offsets, picture.coded, picture.motion)
    return maps | cost_maps(
        format_, picture.latents.bits, picture.current, picture.prediction, picture.latents.reconstruction
    )


class _Totals:
    """Sums over the frames of a clip."""

    def __init__(self) -> None:
        self._frames = self._keys = 0
        self._qp = 0.0
        self._psnr = np.zeros(3)
        self._errors = np.zeros(3)
        self._bits: Counter[str] = Counter()
        self._seconds: Counter[str] = Counter()

    def add(self, record: FrameRecord, errors: tuple[float, float, float], analysis_bits: int) -> None:
        """Count a frame."""
        self._frames += 1
        self._keys += record.type == "I"
        self._qp += record.qp
        self._psnr += np.array([record.psnr_y_db, record.psnr_u_db, record.psnr_v_db])
        self._errors += errors
        self._bits.update(record.bits_by_part)
        self._bits["analysis"] += analysis_bits
        self._seconds.update(record.seconds)

    def result(
        self, path: Path, header: VideoHeader, writer: VideoWriter, model: TcmModel, seconds: float
    ) -> VideoEncodeResult:
        """Make means of the sums."""
        n = self._frames
        bits: dict[str, float] = {"stream header": 8.0 * writer.header_bytes, **self._bits}
        bits["index"] = 8.0 * writer.ancillary_bytes - bits["analysis"]
        y, u, v = (float(x) for x in self._psnr / n)
        return VideoEncodeResult(
            path, header.format, n, self._keys, writer.total_bytes, writer.rd_bytes, bits, header.qp,
            lmbda_of_qp(header.qp), self._qp / n, y, u, v,
            cast("tuple[float, float, float]", tuple(float(x) for x in self._errors / n)), seconds,
            dict(self._seconds), model.kmac_per_px,
        )  # fmt: skip
