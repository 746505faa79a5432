"""Where the bits of a stream go, by syntax element, measured on the stream itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch

from codec.blockmap import BlockMap
from codec.entropy import symbol_bits
from codec.jobs import CancelToken, Progress, no_progress
from codec.picture import Picture
from codec.quality import QP_STEPS
from codec.stream import DecodeLimits, ParsedStream, SectionType, decode_qp_map, read_stream
from codec.stream.header import CRC_BYTES
from codec.tnc.blocks import block_qp16
from codec.tnc.decoder import decode_parsed, model_of
from codec.tnc.inr_codec import InrCodec, installed_inr
from codec.tnc.latents import FromStream, SliceBatch, keep_pass
from codec.tnc.layout import ROWS_PER_UNIT, Layout
from codec.tnc.maps import latent_energy_map, qp_block_map, rate_maps
from codec.tnc.models import LoadedModel, pick_device


@dataclass(frozen=True)
class Element:
    """One syntax element over the whole stream.

    Attributes
    ----------
    name : str
        Such as "y, channels 16 to 47".
    group : str
        "container", "symbols", "over-fitted blocks" or "not counted".
    bits : float
        Ideal code length of symbols, true size of everything else. All elements add up to the stream.
    symbols : int
        How many symbols were coded; 0 where there are none.
    """

    name: str
    group: str
    bits: float
    symbols: int = 0


@dataclass(frozen=True, eq=False)
class StreamMeasure:
    """What measuring a stream gives.

    Attributes
    ----------
    elements : tuple of Element
        Their bits add up to those of the stream.
    block_maps : mapping of str to BlockMap
        "bits", "y_bits", "z_bits", "latent_energy" (none if all of it is over-fitted) and "qp".
    picture : Picture
        What it decodes to.
    """

    elements: tuple[Element, ...]
    block_maps: Mapping[str, BlockMap] = field(repr=False)
    picture: Picture = field(repr=False)

    @property
    def bits(self) -> float:
        """Bits of the stream."""
        return sum(element.bits for element in self.elements)


class _Listening(FromStream):
    """Decoder that keeps symbols and tables, slice by slice, from top to bottom."""

    def __init__(self, payloads: tuple[bytes, ...]) -> None:
        super().__init__(payloads)
        self.z: list[tuple[np.ndarray, np.ndarray]] = []
        self.y: list[tuple[np.ndarray, np.ndarray]] = []

    def z_symbols(self, batch: SliceBatch, tables: np.ndarray) -> torch.Tensor:
        """Decode z and keep it."""
        symbols = super().z_symbols(batch, tables)
        self.z += list(zip(symbols.numpy(), tables, strict=True))
        return symbols

    def y_symbols(
        self, batch: SliceBatch, mean: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor
    ) -> torch.Tensor:
        """Decode one pass and keep it."""
        symbols = super().y_symbols(batch, mean, tables, group, step)
        keep_pass(self.y, batch, symbols, tables, group, step)
        return symbols


def measure_stream(
    stream: bytes, *, device: str = "auto", limits: DecodeLimits | None = None, inr: InrCodec | None = None,
    progress: Progress = no_progress, cancel: CancelToken | None = None,
) -> StreamMeasure:  # fmt: skip
    """Decode a stream and account for every bit of it.

    Raises
    ------
    BitstreamError
        If it cannot be decoded; `UnknownModel` where its model is not installed.
    """
    parsed = read_stream(stream, limits or DecodeLimits())
    place = pick_device(device)
    model = model_of(parsed, place)
    source = _Listening(parsed.slices)
    picture = decode_parsed(parsed, model, cancel, progress, source, inr=inr, device=place)
    elements = [*_container(parsed), *_symbols(parsed, model, source), *_inr(parsed, inr)]
    elements += [
        Element(section.name, "not counted", 8.0 * len(section.payload))
        for section in parsed.sections
        if section.ancillary
    ]
    return StreamMeasure(tuple(elements), _maps(parsed, source), picture)


def _container(parsed: ParsedStream) -> list[Element]:
    framing = sum(info.bytes for info in parsed.infos[1:]) - sum(len(section.payload) for section in parsed.sections)
    crc = CRC_BYTES * len(parsed.sections)
    elements = [
        Element("header with its checksum", "container", 8.0 * parsed.infos[0].bytes),
        Element("types and lengths of sections", "container", 8.0 * (framing - crc)),
        Element("checksums of sections", "container", 8.0 * crc),
    ]
    named = ((SectionType.QP_MAP, "QP map"), (SectionType.BRANCHES, "branches"), (SectionType.ALPHA, "alpha"))
    for kind, name in named:
        if (payload := parsed.payload(kind)) is not None:
            elements.append(Element(name, "container", 8.0 * len(payload)))
    return elements


def _symbols(parsed: ParsedStream, model: LoadedModel | None, source: _Listening) -> list[Element]:
    if model is None:
        return []
    z, y = source.z, source.y
    elements = [_element("z", z, slice(None))]
    first = 0
    for channels in model.config.groups:
        elements.append(_element(f"y, channels {first} to {first + channels - 1}", y, slice(first, first + channels)))
        first += channels
    ideal = sum(element.bits for element in elements)
    payload = 8.0 * sum(map(len, parsed.slices))
    return [*elements, Element("end of the range coder", "symbols", payload - ideal)]


def _element(name: str, parts: list[tuple[np.ndarray, np.ndarray]], channels: slice) -> Element:
    bits = sum(float(symbol_bits(symbols[channels], tables[channels]).sum()) for symbols, tables in parts)
    coded = sum(int(np.count_nonzero(tables[channels] % 64)) for _, tables in parts)
    return Element(name, "symbols", bits, coded)


def _inr(parsed: ParsedStream, inr: InrCodec | None) -> list[Element]:
    if parsed.branches is None:
        return []
    shared = parsed.payload(SectionType.INR_SHARED) or b""
    blocks = [block for block in parsed.header.split.blocks if parsed.branches.inr[block.index]]
    qp16_map, codec = _qp16(parsed), inr or installed_inr()
    bits: dict[str, float] = {}
    for block, payload in zip(blocks, parsed.inr_blocks, strict=True):
        info = codec.payload_info(payload, shared, block.size_px, block_qp16(qp16_map, block), parsed.branches.base_id)
        for name, value in info.bits.items():
            bits[name] = bits.get(name, 0.0) + float(value)
    elements = [Element(name, "over-fitted blocks", value) for name, value in bits.items()]
    rest = 8.0 * (len(shared) + sum(map(len, parsed.inr_blocks))) - sum(bits.values())
    return [*elements, Element("shared, and ends of the coders", "over-fitted blocks", rest)]


def _qp16(parsed: ParsedStream) -> torch.Tensor:
    header = parsed.header
    coded = parsed.payload(SectionType.QP_MAP)
    offsets = None if coded is None else decode_qp_map(coded, *header.qp_map_shape)
    layout = Layout(header.height_px, header.width_px, header.slice_units)
    return layout.spread_qp_map(round(header.qp * QP_STEPS), offsets)


def _maps(parsed: ParsedStream, source: _Listening) -> dict[str, BlockMap]:
    rows, cols = parsed.header.qp_map_shape
    maps = {"qp": qp_block_map(_qp16(parsed).numpy()[:rows, :cols])}
    if not source.y:
        return maps
    z, y = source.z, source.y
    y_bits = np.concatenate([symbol_bits(*part).sum(0) for part in y])
    spread = [symbol_bits(*part).sum(0) / ROWS_PER_UNIT**2 for part in z]
    z_bits = np.concatenate([grid.repeat(ROWS_PER_UNIT, 0).repeat(ROWS_PER_UNIT, 1) for grid in spread])
    maps |= rate_maps(y_bits[:rows, :cols], z_bits[:rows, :cols])
    return maps | {"latent_energy": latent_energy_map([symbols for symbols, _ in y], (rows, cols))}
