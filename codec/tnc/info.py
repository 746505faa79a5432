"""What a stream says about itself, without decoding a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codec.errors import BitstreamError, UnknownModel
from codec.stream import DecodeLimits, SectionInfo, SectionType, decode_analysis, read_stream
from codec.stream.header import VERSION
from codec.tnc.models import ModelCard, find_card


@dataclass(frozen=True)
class StreamInfo:
    """Header fields, sections and the encoder's analysis.

    Attributes
    ----------
    kind : str
        "tnc".
    model : str or None
        Name of the installed model that the stream needs; None if it is not installed.
    kmac_per_px : float or None
        Work of its decoder.
    sections : tuple of SectionInfo
        Every byte of the stream belongs to one of them.
    blocks : tuple of mapping
        `{row, col, branch, bits, j_vae, j_inr}` per 64x64 px; bits are None without an analysis section.
    analysis : mapping or None
        The ancillary analysis, not to be trusted.
    """

    kind: str
    version: int
    width_px: int
    height_px: int
    color: str
    qp: float
    entropy_id: str
    synthesis_id: str
    model: str | None
    kmac_per_px: float | None
    stream_bytes: int
    rd_bytes: int
    sections: tuple[SectionInfo, ...]
    blocks: tuple[Mapping[str, object], ...]
    analysis: Mapping[str, object] | None
    frames: int = 1

    def to_json(self) -> dict[str, object]:
        """The object that `tnc info --json` prints."""
        return {
            "kind": self.kind, "version": self.version, "width": self.width_px, "height": self.height_px,
            "frames": self.frames, "color": self.color, "entropy_id": self.entropy_id,
            "synthesis_id": self.synthesis_id, "model": self.model, "qp": self.qp, "kmac_per_px": self.kmac_per_px,
            "bytes": self.stream_bytes, "rd_bytes": self.rd_bytes,
            "sections": [
                {"name": s.name, "bytes": s.bytes, "ancillary": s.ancillary, "offset": s.offset} for s in self.sections
            ],
            "blocks": list(self.blocks), "analysis": self.analysis,
        }  # fmt: skip


def inspect(stream: bytes, *, limits: DecodeLimits | None = None) -> StreamInfo:
    """Parse a stream and report what is in it; works for models that are not installed, too."""
    parsed = read_stream(stream, limits or DecodeLimits())
    header = parsed.header
    payload = parsed.payload(SectionType.ANALYSIS)
    try:
        analysis = None if payload is None else decode_analysis(payload)
    except BitstreamError:
        analysis = None  # it is for display only, and must not keep the rest from being shown
    try:
        card: ModelCard | None = find_card(header.entropy_id, header.synthesis_id)
    except UnknownModel:
        card = None
    return StreamInfo(
        "tnc", VERSION, header.width_px, header.height_px, header.color, header.qp, header.entropy_id.hex(),
        header.synthesis_id.hex(), card.name if card else None, card.kmac_per_px if card else None, len(stream),
        parsed.rd_bytes, tuple(parsed.infos), _blocks(header.padded_size_px, analysis), analysis,
    )  # fmt: skip


def _blocks(padded_px: tuple[int, int], analysis: Mapping[str, object] | None) -> tuple[Mapping[str, object], ...]:
    """One entry per 64x64 px. The analysis is untrusted: bits are shown only where it has the expected shape."""
    rows, cols = padded_px[0] // 64, padded_px[1] // 64
    bits: list[list[int | None]] = [[None] * cols for _ in range(rows)]
    y, z = ((analysis or {}).get(key) for key in ("y_bits", "z_bits"))
    if _is_grid(y, rows, cols) and _is_grid(z, rows, cols):
        bits = [[a + b for a, b in zip(*pair, strict=True)] for pair in zip(y, z, strict=True)]  # type: ignore[call-overload]
    return tuple(
        {"row": r, "col": c, "branch": "vae", "bits": bits[r][c], "j_vae": None, "j_inr": None}
        for r in range(rows)
        for c in range(cols)
    )


def _is_grid(value: object, rows: int, cols: int) -> bool:
    return (
        isinstance(value, list)
        and len(value) == rows
        and all(isinstance(row, list) and len(row) == cols for row in value)
        and all(isinstance(cell, int) for row in value for cell in row)
    )
