"""The HEVC parameters that vary between BPG files: out of an SPS, out of BPG's short header, and into both.

BPG leaves VPS and SPS out and keeps a few bytes instead, which hold what an encoder may choose for an intra picture.
All the rest is fixed by the BPG specification or follows from the picture's size, format and depth.
"""

from __future__ import annotations

from dataclasses import dataclass

from codec.anchors.bpg.bits import BitReader, BitWriter, escape, unescape
from codec.errors import AnchorError

NAL_VPS, NAL_SPS, NAL_PPS = 32, 33, 34
_PROFILE_RANGE_EXTENSIONS = 4
_LEVEL_8_5 = 255  # no limit on size
_RANGE_FLAGS = 9
_NO_RANGE_EXTENSION = (False,) * _RANGE_FLAGS
_IMPLICIT_RDPCM = 2
# extended_precision_processing, high_precision_offsets and cabac_bypass_alignment: forbidden in BPG.
_FORBIDDEN = (4, 6, 8)


@dataclass(frozen=True)
class Pcm:
    """Fields of PCM coding blocks, as they stand in the SPS."""

    depth_luma_minus1: int
    depth_chroma_minus1: int
    log2_min_minus3: int
    log2_diff: int
    loop_filter_disabled: bool


@dataclass(frozen=True)
class CodingTools:
    """What `hevc_header` of a BPG file holds; names as in the HEVC specification."""

    log2_min_coding_minus3: int
    log2_diff_coding: int
    log2_min_transform_minus2: int
    log2_diff_transform: int
    transform_depth_intra: int
    sao: bool
    pcm: Pcm | None
    strong_intra_smoothing: bool
    range_flags: tuple[bool, ...] | None
    """The nine flags of the SPS range extension in their order, None without one."""

    def __post_init__(self) -> None:
        log2_coding = self.log2_min_coding_minus3 + 3
        log2_tree = log2_coding + self.log2_diff_coding
        log2_transform = self.log2_min_transform_minus2 + 2
        if not (
            log2_coding <= log2_tree <= 6
            and log2_tree >= 4
            and log2_transform < log2_coding
            and log2_transform + self.log2_diff_transform <= min(log2_tree, 5)
            and self.transform_depth_intra <= log2_tree - log2_transform
        ):
            raise AnchorError("the block sizes make no sense", where="HEVC header")
        if self.range_flags is not None and any(self.range_flags[index] for index in _FORBIDDEN):
            raise AnchorError("it uses an HEVC extension that BPG forbids", where="HEVC header")

    @property
    def coding_block_px(self) -> int:
        """Smallest coding block; the coded picture is a multiple of it."""
        return 8 << self.log2_min_coding_minus3

    @property
    def implicit_rdpcm(self) -> bool:
        """Whether residuals without a transform are coded as differences: what bpgenc writes for lossless pictures."""
        return self.range_flags is not None and self.range_flags[_IMPLICIT_RDPCM]

    def coded_size_px(self, width_px: int, height_px: int) -> tuple[int, int]:
        """Width and height of the coded picture."""
        block = self.coding_block_px
        return -(-width_px // block) * block, -(-height_px // block) * block


def read_header(data: bytes) -> CodingTools:
    """Parse the body of a BPG `hevc_header`."""
    bits = BitReader(data)
    sizes = [bits.golomb() for _ in range(5)]
    return _tools(bits, sizes, has_vui=False)


def header(tools: CodingTools) -> bytes:
    """Body of a BPG `hevc_header`."""
    bits = BitWriter()
    _put_sizes(bits, tools)
    bits.golomb(tools.transform_depth_intra)
    bits.flag(tools.sao)
    _put_rest(bits, tools, in_sps=False)
    return bits.to_bytes(stop_bit=False)


def read_sps(nal: bytes) -> CodingTools:
    """Parse an SPS of an encoder's intra stream (NAL unit with its two header bytes, one temporal layer)."""
    bits = BitReader(unescape(nal)[2:])
    bits.bits(4)
    if bits.bits(3):
        raise AnchorError("the SPS has temporal layers", where="HEVC")
    bits.bits(1 + 88 + 8)  # nesting flag, profile, level
    bits.golomb()
    if bits.golomb() == 3:
        bits.flag()
    bits.golomb(), bits.golomb()  # size; BPG has the true one
    if bits.flag():
        [bits.golomb() for _ in range(4)]
    bits.golomb(), bits.golomb()  # depths
    bits.golomb()
    bits.flag()
    [bits.golomb() for _ in range(3)]  # buffering of the one layer
    sizes = [bits.golomb() for _ in range(4)]
    bits.golomb()  # transform depth of inter blocks
    sizes.append(bits.golomb())
    if bits.flag():
        raise AnchorError("the SPS has scaling lists, which BPG has not", where="HEVC")
    bits.flag()  # asymmetric partitions are for inter blocks
    return _tools(bits, sizes, has_vui=True)


def parameter_sets(
    tools: CodingTools, width_px: int, height_px: int, chroma_format: int, bit_depth: int
) -> tuple[bytes, bytes]:
    """VPS and SPS (NAL units without start codes) for a picture of the given true size.

    Parameters
    ----------
    chroma_format : int
        0 grey, 1 4:2:0, 2 4:2:2, 3 4:4:4.
    bit_depth : int
        Of luma and chroma alike.
    """
    vps = BitWriter()
    vps.bits(0, 4)
    vps.bits(0b11, 2)
    vps.bits(0, 6 + 3)
    vps.flag(True)
    vps.bits(0xFFFF, 16)
    _put_profile(vps)
    _put_buffering(vps)
    vps.bits(0, 6)
    vps.golomb(0)
    vps.bits(0, 2)  # no timing, no extension

    sps = BitWriter()
    sps.bits(0, 4 + 3)
    sps.flag(True)
    _put_profile(sps)
    sps.golomb(0)
    sps.golomb(chroma_format)
    if chroma_format == 3:
        sps.flag(False)
    for side in tools.coded_size_px(width_px, height_px):
        sps.golomb(side)
    sps.flag(False)  # cropping happens outside
    sps.golomb(bit_depth - 8)
    sps.golomb(bit_depth - 8)
    sps.golomb(4)
    _put_buffering(sps)
    _put_sizes(sps, tools)
    sps.golomb(tools.transform_depth_intra)
    sps.golomb(tools.transform_depth_intra)
    sps.flag(False)
    sps.flag(True)
    sps.flag(tools.sao)
    _put_rest(sps, tools, in_sps=True)
    return tuple(
        bytes([kind << 1, 1]) + escape(bits.to_bytes(stop_bit=True)) for kind, bits in ((NAL_VPS, vps), (NAL_SPS, sps))
    )  # type: ignore[return-value]


def _tools(bits: BitReader, sizes: list[int], *, has_vui: bool) -> CodingTools:
    """What follows the block sizes; in an SPS there are more fields between, which BPG fixes."""
    sao = bits.flag()
    pcm = None
    if bits.flag():
        pcm = Pcm(bits.bits(4), bits.bits(4), bits.golomb(), bits.golomb(), bits.flag())
    if has_vui:
        if bits.golomb():
            raise AnchorError("the SPS has reference picture sets; only intra pictures can be wrapped", where="HEVC")
        if bits.flag():
            raise AnchorError("the SPS has long-term references", where="HEVC")
        bits.flag()  # temporal motion vectors
    strong = bits.flag()
    if has_vui and bits.flag():
        _skip_vui(bits)
    flags = None
    if bits.flag():
        flags = tuple(bits.flag() for _ in range(8))
        if any(flags[1:]):
            raise AnchorError("it uses an unknown HEVC extension", where="HEVC")
        flags = tuple(bits.flag() for _ in range(_RANGE_FLAGS)) if flags[0] else _NO_RANGE_EXTENSION
    min_coding, diff_coding, min_transform, diff_transform, depth = sizes
    return CodingTools(min_coding, diff_coding, min_transform, diff_transform, depth, sao, pcm, strong, flags)


def _put_sizes(bits: BitWriter, tools: CodingTools) -> None:
    for value in (
        tools.log2_min_coding_minus3, tools.log2_diff_coding, tools.log2_min_transform_minus2,
        tools.log2_diff_transform,
    ):  # fmt: skip
        bits.golomb(value)


def _put_rest(bits: BitWriter, tools: CodingTools, *, in_sps: bool) -> None:
    bits.flag(tools.pcm is not None)
    if tools.pcm is not None:
        bits.bits(tools.pcm.depth_luma_minus1, 4)
        bits.bits(tools.pcm.depth_chroma_minus1, 4)
        bits.golomb(tools.pcm.log2_min_minus3)
        bits.golomb(tools.pcm.log2_diff)
        bits.flag(tools.pcm.loop_filter_disabled)
    if in_sps:
        bits.golomb(0)  # no reference picture sets
        bits.flag(False)
        bits.flag(True)  # temporal motion vectors, as BPG fixes it
    bits.flag(tools.strong_intra_smoothing)
    if in_sps:
        bits.flag(False)  # no VUI
    bits.flag(tools.range_flags is not None)
    if tools.range_flags is not None:
        bits.flag(True)
        bits.bits(0, 7)
        for flag in tools.range_flags:
            bits.flag(flag)


def _put_profile(bits: BitWriter) -> None:
    bits.bits(_PROFILE_RANGE_EXTENSIONS, 8)
    bits.bits(1 << (31 - _PROFILE_RANGE_EXTENSIONS), 32)
    bits.bits(0b1001, 4)  # progressive frames
    bits.bits(0, 44)
    bits.bits(_LEVEL_8_5, 8)


def _put_buffering(bits: BitWriter) -> None:
    bits.flag(True)
    for _ in range(3):
        bits.golomb(0)


def _skip_vui(bits: BitReader) -> None:
    """Video usability information: colour and timing, which BPG keeps in its own header or not at all."""
    if bits.flag() and bits.bits(8) == 255:
        bits.bits(32)
    if bits.flag():
        bits.flag()
    if bits.flag():
        bits.bits(4)
        if bits.flag():
            bits.bits(24)
    if bits.flag():
        bits.golomb(), bits.golomb()
    bits.bits(3)
    if bits.flag():
        [bits.golomb() for _ in range(4)]
    if bits.flag():
        bits.bits(64)
        if bits.flag():
            bits.golomb()
        if bits.flag():
            raise AnchorError("the SPS has buffering parameters", where="HEVC")
    if bits.flag():
        bits.bits(3)
        [bits.golomb() for _ in range(5)]
