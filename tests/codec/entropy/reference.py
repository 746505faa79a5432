"""Range decoding and escapes as FORMAT.md describes them (sections 3.3 to 3.5), in integers alone."""

from __future__ import annotations


def cumulative(counts: list[int]) -> list[int]:
    n, total, result = len(counts), 0, []
    for i, count in enumerate(counts):
        result.append(total * (2**24 - n) // 2**16 + i)
        total += count
    return [*result, 2**24]


PREFIX = cumulative([2 ** (15 - n) for n in range(15)] + [2])


class ReferenceRangeDecoder:
    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 8
        self.lower, self.range = 0, 2**64 - 1
        self.point = int.from_bytes(data[:8].ljust(8, b"\0"), "big")

    def entry(self, cumulative: list[int]) -> int:
        step = self.range >> 24
        quantile = ((self.point - self.lower) % 2**64) // step
        assert quantile < 2**24
        index = max(i for i in range(len(cumulative) - 1) if cumulative[i] <= quantile)
        self.lower = (self.lower + step * cumulative[index]) % 2**64
        self.range = step * (cumulative[index + 1] - cumulative[index])
        if self.range < 2**32:
            self.range <<= 32
            self.lower = (self.lower << 32) % 2**64
            word = int.from_bytes(self.data[self.position : self.position + 4].ljust(4, b"\0"), "big")
            self.point = (self.point << 32) % 2**64 + word
            self.position += 4
        return index

    def uniform(self, bits: int) -> int:
        value = self.entry([i << (24 - bits) for i in range(2**bits + 1)]) if bits <= 12 else None
        if value is None:
            step = self.range >> 24
            value = ((self.point - self.lower) % 2**64) // step >> (24 - bits)
            self.entry([0, value << (24 - bits), (value + 1) << (24 - bits), 2**24])
        return value

    def escapes(self, radii: list[int], orders: list[int]) -> list[int]:
        """Values of escaped symbols, from the R and the order of each."""
        prefixes = [self.entry(PREFIX) for _ in orders]
        values = []
        for radius, order, prefix in zip(radii, orders, prefixes, strict=True):
            bits = order + prefix
            low = self.uniform(bits + 1)
            magnitude = 2**bits + (low >> 1) - 2**order + radius + 1
            values.append(-magnitude if low & 1 else magnitude)
        return values
