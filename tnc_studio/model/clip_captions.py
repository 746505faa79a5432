"""Text under the panes of a clip: pure functions from renditions to words."""

from __future__ import annotations

import math

from tnc_studio.model.captions import Caption, format_bytes, format_psnr
from tnc_studio.model.clip import Clip, FrameRecord
from tnc_studio.model.renditions import ORIGINAL, TCM, Rendition


def clip_caption(rendition: Rendition, clip: Clip) -> Caption:
    """Make the caption of a pane: the range in the large figures, the present frame below them."""
    moment, format_ = rendition.moment, clip.format
    if format_ is None:
        return Caption("", "", "", rendition.note)
    index = moment.index if moment is not None else clip.frame
    place = f"frame {index} of {clip.frame_count} \u00b7 {clip.time_text(index)}"
    if rendition.id == ORIGINAL:
        size = f"{format_.width_px} \u00d7 {format_.height_px} px"
        rate = f"{float(format_.fps):.5g} fps"
        return Caption(size, rate, "", place, rendition.settings_text or f"4:2:0, {format_.bit_depth} bit")
    totals = moment.totals if moment is not None else None
    if totals is None:
        return Caption("\u2013", "\u2013", "\u2013", rendition.note, rendition.settings_text)
    record = moment.record if moment is not None else None
    speed = f"{totals.kbps:,.1f} kbit/s".replace(",", "\u202f")
    lost = record is None and rendition.id == TCM and rendition.image is not None  # of a damaged stream: grey
    frame = f"frame {index}: lost" if lost else frame_text(index, record)
    parts = [rendition.quality_text, rendition.note, frame, f"{totals.bpp:.4f} bpp"]
    status = " \u00b7 ".join(part for part in parts if part)
    psnr = format_psnr(totals.metrics.get("psnr_y_db"))
    return Caption(format_bytes(totals.size_bytes), speed, f"{psnr} Y", status, rendition.settings_text)


def frame_text(index: int, record: FrameRecord | None) -> str:
    """One frame in a line: type, bits, PSNR, QP; what is not known is left out."""
    if record is None:
        return f"frame {index}: not coded"
    parts = [f"frame {index}" + (f" {record.kind}" if record.kind else "")]
    if record.bits is not None:
        parts.append(f"{record.bits:,.0f} bit".replace(",", "\u202f"))
    if record.psnr_y_db is not None and not math.isnan(record.psnr_y_db):
        parts.append(f"Y {format_psnr(record.psnr_y_db)}")
    if record.qp is not None:
        parts.append(f"QP {record.qp:.4g}")
    return ", ".join(parts)
