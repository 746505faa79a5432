"""Text under the panes and in the read-out: pure functions from renditions to words."""

from __future__ import annotations

from dataclasses import dataclass

from tnc_studio.model.renditions import ORIGINAL, STREAM, TNC, Rendition, State
from tnc_studio.model.settings import BYTES_TOLERANCE, Follow


@dataclass(frozen=True)
class Caption:
    """What stands under a pane.

    Attributes
    ----------
    size, rate, psnr : str
        The three figures; estimates carry an almost-equal sign.
    status : str
        Quality used, and what the figures are worth or how far they are from what they should match.
    settings : str
        Codec settings that belong to the comparison.
    """

    size: str
    rate: str
    psnr: str
    status: str = ""
    settings: str = ""


def format_bytes(count: int) -> str:
    """Exact byte count with thin spaces between thousands."""
    return f"{count:,}".replace(",", "\u202f") + " B"


def format_psnr(value_db: float | None) -> str:
    """PSNR with two decimals; identical pictures have none."""
    if value_db is None:
        return "\u2013"
    return "identical" if value_db == float("inf") else f"{value_db:.2f} dB"


def mismatch_text(rendition: Rendition, reference: Rendition, follow: Follow) -> str:
    """Describe how far an anchor is from what it follows: bytes, PSNR, or both."""
    if rendition.size_bytes is None or not reference.size_bytes:
        return ""
    relative = rendition.size_bytes / reference.size_bytes - 1
    bytes_text = f"{signed(100 * relative, 1)} % bytes"
    if rendition.psnr_db is None or reference.psnr_db is None:
        return bytes_text
    psnr_text = f"{signed(rendition.psnr_db - reference.psnr_db, 2)} dB"
    if follow is Follow.BYTES:
        return bytes_text if abs(relative) > BYTES_TOLERANCE else f"{bytes_text} (matched)"
    return f"{psnr_text}, {bytes_text}" if follow is Follow.PSNR else f"{bytes_text}, {psnr_text}"


def signed(value: float, decimals: int) -> str:
    """Format a number with its sign, a true minus, and plus-minus for what rounds to zero."""
    text = f"{abs(value):.{decimals}f}"
    if float(text) == 0:
        return f"\u00b1{text}"
    return ("+" if value > 0 else "\u2212") + text


def caption(rendition: Rendition, tnc: Rendition, follow: Follow, channels: int = 3) -> Caption:
    """Make the caption of a pane.

    Parameters
    ----------
    rendition : Rendition
        What the pane shows.
    tnc : Rendition
        The TNC rendition that anchors follow.
    follow : Follow
        What they match.
    channels : int
        Colour channels of the original, 8 bits each.
    """
    if rendition.id == ORIGINAL:
        size = "" if rendition.image is None else f"{rendition.image.width_px} \u00d7 {rendition.image.height_px} px"
        return Caption(size, f"{8 * channels} bpp" if size else "", "", "reference" if size else "", rendition.note)
    if rendition.state in (State.EMPTY, State.UNAVAILABLE):
        return Caption("\u2013", "\u2013", "\u2013", rendition.note)
    estimate = "\u2248" if rendition.state is State.PREVIEW else ""
    size = "\u2013" if rendition.size_bytes is None else estimate + format_bytes(rendition.size_bytes)
    rate = "\u2013" if rendition.bpp is None else f"{estimate}{rendition.bpp:.3f} bpp"
    parts = [rendition.quality_text]
    if rendition.state is State.PREVIEW:
        parts.append("preview (estimate of a part)" if rendition.partial else "preview (estimate)")
    elif rendition.id not in (TNC, STREAM):
        mismatch = mismatch_text(rendition, tnc, follow)
        parts.append("\u2248 " + mismatch if mismatch and tnc.state is State.PREVIEW else mismatch)
    parts.append(rendition.note)
    status = " \u00b7 ".join(part for part in parts if part)
    return Caption(size, rate, estimate + format_psnr(rendition.psnr_db), status, rendition.settings_text)
