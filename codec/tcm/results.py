"""What coding a clip gives: a record per frame as it finishes, and totals at the end."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from codec.blockmap import BlockMap
from codec.video.frame import Frame, VideoFormat

PARTS = ("headers", "checksum", "split", "mode", "references", "vectors", "coded", "qp", "z", "y")
"""Syntax elements that the bits of a frame are counted by; see `FrameRecord.bits_by_part`."""


@dataclass(frozen=True)
class FrameRecord:
    """What is known of one coded frame.

    Attributes
    ----------
    index : int
        In display order of the stream, from 0.
    type : str
        "I" or "P".
    key_reason : str
        Why it is a key frame ("first", "scene cut", "interval"); "" where it is none or nobody knows.
    qp : float
        Mean local QP.
    base_qp : float
    bits : int
        Of its section in the stream, framing included; checksum and analysis are not, as in all RD figures.
    bits_by_part : mapping of str to float
        By `PARTS`, the checksum too; whole numbers for headers and checksum, ideal code lengths for the others. Empty
        at a decoder that does not measure.
    skipped : float
        Share of the blocks without symbols.
    psnr_y_db, psnr_u_db, psnr_v_db : float or None
        Of the decoded planes; None where there is no original.
    seconds : mapping of str to float
        Time by part: "lookahead", "motion", "analysis", "coding" ...
    """

    index: int
    type: str
    key_reason: str
    qp: float
    base_qp: float
    bits: int
    bits_by_part: Mapping[str, float] = field(default_factory=dict)
    skipped: float = 0.0
    psnr_y_db: float | None = None
    psnr_u_db: float | None = None
    psnr_v_db: float | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class FinishedFrame:
    """A frame that was just coded.

    Attributes
    ----------
    record : FrameRecord
    source_index : int
        Which frame of the source it is.
    frame : Frame
        As every decoder shows it; its index counts in the stream.
    maps : mapping of str to BlockMap
        "qp", "offset" and its terms, "bits", "mode", "vectors", "residual_energy", "prediction_error" and what the
        lookahead measured.
    """

    record: FrameRecord
    source_index: int
    frame: Frame = field(repr=False)
    maps: Mapping[str, BlockMap] = field(repr=False)


@dataclass(frozen=True)
class VideoEncodeResult:
    """A coded clip.

    Attributes
    ----------
    path : Path
        The stream.
    format : VideoFormat
    frames, key_frames : int
    bytes, rd_bytes : int
        Size of the file; without ancillary sections and checksums, as RD figures count it.
    bits_by_part : mapping of str to float
        Bits of headers and syntax elements over all frames, ancillary sections as "analysis" and "index".
    qp, lmbda : float
        Base QP and its lambda.
    mean_qp : float
        Mean of the frames' mean QPs.
    psnr_y_db, psnr_u_db, psnr_v_db : float
        Mean over frames.
    mse : tuple of float
        Mean over frames of the squared errors of Y, U and V on samples in [0, 1].
    seconds : float
        The whole encode.
    seconds_by_part : mapping of str to float
    kmac_per_px : float
        Work of the decoder.
    """

    path: Path
    format: VideoFormat
    frames: int
    key_frames: int
    bytes: int
    rd_bytes: int
    bits_by_part: Mapping[str, float]
    qp: float
    lmbda: float
    mean_qp: float
    psnr_y_db: float
    psnr_u_db: float
    psnr_v_db: float
    mse: tuple[float, float, float]
    seconds: float
    seconds_by_part: Mapping[str, float]
    kmac_per_px: float

    @property
    def bpp(self) -> float:
        """Bits per luma pixel, of `rd_bytes`."""
        return 8.0 * self.rd_bytes / (self.frames * self.format.pixels)

    @property
    def kbps(self) -> float:
        """Kilobits per second, of `rd_bytes`."""
        return 8.0 * self.rd_bytes / self.frames * float(self.format.fps) / 1000.0

    @property
    def j(self) -> float:
        """Cost `lambda * 255^2 * D + bpp` with `D = (6 Y + U + V) / 8`."""
        y, u, v = self.mse
        return self.lmbda * 255.0**2 * (6 * y + u + v) / 8 + self.bpp
