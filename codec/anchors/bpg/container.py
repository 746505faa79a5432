"""The BPG file, byte by byte after "BPG Specification" version 0.9.5: header, extensions, HEVC header and data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from codec.anchors.bpg import parameter_sets
from codec.anchors.bpg.bits import get_ue7, put_ue7
from codec.anchors.bpg.parameter_sets import NAL_SPS, NAL_VPS, CodingTools, read_sps
from codec.errors import AnchorError

MAGIC = b"BPG\xfb"
GREY, C420, C422, C444, C420_VIDEO, C422_VIDEO = range(6)
"""`pixel_format`; the last two have chroma at the video position, on every other luma sample of a row."""
BT601, RGB, YCGCO, BT709, BT2020 = range(5)
"""`color_space`."""
EXIF_TAG, ICC_TAG = 1, 2
MAX_SIDE_PX = 1 << 16
_NAL_SEI = (39, 40)
_START = b"\0\0\1"


@dataclass(frozen=True)
class BpgFile:
    """A parsed BPG file, or one to be written.

    Attributes
    ----------
    width_px, height_px : int
        True size.
    pixel_format : int
        `GREY` to `C422_VIDEO`.
    color_space : int
        `BT601` to `BT2020`.
    bit_depth : int
        8..14, of all planes.
    limited_range : bool
        Video levels instead of 0..max; alpha never is.
    alpha, premultiplied, white : bool
        A second picture holds alpha (with which the colour may be multiplied already), or the W of CMYK.
    animated : bool
        More frames follow the first.
    tools, alpha_tools : CodingTools
        HEVC parameters of colour and of the second picture.
    nals : sequence of bytes
        NAL units of the first picture without start codes, PPS first; those of alpha have layer 1.
    extensions : mapping of int to bytes
        By tag: EXIF, ICC profile, ...
    """

    width_px: int
    height_px: int
    pixel_format: int
    color_space: int
    bit_depth: int
    tools: CodingTools
    nals: Sequence[bytes] = field(repr=False)
    limited_range: bool = False
    alpha: bool = False
    premultiplied: bool = False
    white: bool = False
    animated: bool = False
    alpha_tools: CodingTools | None = None
    extensions: Mapping[int, bytes] = field(default_factory=dict, repr=False)

    @property
    def chroma_format(self) -> int:
        """HEVC's chroma_format_idc."""
        return {C420_VIDEO: C420, C422_VIDEO: C422}.get(self.pixel_format, self.pixel_format)

    def hevc(self, *, alpha: bool = False) -> bytes:
        """Colour (or the second picture) as an HEVC stream with start codes that any decoder reads."""
        tools = self.alpha_tools if alpha else self.tools
        if tools is None:
            raise AnchorError("there is no alpha plane", where="BPG")
        chroma_format = GREY if alpha else self.chroma_format
        sets = parameter_sets.parameter_sets(tools, self.width_px, self.height_px, chroma_format, self.bit_depth)
        own = (nal[:1] + bytes([nal[1] & 7]) + nal[2:] for nal in self.nals if _layer(nal) == int(alpha))
        return b"".join(_START + nal for nal in (*sets, *own))


def write(file: BpgFile) -> bytes:
    """Bytes of a BPG file."""
    second = file.alpha or file.white
    flags1 = file.pixel_format << 5 | int(file.alpha) << 4 | file.bit_depth - 8
    flags2 = file.color_space << 4 | bool(file.extensions) << 3 | int(file.limited_range) << 1
    flags2 |= int(file.premultiplied or file.white) << 2
    extensions = b"".join(put_ue7(tag) + put_ue7(len(data)) + data for tag, data in file.extensions.items())
    if (second and file.alpha_tools is None) or file.animated:
        raise AnchorError("such a BPG file cannot be written", where="BPG")
    headers = [parameter_sets.header(tools) for tools in (file.alpha_tools, file.tools) if tools is not None]
    return b"".join(
        (
            MAGIC, bytes([flags1, flags2]), put_ue7(file.width_px), put_ue7(file.height_px),
            put_ue7(0),  # the picture goes on to the end of the file
            put_ue7(len(extensions)) + extensions if extensions else b"",
            *(put_ue7(len(header)) + header for header in headers),
            _START.join(file.nals),
        )
    )  # fmt: skip


def parse(data: bytes) -> BpgFile:
    """Parse a BPG file; of an animation the first picture.

    Raises
    ------
    AnchorError
        If it is none, is damaged, or uses what the specification reserves.
    """
    if not data.startswith(MAGIC):
        raise AnchorError("not a BPG file")
    if len(data) < 6:
        raise AnchorError("the file is cut short", where="BPG")
    flags1, flags2 = data[4], data[5]
    pixel_format, alpha1, bit_depth = flags1 >> 5, bool(flags1 & 0x10), (flags1 & 15) + 8
    color_space, alpha2 = flags2 >> 4, bool(flags2 & 4)
    grey = pixel_format == GREY
    white = alpha2 and not alpha1
    if pixel_format > C422_VIDEO or bit_depth > 14 or color_space > BT2020 or (grey and (color_space or white)):
        raise AnchorError(f"its format (0x{flags1:02x}, 0x{flags2:02x}) is reserved", where="BPG")
    width_px, at = get_ue7(data, 6)
    height_px, at = get_ue7(data, at)
    if not (0 < width_px <= MAX_SIDE_PX and 0 < height_px <= MAX_SIDE_PX):
        raise AnchorError(f"{width_px}x{height_px} px are not within 1..{MAX_SIDE_PX}", where="BPG")
    length, at = get_ue7(data, at)
    extensions: dict[int, bytes] = {}
    if flags2 & 8:
        size, at = get_ue7(data, at)
        end = at + size
        if end > len(data):
            raise AnchorError("the extensions are cut short", where="BPG")
        while at < end:
            tag, at = get_ue7(data, at)
            size, at = get_ue7(data, at)
            if at + size > end:
                raise AnchorError("an extension is cut short", where="BPG")
            extensions[tag] = data[at : at + size]
            at += size
    if length:
        if at + length > len(data):
            raise AnchorError("the picture is cut short", where="BPG")
        data = data[: at + length]
    tools = []
    for _ in range(1 + (alpha1 or alpha2)):
        size, at = get_ue7(data, at)
        if at + size > len(data):
            raise AnchorError("the HEVC header is cut short", where="BPG")
        tools.append(parameter_sets.read_header(data[at : at + size]))
        at += size
    return BpgFile(
        width_px, height_px, pixel_format, color_space, bit_depth, tools[-1],
        _first_picture(split_nals(_START + data[at:]), 2 if alpha1 or alpha2 else 1),
        bool(flags2 & 2), alpha1, alpha1 and alpha2, white, bool(flags2 & 1),
        tools[0] if len(tools) > 1 else None, extensions,
    )  # fmt: skip


def from_hevc(stream: bytes) -> tuple[CodingTools, list[bytes]]:
    """Take an encoder's intra stream apart: its tools, and the NAL units that a BPG file keeps."""
    nals = split_nals(stream)
    sps = [nal for nal in nals if _kind(nal) == NAL_SPS]
    kept = [nal for nal in nals if _kind(nal) not in (NAL_VPS, NAL_SPS, *_NAL_SEI)]
    if len(sps) != 1 or not kept:
        raise AnchorError("the encoder wrote no single picture", where="HEVC")
    return read_sps(sps[0]), kept


def split_nals(stream: bytes) -> list[bytes]:
    """NAL units between start codes, with their two header bytes and without trailing zeros."""
    nals = [part.rstrip(b"\0") for part in stream.split(_START)[1:]]
    if not nals or any(len(nal) < 3 for nal in nals):
        raise AnchorError("it holds no picture", where="HEVC")
    return nals


def _first_picture(nals: Sequence[bytes], layers: int) -> list[bytes]:
    """Up to the first unit that belongs to the next picture of an animation."""
    started = 0
    for index, nal in enumerate(nals):
        first_slice = _kind(nal) < NAL_VPS and nal[2] & 0x80
        if started == layers and (first_slice or _kind(nal) >= NAL_VPS):
            return list(nals[:index])
        started += bool(first_slice)
    if started < layers:
        raise AnchorError("it holds no picture", where="BPG")
    return list(nals)


def _kind(nal: bytes) -> int:
    return nal[0] >> 1 & 63


def _layer(nal: bytes) -> int:
    return (nal[0] & 1) << 5 | nal[1] >> 3
