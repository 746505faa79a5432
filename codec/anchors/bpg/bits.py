"""Bits of HEVC parameter sets, and the byte-wise integers of BPG."""

from __future__ import annotations

from codec.errors import AnchorError

_MAX_GOLOMB_ZEROS = 31


class BitReader:
    """Reads bits from most to least significant.

    Parameters
    ----------
    data : bytes
        Without emulation prevention (`unescape` removes it).
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def bits(self, count: int) -> int:
        """Unsigned integer of `count` bits, u(n)."""
        end = self._position + count
        if end > 8 * len(self._data):
            raise AnchorError("a parameter set ends too early", where="HEVC")
        first, last = self._position // 8, -(-end // 8)
        value = int.from_bytes(self._data[first:last], "big") >> (8 * last - end)
        self._position = end
        return value & ((1 << count) - 1)

    def flag(self) -> bool:
        """One bit, u(1)."""
        return bool(self.bits(1))

    def golomb(self) -> int:
        """Unsigned Exp-Golomb code of order 0, ue(v)."""
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > _MAX_GOLOMB_ZEROS:
                raise AnchorError("a parameter set holds an impossible number", where="HEVC")
        return (1 << zeros) - 1 + self.bits(zeros)


class BitWriter:
    """Collects bits from most to least significant."""

    def __init__(self) -> None:
        self._value, self._count = 0, 0

    def bits(self, value: int, count: int) -> None:
        """Append u(n)."""
        self._value = self._value << count | value
        self._count += count

    def flag(self, value: bool) -> None:
        """Append u(1)."""
        self.bits(int(value), 1)

    def golomb(self, value: int) -> None:
        """Append ue(v)."""
        self.bits(value + 1, 2 * (value + 1).bit_length() - 1)

    def to_bytes(self, *, stop_bit: bool) -> bytes:
        """All bits, filled up with zeros to a whole byte; HEVC's trailing bits start with a one."""
        value, count = (self._value << 1 | 1, self._count + 1) if stop_bit else (self._value, self._count)
        missing = -count % 8
        return (value << missing).to_bytes((count + missing) // 8, "big")


def unescape(data: bytes) -> bytes:
    """Remove the bytes 3 that keep start codes from appearing inside a NAL unit."""
    return data.replace(b"\0\0\3", b"\0\0")


def escape(data: bytes) -> bytes:
    """Insert a 3 after two zeros wherever a byte of 0..3 follows, and after a zero at the very end."""
    out, zeros = bytearray(), 0
    for byte in data:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        zeros = zeros + 1 if byte == 0 else 0
        out.append(byte)
    if zeros:
        out.append(3)
    return bytes(out)


def put_ue7(value: int) -> bytes:
    """BPG's ue7: seven bits per byte, the highest bit of all bytes but the last is 1."""
    groups = [value & 0x7F]
    while value := value >> 7:
        groups.append(value & 0x7F | 0x80)
    return bytes(reversed(groups))


def get_ue7(data: bytes, offset: int) -> tuple[int, int]:
    """Read a ue7 of at most 32 bits; returns it and the offset behind it."""
    value = 0
    for index in range(offset, min(offset + 5, len(data))):
        byte = data[index]
        if index == offset and byte == 0x80:
            raise AnchorError("a number is not in its shortest form", where=f"BPG at byte {index}")
        value = value << 7 | byte & 0x7F
        if byte < 0x80:
            if value >= 1 << 32:
                break
            return value, index + 1
    raise AnchorError("a number is cut short or too large", where=f"BPG at byte {offset}")
