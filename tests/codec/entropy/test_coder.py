from __future__ import annotations

import threading

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file

from codec.entropy import SCALES, SymbolDecoder, SymbolEncoder, symbol_bits, table_index
from codec.entropy.range_coder import MAX_SYMBOL
from codec.entropy.tables import N_SCALES, N_TABLES, RESOURCE, tables
from codec.errors import BitstreamError, InputError
from codec.resources import resource
from tests.codec.entropy.reference import ReferenceRangeDecoder, cumulative


def encode(*calls: tuple[np.ndarray, np.ndarray]) -> bytes:
    encoder = SymbolEncoder()
    for symbols, table in calls:
        encoder.encode(symbols, table)
    return encoder.finish()


def sample(
    seed: int, size: int, spread: float = 1.0, scales: tuple[int, int] = (0, 64)
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    scale = rng.integers(*scales, size)
    symbols = np.rint(rng.laplace(size=size) * SCALES[scale] * spread).astype(np.int32)
    symbols[scale == 0] = 0
    return symbols, table_index(scale, rng.integers(0, 16, size))


# Decoding as FORMAT.md describes it, from the tables file and integers alone.


class ReferenceDecoder(ReferenceRangeDecoder):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        stored = load_file(resource(RESOURCE))
        self.counts, self.offsets, self.order = stored["counts"], stored["offsets"], stored["escape_order"]

    def decode(self, table: list[int]) -> list[int]:
        out = [0] * len(table)
        escaped = []
        for t in sorted({t for t in table if t % 64}):
            half = [int(c) for c in self.counts[self.offsets[t] : self.offsets[t + 1]]]
            radius = len(half) - 2
            model = cumulative(half[radius:0:-1] + half)
            for i in (i for i, other in enumerate(table) if other == t):
                out[i] = self.entry(model) - radius
                if out[i] > radius:
                    escaped.append((i, radius, int(self.order[t])))
        escaped.sort()
        values = self.escapes([radius for _, radius, _ in escaped], [order for *_, order in escaped])
        for (i, *_), value in zip(escaped, values, strict=True):
            out[i] = value
        return out


@pytest.mark.parametrize(
    ("symbols", "table", "expected"),
    [
        ([0], [6 * 64 + 20], "b5"),
        ([1, -2, 3, 0, 0, -1], [404, 404, 410, 1, 1, 404], "b5a3"),
        ([40, 0, -32767, 300], [404, 128, 1, 447], "fffffffffdc7ab354eddc8"),
        (
            list(range(-20, 20)),
            list(range(470, 510)),
            "fffffffffdff0201fffafdfef9f9090b275d34069e6aa5eb556a0dd96f5cbd478e6484714cb4c3dbf69d71d2091e",
        ),
    ],
)
def test_the_exact_bytes_of_fixed_symbols(symbols, table, expected):
    assert ReferenceDecoder(bytes.fromhex(expected)).decode(table) == symbols
    assert encode((np.array(symbols), np.array(table))).hex() == expected


def test_the_exact_bytes_of_many_symbols():
    symbols = np.array([(i * i * 7919 >> 5) % 23 - 11 for i in range(5000)])
    table = np.array([64 * (i % 16) + 1 + (i * 31 >> 2) % 63 for i in range(5000)])
    data = encode((symbols, table))
    assert (len(data), data[:8].hex(), data[-8:].hex()) == (6260, "fffffffffdff0200", "54e9a6cff8da57c4")


def test_a_decoder_written_from_the_format_reads_our_bytes():
    first, second = sample(1, 1500, spread=1.6), sample(2, 300, spread=40.0)
    data = encode(first, second)
    reference = ReferenceDecoder(data)
    assert reference.decode(first[1].tolist()) == first[0].tolist()
    assert reference.decode(second[1].tolist()) == second[0].tolist()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_symbols_round_trip(data):
    decoded, calls = [], []
    for size in data.draw(st.lists(st.integers(0, 40), max_size=3)):
        table = data.draw(arrays(np.int16, size, elements=st.integers(0, N_TABLES - 1)))
        near = st.integers(-3, 3) | st.integers(-MAX_SYMBOL, MAX_SYMBOL) | st.integers(-300, 300)
        symbols = data.draw(arrays(np.int32, size, elements=near))
        symbols[table % N_SCALES == 0] = 0
        calls.append((symbols, table))
    stream = encode(*calls)
    decoder = SymbolDecoder(stream)
    decoded = [decoder.decode(table) for _, table in calls]
    assert all(np.array_equal(a, symbols) for a, (symbols, _) in zip(decoded, calls, strict=True))
    assert not stream.endswith(b"\0")


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32), size=st.integers(1, 400), low=st.integers(1, 60), spread=st.sampled_from([0.0, 1, 3])
)
def test_the_end_is_as_short_as_the_ideal_code_length_allows(seed, size, low, spread):
    symbols, table = sample(seed, size, spread, (low, 64))
    data = encode((symbols, table))
    assert np.array_equal(SymbolDecoder(data).decode(table), symbols)
    # The code interval is as wide as the ideal length says, up to the coder's 24-bit rounding; a number that
    # identifies it needs at most one byte beyond.
    assert len(data) <= symbol_bits(symbols, table).sum() * 1.002 / 8 + 1.01


def test_carries_at_the_end_are_resolved():
    # Always the last entry of a table: the interval hugs the upper end of the code space.
    for size in range(1, 200):
        table = np.full(size, 6 * 64 + 10)
        symbols = np.full(size, tables().radius[6 * 64 + 10] + 1, np.int32)
        symbols[-1] = 0
        assert np.array_equal(SymbolDecoder(encode((symbols, table))).decode(table), symbols)


@pytest.mark.parametrize("table", [[], [0], [0, 64, 960]])
def test_nothing_to_code_takes_no_bytes(table):
    data = encode((np.zeros(len(table), np.int32), np.array(table, np.int16)))
    assert data == b""
    assert SymbolDecoder(data).decode(np.array(table, np.int16)).tolist() == [0] * len(table)


def test_symbols_are_sent_in_table_order_whatever_their_place():
    symbols, table = sample(5, 500, scales=(1, 40))
    order = np.argsort(table, kind="stable")
    assert encode((symbols, table)) == encode((symbols[order], table[order]))


def test_finish_can_be_asked_again_and_coding_can_go_on():
    encoder = SymbolEncoder()
    first, second = sample(6, 300), sample(7, 300)
    encoder.encode(*first)
    assert encoder.finish() == encoder.finish() == encode(first)
    encoder.encode(*second)
    assert encoder.finish() == encode(first, second)


def test_models_are_shared_between_threads():
    symbols, table = sample(8, 2000)
    expected, seen = encode((symbols, table)), []
    threads = [threading.Thread(target=lambda: seen.append(encode((symbols, table)))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [expected] * 3


@pytest.mark.parametrize(
    ("symbols", "table", "message"),
    [
        ([1], [0], "scale index 0"),
        ([0, -1], [5, 640], "scale index 0"),
        ([MAX_SYMBOL + 1], [5], "beyond"),
        ([-MAX_SYMBOL - 1], [5], "beyond"),
        ([0], [N_TABLES], "0..1023"),
        ([0], [-1], "0..1023"),
        ([0, 0], [5], "as many"),
        ([0.5], [5], "integers"),
        ([0], [5.0], "integers"),
        ([[0]], [[5]], "one row"),
    ],
)
def test_what_cannot_be_coded_is_refused_and_leaves_the_encoder_as_it_was(symbols, table, message):
    encoder = SymbolEncoder()
    with pytest.raises(InputError, match=message):
        encoder.encode(np.array(symbols), np.array(table))
    assert encoder.finish() == b""


def test_symbol_bits_count_tables_escapes_and_skips():
    radius, counts = int(tables().radius[404]), tables().full_counts(404)
    assert symbol_bits(np.array([2, 9]), np.array([404, 0])).tolist() == [-np.log2(counts[radius + 2] / 65536), 0.0]
    # Escape, prefix "0", no suffix bit, sign: two fair bits after the escape symbol.
    assert symbol_bits(np.array([-radius - 1]), np.array([404]))[0] == -np.log2(counts[-1] / 65536) + 2
    assert symbol_bits(np.zeros((3, 2), int), 1023).shape == (3, 2)
    assert symbol_bits(np.array([5]), np.array([960])).tolist() == [0.0]


@pytest.mark.parametrize("scales", [(0, 64), (0, 8), (40, 64)])
def test_symbol_bits_predict_the_bytes(scales):
    symbols, table = sample(9, 20_000, scales=scales)
    assert len(encode((symbols, table))) == pytest.approx(symbol_bits(symbols, table).sum() / 8, rel=2e-3, abs=2)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), seed=st.integers(0, 1000), scales=st.sampled_from([(1, 3), (1, 64), (60, 64)]))
def test_garbage_gives_symbols_or_one_clear_error(data, seed, scales):
    _, table = sample(seed, 400, scales=scales)
    try:
        decoded = SymbolDecoder(data).decode(table)
    except BitstreamError:
        return
    assert decoded.shape == table.shape
    assert np.abs(decoded).max() <= MAX_SYMBOL


def test_impossible_data_are_an_error():
    with pytest.raises(BitstreamError, match="damaged"):
        SymbolDecoder(b"\xff" * 400).decode(np.full(400, 404, np.int16))


def test_far_too_few_bytes_are_refused_before_they_cost_anything():
    table = np.full(300_000, table_index(20, 6))
    symbols = np.zeros(table.size, np.int32)
    whole = encode((symbols, table))
    assert len(whole) > 3_000
    assert (SymbolDecoder(whole).decode(table) == 0).all()
    with pytest.raises(BitstreamError, match="too few bytes for so many symbols"):
        SymbolDecoder(whole[: len(whole) // 2]).decode(table)
    decoder = SymbolDecoder(whole[: len(whole) // 2])
    for _ in range(5):
        decoder.decode(table[:30_000])
    with pytest.raises(BitstreamError, match="too few bytes"):
        decoder.decode(table[:30_000])


def test_a_decoder_refuses_wrong_tables():
    with pytest.raises(InputError, match=r"0\.\.1023"):
        SymbolDecoder(b"abc").decode(np.array([2000]))
