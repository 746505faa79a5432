"""`RdRow`: one point of an RD table, or the reason why it is missing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from codec.anchors.video.runs import ClipRun
from codec.metrics.measure import METRICS
from codec.run import CodedRun


@dataclass(frozen=True)
class RdRow:
    """One encode of one picture or clip by one codec. Numbers that were not measured are None.

    Attributes
    ----------
    codec, label, settings : str
        Id, name to show, and the settings in one line; id and settings together name a curve.
    picture : str
        Name of the picture or clip; "" where a codec could not run at all.
    quality : float or None
        On the codec's own axis.
    bytes, bpp : float or None
        As RD figures count them (no ancillary sections; BPG's container added to bare HEVC).
    psnr_rgb_db, psnr_y_db, ms_ssim, ssimulacra2, vmaf, lpips, psnr_611_db, psnr_u_db, psnr_v_db : float or None
        As `codec.metrics.measure` declares them; infinity stands for identical pictures. Of clips means over frames.
    encode_s, decode_s : float or None
        Wall time of this run: of programs from their start; of TNC with its analysis of the picture, but without
        loading the model.
    kmac_per_px : float or None
        Of a neural decoder.
    effort : float or None
        Effort of the TNC or TCM encoder.
    frames, kbps : float or None
        Number of frames of a clip, and its rate in kilobits per second.
    key : str
        `Run.key`, under which the database knows the point and its stream; "" for what came from elsewhere.
    origin : str
        File that a foreign row was read from; "" for what this program measured.
    error : str
        Why there are no numbers; "" otherwise.
    """

    codec: str
    label: str
    settings: str
    picture: str
    quality: float | None = None
    bytes: float | None = None
    bpp: float | None = None
    psnr_rgb_db: float | None = None
    psnr_y_db: float | None = None
    ms_ssim: float | None = None
    ssimulacra2: float | None = None
    vmaf: float | None = None
    lpips: float | None = None
    psnr_611_db: float | None = None
    psnr_u_db: float | None = None
    psnr_v_db: float | None = None
    encode_s: float | None = None
    decode_s: float | None = None
    kmac_per_px: float | None = None
    effort: float | None = None
    frames: float | None = None
    kbps: float | None = None
    key: str = ""
    origin: str = ""
    error: str = ""


NUMBERS = ("quality", "bytes", "bpp", *METRICS, "encode_s", "decode_s", "kmac_per_px", "effort", "frames", "kbps")
"""Fields that are numbers or None."""


def row_of_run(run: CodedRun | ClipRun, settings: str, picture: str) -> RdRow:
    """Make the row of a finished run."""
    values: dict[str, Any] = {name: run.metrics.get(name) for name in NUMBERS}
    return RdRow(run.codec, run.label, settings, picture, **values, key=run.key)
