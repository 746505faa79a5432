"""HEVC pictures through libheif's decoder (libde265), which is right where ffmpeg's is not.

The stream is put into a HEIF file in memory, of which only what libheif asks for is written. There it is said to be
full-range RGB (matrix 0), whatever it is: then libheif hands the decoded planes on as they are.
"""

from __future__ import annotations

import io
import struct

import numpy as np
import pillow_heif

from codec.anchors.bpg.bits import unescape
from codec.anchors.bpg.container import GREY, split_nals
from codec.anchors.bpg.parameter_sets import NAL_PPS, NAL_SPS, NAL_VPS
from codec.errors import AnchorError

_ITEM = 1
_PROFILE_BYTES = slice(3, 15)
"""Profile, tier and level in an SPS with its NAL header."""
_SRGB_PLANES = struct.pack(">HHHB", 1, 13, 0, 0x80)
"""`nclx`: primaries of BT.709, transfer of sRGB, matrix 0 (planes are G, B, R), full range."""


def decode_with_libheif(
    stream: bytes, width_px: int, height_px: int, chroma_format: int, bit_depth: int
) -> list[np.ndarray]:
    """Decode one intra picture to its planes, `uint8` or `uint16`.

    Parameters
    ----------
    stream : bytes
        HEVC with start codes and parameter sets.
    width_px, height_px : int
        Size of the coded picture.
    chroma_format : int
        0 (grey) or 3 (4:4:4); halved chroma libheif gives only interpolated.
    bit_depth : int
        8..16.
    """
    data = wrap(stream, width_px, height_px, chroma_format, bit_depth)
    try:
        heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        samples = np.array(np.asarray(heif))  # a copy, for the samples go with `heif`
    except (ValueError, RuntimeError, SyntaxError, OSError, EOFError) as error:
        raise AnchorError(str(error), where="libheif") from error
    shape = (height_px, width_px) if chroma_format == GREY else (height_px, width_px, 3)
    if samples.shape != shape or samples.dtype != (np.uint8 if bit_depth == 8 else np.uint16):
        raise AnchorError("the decoder gave no picture of the right size", where="libheif")
    if bit_depth > 8:
        samples = samples >> (16 - bit_depth)
    return [samples] if chroma_format == GREY else [samples[..., channel] for channel in (1, 2, 0)]


def wrap(stream: bytes, width_px: int, height_px: int, chroma_format: int, bit_depth: int) -> bytes:
    """HEIF file with one HEVC picture; parameters as in `decode_with_libheif`."""
    nals = split_nals(stream)
    sets = [nal for nal in nals if _kind(nal) in (NAL_VPS, NAL_SPS, NAL_PPS)]
    picture = b"".join(struct.pack(">I", len(nal)) + nal for nal in nals if _kind(nal) < NAL_VPS)
    profile = next(unescape(nal)[_PROFILE_BYTES] for nal in sets if _kind(nal) == NAL_SPS)
    configuration = struct.pack(
        ">B12sHBBBBHBB", 1, profile, 0xF000, 0xFC, 0xFC | chroma_format, 0xF8 | bit_depth - 8, 0xF8 | bit_depth - 8,
        0, 0b00_001_1_11, len(sets),
    )  # fmt: skip
    configuration += b"".join(struct.pack(">BHH", 0x80 | _kind(nal), 1, len(nal)) + nal for nal in sets)
    properties = _box(
        "ipco",
        _box("hvcC", configuration),
        _full_box("ispe", struct.pack(">II", width_px, height_px)),
        _box("colr", b"nclx" + _SRGB_PLANES),
    )
    kind = _box("ftyp", b"heix\0\0\0\0mif1heix")

    def meta(offset: int) -> bytes:
        return _full_box(
            "meta",
            _full_box("hdlr", b"\0\0\0\0pict" + b"\0" * 13),
            _full_box("pitm", struct.pack(">H", _ITEM)),
            _full_box("iloc", struct.pack(">BBHHHHII", 0x44, 0, 1, _ITEM, 0, 1, offset, len(picture))),
            _full_box(
                "iinf", struct.pack(">H", 1), _full_box("infe", struct.pack(">HH", _ITEM, 0) + b"hvc1\0", version=2)
            ),
            # All three properties belong to the item, the first must be understood.
            _box("iprp", properties, _full_box("ipma", struct.pack(">IHB3B", 1, _ITEM, 3, 0x81, 2, 3))),
        )

    offset = len(kind) + len(meta(0)) + 8
    return kind + meta(offset) + _box("mdat", picture)


def _box(name: str, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I", 8 + len(body)) + name.encode() + body


def _full_box(name: str, *parts: bytes, version: int = 0) -> bytes:
    """A box with version and flags."""
    return _box(name, struct.pack(">I", version << 24), *parts)


def _kind(nal: bytes) -> int:
    return nal[0] >> 1 & 63
