"""Decode what is left of a damaged stream, and paint the rest grey."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from codec.errors import BitstreamError
from codec.jobs import CancelToken, Progress, no_progress
from codec.picture import Picture
from codec.stream import DecodeLimits, ParsedStream, Section, SectionType, decode_branches
from codec.stream.scan import Scan, scan
from codec.tnc.config import PATCH_PX
from codec.tnc.decoder import decode_frugally, model_of
from codec.tnc.inr_codec import InrCodec, installed_inr
from codec.tnc.latents import FromStream, SliceBatch
from codec.tnc.settings import DECODERS
from codec.tnc.tiles import TILE_PX, synthesis_margin

_DECIDING = (SectionType.QP_MAP, SectionType.BRANCHES)
"""Sections that say how all others are to be read."""


@dataclass(frozen=True)
class Salvage:
    """A picture with grey where nothing is left.

    Attributes
    ----------
    picture : Picture
    lost_rows : tuple of (int, int)
        First row and row behind the last of every lost stretch of slices.
    lost_blocks : tuple of int
        Numbers of lost over-fitted blocks.
    uncertain_px : int
        Rows beside a lost slice that may differ a little, because the decoder looks across the edge.
    damage : tuple of str
        What was found, in words.
    """

    picture: Picture
    lost_rows: tuple[tuple[int, int], ...] = ()
    lost_blocks: tuple[int, ...] = ()
    uncertain_px: int = 0
    damage: tuple[str, ...] = field(default_factory=tuple)

    @property
    def complete(self) -> bool:
        """Whether nothing of the picture is lost."""
        return not self.lost_rows and not self.lost_blocks


def salvage_image(
    stream: bytes, *, device: str = "auto", limits: DecodeLimits | None = None, progress: Progress = no_progress,
    cancel: CancelToken | None = None, inr: InrCodec | None = None, tile_px: int = TILE_PX,
    decoder: str = DECODERS[0],
) -> Salvage:  # fmt: skip
    """Decode a damaged stream as far as it goes.

    Raises
    ------
    BitstreamError
        If nothing can be decoded: the header is damaged, or what says how slices are to be read (QP map, branches), or
        every slice.
    """
    found = scan(stream, limits)
    _check_deciding(found)
    sections = [part for part in found.parts if isinstance(part, Section)]
    branches_payload = next((s.payload for s in sections if s.type == SectionType.BRANCHES), None)
    branches = None if branches_payload is None else decode_branches(branches_payload, found.header.split.count)
    slices = [] if branches is not None and branches.inr_only else found.slices()
    blocks = found.inr_blocks(branches.inr_count) if branches is not None else []
    if branches is not None and any(gap.kind in (None, SectionType.INR_SHARED) for gap in found.gaps):
        blocks = [None] * len(blocks)  # what they share may be lost, and they would decode to something else
    if not any(part is not None for part in (*slices, *blocks)):
        raise BitstreamError("no slice is left undamaged", section="slice", hint="nothing can be salvaged")
    rest = [s for s in sections if s.type not in (SectionType.SLICE, SectionType.INR_BLOCK)]
    rest += [Section(SectionType.SLICE, payload or b"") for payload in slices]
    rest += [Section(SectionType.INR_BLOCK, payload or b"") for payload in blocks]
    parsed = ParsedStream(found.header, tuple(rest), (), branches)
    picture = decode_frugally(
        parsed, device, progress=progress, cancel=cancel, tile_px=tile_px, source=lambda: _Partial(slices),
        inr=_PartialInr(inr or installed_inr(), blocks) if blocks else None, decoder=decoder,
    )  # fmt: skip
    rows = _stretches(slices, found)
    damage = tuple(gap.text for gap in found.gaps)
    if found.missing_bytes:
        damage += (f"{found.missing_bytes} bytes are missing at the end",)
    inr_numbers = [] if branches is None else [index for index, bit in enumerate(branches.inr) if bit]
    lost_blocks = tuple(number for number, payload in zip(inr_numbers, blocks, strict=True) if payload is None)
    model = model_of(parsed, torch.device("cpu"))
    return Salvage(
        _painted(picture, rows, [found.header.split.blocks[number].window for number in lost_blocks]), tuple(rows),
        lost_blocks, synthesis_margin(model.config) * PATCH_PX if model and rows else 0, damage,
    )  # fmt: skip


def _check_deciding(found: Scan) -> None:
    """Refuse to guess: with the wrong tables a slice decodes to noise without anybody noticing."""
    for index, part in enumerate(found.parts):
        if isinstance(part, Section):
            continue
        behind = [p for p in found.parts[index + 1 :] if isinstance(p, Section)]
        front = [p for p in found.parts[:index] if isinstance(p, Section)]
        hides = part.kind in _DECIDING or (
            part.kind is None
            and part.starts_like not in (SectionType.SLICE, SectionType.INR_BLOCK)
            and any(p.type in (SectionType.SLICE, SectionType.INR_BLOCK) for p in behind)
            and not any(p.type in (SectionType.SLICE, SectionType.INR_BLOCK) for p in front)
        )
        if hides:
            name = "what stands before the slices" if part.kind is None else SectionType(part.kind).name.lower()
            raise BitstreamError(
                f"{name} is damaged, without which no slice can be read", section=name, offset=part.offset,
                hint="nothing can be salvaged",
            )  # fmt: skip


def _stretches(slices: Sequence[bytes | None], found: Scan) -> list[tuple[int, int]]:
    height, step = found.header.height_px, found.header.slice_height_px
    rows: list[tuple[int, int]] = []
    for number, payload in enumerate(slices):
        if payload is None:
            top, bottom = number * step, min((number + 1) * step, height)
            if rows and rows[-1][1] == top:
                top = rows.pop()[0]
            rows.append((top, bottom))
    return rows


def _painted(
    picture: Picture, rows: Sequence[tuple[int, int]], windows: Sequence[tuple[slice, slice]]
) -> Picture:  # fmt: skip
    middle = 1 << (picture.bit_depth - 1)
    planes = tuple(np.array(plane) for plane in picture.planes)
    for plane in planes:
        for top, bottom in rows:
            plane[top:bottom] = middle
        for window in windows:
            plane[window] = middle
    return replace(picture, planes=planes)


class _Partial(FromStream):
    """Zeros where a slice is lost."""

    def __init__(self, payloads: Sequence[bytes | None]) -> None:
        super().__init__([payload or b"" for payload in payloads])
        self._lost = [payload is None for payload in payloads]

    def _decode(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        kept = np.array(tables)
        for i in range(batch.count):
            if self._lost[batch.first + i]:
                kept[i] &= ~63  # scale index 0: nothing is coded
        return super()._decode(batch, kept)


class _PartialInr:
    """Grey where an over-fitted block is lost."""

    def __init__(self, inr: InrCodec, payloads: Sequence[bytes | None]) -> None:
        self._inr, self._payloads = inr, payloads

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inr, name)

    def decode_blocks(
        self, payloads: Sequence[bytes], shared: bytes, sizes: Sequence[tuple[int, int]], qps16: Sequence[int],
        **options: Any,
    ) -> list[torch.Tensor]:  # fmt: skip
        """Decode the blocks that are there."""
        there = [i for i, payload in enumerate(self._payloads) if payload is not None]
        pixels = [torch.zeros(3, *size) for size in sizes]
        if there:
            decoded = self._inr.decode_blocks(
                [payloads[i] for i in there], shared, [sizes[i] for i in there], [qps16[i] for i in there], **options
            )
            for i, block in zip(there, decoded, strict=True):
                pixels[i] = block
        return pixels
