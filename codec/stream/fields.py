"""The fixed fields of a stream, declared once: the header is packed by this table, and the analyser reads it aloud.

FORMAT.md says the same in prose; a test compares the two.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from codec.quality import QP_STEPS


@dataclass(frozen=True)
class BitField:
    """Some bits of a one-byte field.

    Attributes
    ----------
    name : str
    first, count : int
        Lowest bit, and how many.
    values : mapping of int to str
        Names of the values, where they have any.
    """

    name: str
    first: int
    count: int
    values: Mapping[int, str] = field(default_factory=dict)

    def of(self, byte: int) -> int:
        """Value of these bits."""
        return byte >> self.first & (1 << self.count) - 1


@dataclass(frozen=True)
class Field:
    """One field of fixed size.

    Attributes
    ----------
    name : str
        As in FORMAT.md.
    code : str
        Its type as `struct` writes it, little endian.
    text : str
        What it says, in a few words.
    unit : str
        Unit of the shown value.
    divisor : int
        The shown value is the stored one over this.
    values : mapping of int to str
        Names of the values, where they have any.
    bits : tuple of BitField
        Parts of a byte that is several fields in one.
    """

    name: str
    code: str
    text: str
    unit: str = ""
    divisor: int = 1
    values: Mapping[int, str] = field(default_factory=dict)
    bits: tuple[BitField, ...] = ()

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return struct.calcsize("<" + self.code)

    def show(self, value: int | bytes) -> str:
        """Value as a person reads it."""
        if isinstance(value, bytes):
            return value.hex(" ")
        if self.bits:
            return f"0x{value:02x}"
        if self.values:
            return f"{value} = {self.values.get(value, 'unknown')}"
        number = f"{value / self.divisor:g}" if self.divisor != 1 else str(value)
        return f"{number} {self.unit}" if self.unit else number


def pack_format(fields: Sequence[Field]) -> struct.Struct:
    """What packs and unpacks these fields one after another."""
    return struct.Struct("<" + "".join(one.code for one in fields))


PRELUDE = (
    Field("magic number", "4s", "0x8B and the letters TNC"),
    Field("version", "B", "version of the stream format"),
    Field("header_bytes", "B", "fields up to the header's checksum", "B"),
)
HEADER = (
    Field("kind", "B", "what the stream holds", values={0: "still picture"}),
    Field("width", "H", "width of the picture", "px"),
    Field("height", "H", "height of the picture", "px"),
    Field("color", "B", "components", values={0: "grey", 1: "RGB"}),
    Field("bit_depth", "B", "bits per sample", "bit"),
    Field("qp", "H", "base QP, stored in sixteenths", divisor=QP_STEPS),
    Field("slice_units", "B", "height of a slice in units of 64 px"),
    Field("entropy_id", "4s", "names what decodes symbols"),
    Field("synthesis_id", "4s", "names what makes pixels of them"),
    Field("body_bytes", "I", "bytes behind the header's checksum", "B"),
)
CHECKSUM = Field("checksum", "I", "CRC-32C of everything before it in this part")
TYPE = Field("type", "B", "what the section holds; 128 and more may be skipped")
QP_MAP = (
    Field(
        "table", "B", "probability table of the residuals",
        bits=(BitField("scale index", 0, 6), BitField("shape", 6, 2, {0: "0.5", 1: "1", 2: "1.5", 3: "2"})),
    ),
    Field("base", "b", "prediction of the first offset"),
)  # fmt: skip
BRANCHES = (
    Field(
        "mode", "B", "how the branches share the picture",
        bits=(
            BitField("mode", 0, 2, {1: "INR blocks only", 2: "mixed"}),
            BitField("guard", 2, 2),
            BitField("seam strength", 4, 2),
            BitField("zero", 6, 2),
        ),
    ),
    Field("base_id", "4s", "names what the over-fitted networks start from"),
    Field(
        "blocks", "B", "bit i is 1 if block i is over-fitted",
        bits=tuple(BitField(f"block {i}", i, 1, {0: "VAE", 1: "INR"}) for i in range(8)),
    ),
)  # fmt: skip
INR_BLOCK = (
    Field(
        "flags", "B", "what changes the network's weights",
        bits=(
            BitField("own changes", 0, 1, {0: "none", 1: "follow"}),
            BitField("shared changes", 1, 1, {0: "ignored", 1: "count too"}),
        ),
    ),
    Field("empty grids", "H", "bit g is 1 if grid g holds zeros only and is not coded"),
)  # fmt: skip
