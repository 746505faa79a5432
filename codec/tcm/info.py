"""What a stream of video says about itself, without decoding a pixel."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from codec.blockmap import BlockMap
from codec.errors import BitstreamError, CodecError
from codec.quality import QP_MAX, QP_STEPS
from codec.stream.header import VIDEO_VERSION
from codec.stream.limits import DecodeLimits
from codec.stream.source import ByteSource, FileBytes
from codec.stream.video import VIDEO_LIMITS, CodedFrame, VideoReader
from codec.stream.video.header import VideoHeader
from codec.stream.video.reader import LostFrames
from codec.tcm.analysis import analysis_maps
from codec.tcm.decoder import framing_bits
from codec.tcm.maps import stream_maps
from codec.tcm.models import load_for
from codec.tcm.motion.field import INTRA
from codec.tcm.planes import padded
from codec.tcm.side_coding import SideCoder, SideInfo
from codec.video.frame import VideoFormat

MOST_DB = 1000.0
"""What an analysis says beyond is no PSNR."""


@dataclass(frozen=True)
class FrameInfo:
    """One frame of a stream.

    Attributes
    ----------
    index : int
    type : str
        "I" or "P".
    qp : float
        Mean local QP.
    bits : int
        Of its section, framing included; its checksum is not.
    skipped, intra : float
        Share of blocks without symbols, and of the area without a motion vector.
    offset : int
        Where its section starts.
    psnr_db : tuple of float or None, or None
        Of Y, U and V as the encoder noted it, not to be trusted.
    bits_by_part : mapping of str to float
        Bits of framing and side information by `codec.tcm.results.PARTS`, and those of all "symbols"; only decoding
        tells z from y.
    """

    index: int
    type: str
    qp: float
    bits: int
    skipped: float
    intra: float
    offset: int
    checksum: str | None
    psnr_db: tuple[float | None, ...] | None = None
    bits_by_part: Mapping[str, float] = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        """The entry of `tnc info --json --frames`."""
        return {
            "index": self.index, "type": self.type, "qp": self.qp, "bits": self.bits, "skipped": self.skipped,
            "intra": self.intra, "offset": self.offset, "checksum": self.checksum,
            "psnr_db": None if self.psnr_db is None else list(self.psnr_db),
            "bits_by_part": {name: round(bits, 1) for name, bits in self.bits_by_part.items()},
        }  # fmt: skip


@dataclass(frozen=True)
class VideoStreamInfo:
    """Header fields and sizes.

    Attributes
    ----------
    rd_bytes : int
        Bytes without ancillary sections and checksums.
    sections : tuple of mapping
        `{name, bytes, ancillary, count}` by kind of section; every byte of the stream belongs to one.
    kmac_per_px : float or None
        Work of the decoder; None where the model is not installed.
    frames : tuple of FrameInfo
        Only if they were asked for.
    """

    header: VideoHeader
    stream_bytes: int
    rd_bytes: int
    key_frames: tuple[int, ...]
    sections: tuple[dict[str, object], ...]
    kmac_per_px: float | None
    frames: tuple[FrameInfo, ...] = ()

    @property
    def bpp(self) -> float:
        """Bits per luma pixel, of `rd_bytes`."""
        return 8.0 * self.rd_bytes / max(1, self.header.frame_count * self.header.format.pixels)

    @property
    def kbps(self) -> float:
        """Kilobits per second, of `rd_bytes`."""
        return 8.0 * self.rd_bytes / max(1, self.header.frame_count) * float(self.header.format.fps) / 1000.0

    def bits_by_part(self) -> dict[str, float]:
        """Bits over all frames that are listed, by syntax element."""
        total: Counter[str] = Counter()
        for frame in self.frames:
            total.update(frame.bits_by_part)
        return dict(total)

    def to_json(self) -> dict[str, object]:
        """The object that `tnc info --json` prints."""
        header, video = self.header, self.header.format
        out: dict[str, object] = {
            "kind": "tcm", "version": VIDEO_VERSION, "width": video.width_px, "height": video.height_px,
            "frames": header.frame_count, "fps": float(video.fps), "bit_depth": video.bit_depth,
            "entropy_id": header.entropy_id.hex(), "synthesis_id": header.synthesis_id.hex(), "qp": header.qp,
            "kmac_per_px": self.kmac_per_px, "bytes": self.stream_bytes, "rd_bytes": self.rd_bytes, "bpp": self.bpp,
            "kbps": self.kbps, "structure": "low-delay P", "key_frames": list(self.key_frames),
            "color": {
                "primaries": video.color.primaries, "transfer": video.color.transfer, "matrix": video.color.matrix,
                "full_range": video.color.full_range, "chroma_location": video.color.chroma_location,
            },
            "sections": list(self.sections), "blocks": [],
        }  # fmt: skip
        if self.frames:
            out["frame_list"] = [frame.to_json() for frame in self.frames]
        return out


def inspect_video(
    stream: str | Path | bytes, *, frames: bool = False, limits: DecodeLimits = VIDEO_LIMITS, salvage: bool = False
) -> VideoStreamInfo:
    """Go through a stream and report what is in it; works for models that are not installed, too.

    Parameters
    ----------
    frames : bool
        Whether frames are listed one by one, with their QPs.
    salvage : bool
        Whether damage is passed over instead of raised; frames are not listed then.
    """
    file = None if isinstance(stream, bytes) else FileBytes(stream)
    source: ByteSource = stream if isinstance(stream, bytes) else file  # type: ignore[assignment]
    try:
        reader = VideoReader(source, limits, salvage=salvage)
        sizes: Counter[str] = Counter()
        counts: Counter[str] = Counter()
        keys = []
        infos = []
        checksum_bytes = 0
        for info, coded in _listed(reader, sides=frames and not salvage):
            name = "key_frames" if coded.is_key else "p_frames"
            sizes[name] += coded.bytes
            counts[name] += 1
            checksum_bytes += coded.bytes - coded.rd_bytes
            keys += [coded.index] if coded.is_key else []
            infos += [info] if info is not None else []
        sections = [_section("header", reader.body_offset, 1)]
        sections += [_section(name, sizes[name], counts[name]) for name in ("key_frames", "p_frames") if counts[name]]
        rest = len(source) - reader.body_offset - sum(sizes.values())
        at = reader.header.index_offset
        index = reader.end - at if reader.body_offset <= at < reader.end else 0
        sections += [_section("analysis", rest - index, None, ancillary=True)] if rest > index else []
        sections += [_section("index", index, 1, ancillary=True)] if index else []
        return VideoStreamInfo(
            reader.header, len(source), len(source) - rest - checksum_bytes, tuple(keys), tuple(sections),
            _kmac(reader.header), tuple(infos),
        )  # fmt: skip
    finally:
        if file is not None:
            file.close()


def _section(name: str, size: int, count: int | None, *, ancillary: bool = False) -> dict[str, object]:
    return {"name": name, "bytes": size, "ancillary": ancillary, "count": count}


def _listed(reader: VideoReader, *, sides: bool) -> Iterator[tuple[FrameInfo | None, CodedFrame]]:
    """Every frame; with `sides` what is known of it before its symbols, too."""
    if not sides:
        for coded in reader.frames():
            if isinstance(coded, CodedFrame):
                yield None, coded
        return
    for coded, known, qp16_map, bits in _sides(reader):
        checksum, motion = coded.header.checksum, known.motion
        yield FrameInfo(
            coded.index, coded.header.type.letter, float(qp16_map.mean()) / QP_STEPS, 8 * coded.rd_bytes,
            1.0 - float(known.coded.mean()), 1.0 if motion is None else float((motion.mode == INTRA).mean()),
            coded.offset, None if checksum is None else f"{checksum:08x}",
            _psnr_db(reader.analysis_of(coded)), {**framing_bits(coded), **bits, "symbols": 8.0 * len(coded.latents)},
        ), coded  # fmt: skip


def _psnr_db(analysis: Mapping[str, object] | None) -> tuple[float | None, ...] | None:
    """Of an analysis from anywhere; all else in it is too large to be kept of every frame."""
    values = (analysis or {}).get("psnr_db")
    if not isinstance(values, list) or len(values) != 3:
        return None
    if not all(value is None or (isinstance(value, int | float) and abs(value) < MOST_DB) for value in values):
        return None
    return tuple(None if value is None else float(value) for value in values)


def side_maps(
    stream: str | Path | bytes, limits: DecodeLimits = VIDEO_LIMITS
) -> Iterator[tuple[int, dict[str, BlockMap]]]:
    """Number and block maps of every frame, without decoding a pixel: what stream and encoder say."""
    file = None if isinstance(stream, bytes) else FileBytes(stream)
    source: ByteSource = stream if isinstance(stream, bytes) else file  # type: ignore[assignment]
    try:
        reader = VideoReader(source, limits)
        format_ = reader.header.format
        for coded, known, qp16_map, _ in _sides(reader):
            maps = analysis_maps(reader.analysis_of(coded), format_)
            yield coded.index, maps | stream_maps(format_, qp16_map, known.offsets, known.coded, known.motion)
    finally:
        if file is not None:
            file.close()


def _sides(reader: VideoReader) -> Iterator[tuple[CodedFrame, SideInfo, np.ndarray, Mapping[str, float]]]:
    """Every frame with what is known of it before its symbols, its QPs, and the bits of that by part."""
    sides = SideCoder(*grid(reader.header.format))
    for coded in reader.frames():
        if isinstance(coded, LostFrames):
            raise BitstreamError(coded.text)
        info = sides.decode(coded.side, key=coded.is_key, kept=coded.header.kept)
        base = reader.header.base_qp16 if coded.header.base_qp16 is None else coded.header.base_qp16
        qp16 = np.clip(base + QP_STEPS * info.offsets.astype(np.int64), 0, round(QP_MAX * QP_STEPS))
        yield coded, info, qp16, sides.bits


def grid(format_: VideoFormat) -> tuple[int, int]:
    """Rows and columns of 16x16 px blocks of the padded picture."""
    return padded(format_.height_px) // 16, padded(format_.width_px) // 16


def _kmac(header: VideoHeader) -> float | None:
    try:
        return load_for(header.entropy_id, header.synthesis_id).kmac_per_px
    except CodecError:
        return None
