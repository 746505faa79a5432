"""What a stream says about itself, without decoding a pixel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from codec.errors import BitstreamError, UnknownModel
from codec.quality import QP_STEPS
from codec.stream import (
    Branches,
    DecodeLimits,
    ParsedStream,
    SectionInfo,
    SectionType,
    decode_analysis,
    decode_qp_map,
    read_stream,
)
from codec.tnc.blocks import Split, block_qp16
from codec.tnc.inr_codec import InrCodec, installed_inr
from codec.tnc.layout import Layout
from codec.tnc.models import ModelCard, find_card
from codec.tnc.second_synthesis import decoders_of


@dataclass(frozen=True)
class StreamInfo:
    """Header fields, sections and the encoder's analysis.

    Attributes
    ----------
    kind : str
        "tnc".
    model : str or None
        Name of the installed model that the stream needs; None if it is not installed, or none is needed.
    kmac_per_px : float or None
        Work of the decoder, over-fitted networks included; None where a model or base is not installed.
    branches : Branches or None
        Which blocks are over-fitted; None if the VAE codes the whole picture.
    sections : tuple of SectionInfo
        Every byte of the stream belongs to one of them.
    blocks : tuple of mapping
        `{row, col, branch, bits, j_vae, j_inr}`: one per block that chose a branch, or, where none had a choice, one
        per 64x64 px. What only the analysis says is None without it.
    analysis : mapping or None
        The ancillary analysis, not to be trusted.
    decoders : tuple of str
        What it can be decoded for here: "psnr", "perceptual"; empty if its model is not installed.
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
    branches: Branches | None
    blocks: tuple[Mapping[str, object], ...]
    analysis: Mapping[str, object] | None
    decoders: tuple[str, ...]
    frames: int = 1

    @property
    def mode(self) -> str:
        """What codes the picture: "vae", "inr" or "mixed"."""
        return "vae" if self.branches is None else "inr" if self.branches.inr_only else "mixed"

    def to_json(self) -> dict[str, object]:
        """The object that `tnc info --json` prints."""
        return {
            "kind": self.kind, "version": self.version, "width": self.width_px, "height": self.height_px,
            "frames": self.frames, "color": self.color, "entropy_id": self.entropy_id,
            "synthesis_id": self.synthesis_id, "model": self.model, "qp": self.qp, "kmac_per_px": self.kmac_per_px,
            "decoders": list(self.decoders), "bytes": self.stream_bytes, "rd_bytes": self.rd_bytes, "mode": self.mode,
            "inr_base_id": self.branches.base_id.hex() if self.branches else None,
            "guard": self.branches.guard if self.branches else None,
            "seam_strength": self.branches.seam_strength if self.branches else None,
            "sections": [
                {"name": s.name, "bytes": s.bytes, "ancillary": s.ancillary, "offset": s.offset} for s in self.sections
            ],
            "blocks": list(self.blocks), "analysis": self.analysis,
        }  # fmt: skip


def inspect(stream: bytes, *, limits: DecodeLimits | None = None, inr: InrCodec | None = None) -> StreamInfo:
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
        "tnc", header.version, header.width_px, header.height_px, header.color, header.qp, header.entropy_id.hex(),
        header.synthesis_id.hex(), card.name if card else None, _kmac_per_px(parsed, card, inr), len(stream),
        parsed.rd_bytes, tuple(parsed.infos), parsed.branches, _blocks(parsed, analysis), analysis,
        decoders_of(header.entropy_id, header.synthesis_id) if card else (),
    )  # fmt: skip


def _kmac_per_px(parsed: ParsedStream, card: ModelCard | None, inr: InrCodec | None) -> float | None:
    """Work of the decoder: the model over the whole picture, and every over-fitted network over its block."""
    header, branches = parsed.header, parsed.branches
    if branches is None:
        return card.kmac_per_px if card else None
    if card is None and not branches.inr_only:
        return None
    total = card.kmac_per_px if card and not branches.inr_only else 0.0
    blocks = [block for block in header.split.blocks if branches.inr[block.index]]
    try:
        coded_map = parsed.payload(SectionType.QP_MAP)
        offsets = None if coded_map is None else decode_qp_map(coded_map, *header.qp_map_shape)
        qp16_map = Layout(header.height_px, header.width_px).spread_qp_map(round(header.qp * QP_STEPS), offsets)
        shared = parsed.payload(SectionType.INR_SHARED) or b""
        for block, payload in zip(blocks, parsed.inr_blocks, strict=True):
            found = (inr or installed_inr()).payload_info(
                payload, shared, block.size_px, block_qp16(qp16_map, block), branches.base_id
            )
            total += found.kmac_per_px * block.pixels / (header.height_px * header.width_px)
    except BitstreamError:
        return None  # the structure can be shown all the same
    return total


def _blocks(parsed: ParsedStream, analysis: Mapping[str, object] | None) -> tuple[Mapping[str, object], ...]:
    """Blocks that chose a branch, or units of 64x64 px. The analysis is untrusted: what does not fit is not shown."""
    said = (analysis or {}).get("blocks")
    parts = parsed.header.split
    if not _is_list_of_choices(said, parts):
        said = [{}] * parts.count
        if parsed.branches is None:
            return _units(parsed.header.padded_size_px, analysis)
    inr = parsed.branches.inr if parsed.branches else (False,) * parts.count
    return tuple(
        {
            "row": block.row, "col": block.col, "branch": "inr" if inr[block.index] else "vae",
            **{key: said[block.index].get(key) for key in ("bits", "j_vae", "j_inr")},  # type: ignore[index]
        }
        for block in parts.blocks
    )  # fmt: skip


def _is_list_of_choices(value: object, parts: Split) -> bool:
    return (
        isinstance(value, list)
        and len(value) == parts.count
        and all(isinstance(entry, dict) for entry in value)
        and all(isinstance(entry.get(key), int | float | None) for entry in value for key in ("bits", "j_vae", "j_inr"))
    )


def _units(padded_px: tuple[int, int], analysis: Mapping[str, object] | None) -> tuple[Mapping[str, object], ...]:
    """One entry per 64x64 px."""
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
