"""The fixed fields of a video stream, declared once (FORMAT.md, chapter 9)."""

from __future__ import annotations

from codec.quality import QP_STEPS
from codec.stream.fields import BitField, Field

HEADER = (
    Field("kind", "B", "what the stream holds", values={1: "video"}),
    Field("width", "H", "width of the luma plane", "px"),
    Field("height", "H", "height of the luma plane", "px"),
    Field("chroma", "B", "sampling of the planes", values={0: "4:2:0"}),
    Field("bit_depth", "B", "bits per sample", "bit"),
    Field("fps_numerator", "I", "frames per second, numerator"),
    Field("fps_denominator", "I", "frames per second, denominator"),
    Field("primaries", "B", "colour primaries by H.273"),
    Field("transfer", "B", "transfer characteristics by H.273"),
    Field("matrix", "B", "matrix coefficients by H.273"),
    Field(
        "range", "B", "range of the samples, and where chroma lies",
        bits=(
            BitField("range", 0, 1, {0: "limited", 1: "full"}),
            BitField("chroma location", 1, 3, {0: "left", 1: "centre", 2: "top left"}),
            BitField("zero", 4, 4),
        ),
    ),
    Field("qp", "H", "base QP, stored in sixteenths", divisor=QP_STEPS),
    Field("structure", "B", "how frames refer to each other", values={0: "low-delay P"}),
    Field("tools", "H", "reserved for the loop filter and half resolution; zero"),
    Field("entropy_id", "4s", "names what decodes symbols"),
    Field("synthesis_id", "4s", "names what makes pixels of them"),
    Field("frame_count", "I", "frames of the clip"),
    Field("body_bytes", "Q", "bytes behind the header's checksum", "B"),
    Field("index_offset", "Q", "where the index starts in the file; 0 = there is none", "B"),
)  # fmt: skip
FRAME_FLAGS = Field(
    "flags", "B", "type of the frame, and which fields follow",
    bits=(
        BitField("type", 0, 2, {0: "key frame", 1: "P frame"}),
        BitField("temporal layer", 2, 2),
        BitField("checksum", 4, 1, {0: "none", 1: "follows"}),
        BitField("base QP", 5, 1, {0: "that of the header", 1: "follows"}),
        BitField("zero", 6, 1),
        BitField("kept", 7, 1, {0: "no", 1: "as a reference of later P frames"}),
    ),
)  # fmt: skip
FRAME_QP = Field("qp", "H", "base QP of the frame, stored in sixteenths", divisor=QP_STEPS)
FRAME_CHECKSUM = Field("picture checksum", "I", "CRC-32C of the decoded working picture")
