"""The frame loop of the decoder: frames in display order from any one on, each compared with its checksum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

import numpy as np
import torch

from codec.blockmap import BlockMap
from codec.errors import BitstreamError, ChecksumMismatch, InputError
from codec.jobs import CancelToken, check
from codec.quality import QP_MAX, QP_STEPS
from codec.stream.limits import DecodeLimits
from codec.stream.source import ByteSource, FileBytes
from codec.stream.video import VIDEO_LIMITS, CodedFrame, VideoReader
from codec.stream.video.reader import LostFrames
from codec.tcm.analysis import analysis_maps
from codec.tcm.checksum import planes_checksum
from codec.tcm.latents import CountingStream, decode_latents
from codec.tcm.maps import bits_map, residual_map, stream_maps
from codec.tcm.models import TcmModel, load_for
from codec.tcm.motion.field import MotionField
from codec.tcm.motion.interpolate import predict
from codec.tcm.motion.references import Pictures
from codec.tcm.planes import Planes, padded
from codec.tcm.results import FrameRecord
from codec.tcm.side import FrameSide, Memory
from codec.tcm.side_coding import SideCoder
from codec.tnc.models import pick_device
from codec.video.frame import Frame, VideoFormat


@dataclass(frozen=True, eq=False)
class DecodedFrame:
    """One frame of a stream.

    Attributes
    ----------
    frame : Frame
        Grey where it is lost.
    record : FrameRecord or None
        What the stream says of it; None where it is lost.
    lost : str
        Why it is lost, "" where it is not.
    """

    frame: Frame
    record: FrameRecord | None
    lost: str = ""
    _parts: _Parts | None = field(default=None, repr=False)

    @property
    def maps(self) -> Mapping[str, BlockMap]:
        """Block maps, made when they are asked for.

        What its stream says ("qp", "offset", "mode", "vectors"), "residual_energy", and what the encoder noted.
        """
        parts = self._parts
        if parts is None:
            return {}
        maps = analysis_maps(parts.reader.analysis_of(parts.coded_frame), parts.format)
        maps |= stream_maps(parts.format, parts.qp16_map, parts.offsets, parts.coded, parts.motion)
        if parts.prediction is not None:
            maps["residual_energy"] = residual_map(parts.format, parts.prediction, parts.planes)
        if parts.block_bits is not None:
            maps["bits"] = bits_map(parts.format, parts.block_bits)
        return maps


@dataclass(frozen=True, eq=False)
class _Parts:
    reader: VideoReader
    coded_frame: CodedFrame
    format: VideoFormat
    qp16_map: np.ndarray
    offsets: np.ndarray
    coded: np.ndarray
    motion: MotionField | None
    planes: Planes
    prediction: Planes | None
    block_bits: np.ndarray | None


class PictureDecoder:
    """Decodes coded frames in order; keeps the last picture and what the next frame builds on.

    Parameters
    ----------
    measure : bool
        Whether bits are accounted for by syntax element and by block.
    """

    def __init__(self, reader: VideoReader, model: TcmModel, *, measure: bool = False) -> None:
        self.reader, self.model, self._measure = reader, model, measure
        self.format = reader.header.format
        self._sides = SideCoder(padded(self.format.height_px) // 16, padded(self.format.width_px) // 16)
        self._pictures = Pictures()
        self._memory: Memory | None = None

    def decode(self, coded_frame: CodedFrame) -> DecodedFrame:
        """Decode the frame that follows the last one, or a key frame.

        Raises
        ------
        BitstreamError
            `ChecksumMismatch` where the picture is not the encoder's.
        """
        key, header = coded_frame.is_key, coded_frame.header
        name = f"frame {coded_frame.index}"
        if not key and not self._pictures:
            raise BitstreamError("it needs a frame that is not there", section=name)
        references = {} if key else self._pictures.of(self._sides.chains)
        known = self._sides.decode(coded_frame.side, key=key, kept=header.kept)
        motion, coded, offsets = known.motion, known.coded, known.offsets
        base_qp16 = self.reader.header.base_qp16 if header.base_qp16 is None else header.base_qp16
        qp16_map = np.clip(base_qp16 + QP_STEPS * offsets.astype(np.int64), 0, round(QP_MAX * QP_STEPS))
        prediction = None if motion is None else predict(references, motion)
        side = FrameSide(base_qp16, torch.from_numpy(qp16_map), coded, motion)
        counting = CountingStream(coded_frame.latents, coded.shape) if self._measure else None
        planes, memory = decode_latents(
            self.model.of(key=key), coded_frame.latents, prediction, side, None if key else self._memory, counting
        )
        if header.checksum is not None and planes_checksum(planes) != header.checksum:
            self._pictures.clear()
            raise ChecksumMismatch("the decoded picture is not the encoder's", section=name, offset=coded_frame.offset)
        self._pictures.push(planes, key=key, kept=header.kept)
        self._memory = None if key else memory
        record = FrameRecord(
            coded_frame.index, header.type.letter, "", float(qp16_map.mean()) / QP_STEPS, base_qp16 / QP_STEPS,
            8 * coded_frame.rd_bytes, self._parts(coded_frame, counting), 1.0 - float(coded.mean()),
        )  # fmt: skip
        frame = planes.to_frame(self.format.height_px, self.format.width_px, self.format.bit_depth, coded_frame.index)
        block_bits = None if counting is None else counting.block_bits
        parts = _Parts(
            self.reader, coded_frame, self.format, qp16_map, offsets, coded, motion, planes, prediction, block_bits
        )
        return DecodedFrame(frame, record, "", parts)

    def _parts(self, coded_frame: CodedFrame, counting: CountingStream | None) -> dict[str, float]:
        """Bits by syntax element, where they are measured."""
        if counting is None:
            return {}
        symbols = {"z": counting.z_bits, "y": float(counting.block_bits.sum())}
        return framing_bits(coded_frame) | dict(self._sides.bits) | symbols


def framing_bits(coded_frame: CodedFrame) -> dict[str, float]:
    """Bits of a frame that are neither side information nor symbols."""
    checksum = 0.0 if coded_frame.header.checksum is None else 32.0
    inside = 8.0 * (len(coded_frame.side) + len(coded_frame.latents))
    return {"headers": 8.0 * coded_frame.bytes - inside - checksum, "checksum": checksum}


class VideoDecoder:
    """A stream of video as frames: all in order, or any one by its number.

    Parameters
    ----------
    stream : str, Path or bytes
        A file, which is read where it is needed; or the stream itself.
    device : str
        "auto", "cpu" or "cuda".
    limits : DecodeLimits
    salvage : bool
        Go on behind damage at the next key frame. What is lost is given as grey frames, so that the others keep their
        time, and told in `damage`; frames that are missing at the end are told only.
    model : TcmModel, optional
        The installed one that the stream names by default.
    measure : bool
        Whether records tell bits by syntax element, and maps the bits of each block.

    Attributes
    ----------
    format : VideoFormat
    frame_count : int
        As the stream's header says.
    damage : list of str
        What was found so far, in words.
    """

    def __init__(
        self, stream: str | Path | bytes, *, device: str = "auto", limits: DecodeLimits = VIDEO_LIMITS,
        salvage: bool = False, model: TcmModel | None = None, measure: bool = False,
    ) -> None:  # fmt: skip
        self._measure = measure
        self._file = None if isinstance(stream, bytes) else FileBytes(stream)
        source: ByteSource = stream if isinstance(stream, bytes) else self._file  # type: ignore[assignment]
        try:
            self.reader = VideoReader(source, limits, salvage=salvage)
            header = self.reader.header
            self.model = model or load_for(header.entropy_id, header.synthesis_id, pick_device(device))
        except BaseException:
            self.close()
            raise
        self.format: VideoFormat = header.format
        self.frame_count = header.frame_count
        self.damage: list[str] = []
        self._running: tuple[int, Iterator[DecodedFrame]] | None = None
        self._cancel: CancelToken | None = None

    def frames(
        self, start: int = 0, stop: int | None = None, cancel: CancelToken | None = None
    ) -> Iterator[DecodedFrame]:
        """Frames `start` to `stop` (not included) in display order; decoding starts at the key frame before.

        Raises
        ------
        InputError
            If there is no frame `start`.
        BitstreamError
            At the first damage, unless salvaging.
        """
        return self._frames(start, stop, lambda: check(cancel))

    def _frames(self, start: int, stop: int | None, go_on: Callable[[], None]) -> Iterator[DecodedFrame]:
        """The same; `go_on` is called before every frame, and raises to end it."""
        stop = self.frame_count if stop is None else min(stop, self.frame_count)
        decoder = PictureDecoder(self.reader, self.model, measure=self._measure)
        trouble = ""
        for item in self.reader.frames(start):
            go_on()
            if isinstance(item, LostFrames):
                self._note(item)
                if not item.at_end:
                    yield from self._grey(max(start, item.first), min(stop, item.stop), item.text)
                trouble = ""
                continue
            if item.index >= stop:
                return
            if item.is_key:
                trouble = ""
            if trouble:
                if item.index >= start:
                    yield from self._grey(item.index, item.index + 1, trouble)
                continue
            try:
                decoded = decoder.decode(item)
            except BitstreamError as error:
                if not self.reader.salvage:
                    raise
                trouble = str(error)
                self.damage.append(f"frames from {item.index} to the next key frame are lost: {trouble}")
                yield from self._grey(max(start, item.index), item.index + 1, trouble)
                continue
            if item.index >= start:
                yield decoded

    def frame(self, index: int, cancel: CancelToken | None = None) -> DecodedFrame:
        """One frame. The one after the last that was asked for needs no new start."""
        self._cancel = cancel  # of this call, not of the one that started what is running
        if self._running is None or self._running[0] != index:
            self._running = index, self._frames(index, None, lambda: check(self._cancel))
        frames = self._running[1]
        self._running = None
        found = next(frames, None)
        if found is None:
            raise InputError(f"frame {index} is not in the stream", where="video")
        self._running = index + 1, frames
        return found

    @property
    def notes(self) -> list[str]:
        """Damage found so far that decoding can do without: ancillary sections that are skipped."""
        return self.reader.notes

    def _note(self, lost: LostFrames) -> None:
        last = lost.stop - 1
        what = f"frame {last} is" if lost.first == last else f"frames {lost.first} to {last} are"
        self.damage.append(f"{what} lost: {lost.text}")

    def _grey(self, start: int, stop: int, why: str) -> Iterator[DecodedFrame]:
        dtype, middle = self.format.dtype, 1 << (self.format.bit_depth - 1)
        y, u, v = (np.full(shape, middle, dtype) for shape in self.format.plane_shapes)
        for index in range(start, stop):
            yield DecodedFrame(Frame((y, u, v), self.format.bit_depth, index), None, why)

    def close(self) -> None:
        """Close the file."""
        self._running = None
        if self._file is not None:
            self._file.close()

    def __enter__(self) -> VideoDecoder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def decode_video(
    stream: str | Path | bytes, start: int = 0, stop: int | None = None, *, device: str = "auto",
    limits: DecodeLimits = VIDEO_LIMITS, salvage: bool = False, cancel: CancelToken | None = None,
    model: TcmModel | None = None,
) -> Iterator[DecodedFrame]:  # fmt: skip
    """Frames of a stream in display order; see `VideoDecoder`."""
    with VideoDecoder(stream, device=device, limits=limits, salvage=salvage, model=model) as decoder:
        yield from decoder.frames(start, stop, cancel)
