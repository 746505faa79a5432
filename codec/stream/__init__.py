"""The TNC container: header, checksummed sections, limits, QP maps (byte by byte in FORMAT.md)."""

from __future__ import annotations

from codec.stream.accounting import SectionInfo, bits_by_kind, rd_bytes
from codec.stream.alpha import decode_alpha, encode_alpha
from codec.stream.analysis import decode_analysis, encode_analysis
from codec.stream.blocks import Block, Split, split
from codec.stream.branches import Branches, decode_branches, encode_branches
from codec.stream.header import MAGIC, StreamHeader, is_stream
from codec.stream.limits import DecodeLimits
from codec.stream.qp_map import decode_qp_map, encode_qp_map
from codec.stream.reader import ParsedStream, read_stream
from codec.stream.sections import Section, SectionType
from codec.stream.writer import write_stream

__all__ = [
    "MAGIC",
    "Block",
    "Branches",
    "DecodeLimits",
    "ParsedStream",
    "Section",
    "SectionInfo",
    "SectionType",
    "Split",
    "StreamHeader",
    "bits_by_kind",
    "decode_alpha",
    "decode_analysis",
    "decode_branches",
    "decode_qp_map",
    "encode_alpha",
    "encode_analysis",
    "encode_branches",
    "encode_qp_map",
    "is_stream",
    "rd_bytes",
    "read_stream",
    "split",
    "write_stream",
]
