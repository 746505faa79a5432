from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from safetensors.numpy import load_file

from codec.entropy import SHIFTED_SCALES, ShiftedDecoder, ShiftedEncoder, decode_together, shifted_bits
from codec.entropy.range_coder import MAX_SYMBOL, categorical, encode_escapes, finish, range_encoder
from codec.entropy.shifted import RADIUS, RESOURCE, shifted_tables
from codec.entropy.shifted_coder import CHUNK, code_lengths
from codec.errors import BitstreamError, InputError
from codec.resources import resource
from tests.codec.entropy.reference import ReferenceRangeDecoder, cumulative

Row = np.ndarray


def encode(symbols: Row, mean16: Row, scale: Row, sizes: list[int] | None = None) -> bytes:
    encoder = ShiftedEncoder()
    encoder.encode(symbols, mean16, scale, sizes)
    return encoder.finish()


def sample(seed: int, size: int, spread: float = 1.0, scales: tuple[int, int] = (0, 48)) -> tuple[Row, Row, Row]:
    rng = np.random.default_rng(seed)
    scale = rng.integers(*scales, size)
    mean16 = rng.integers(-2048, 2048, size)
    symbols = np.rint(mean16 / 16 + rng.laplace(size=size) * SHIFTED_SCALES[scale] * spread).astype(np.int32)
    return symbols, mean16, scale


# Decoding as FORMAT.md describes it, from the tables file and integers alone.


class ReferenceDecoder(ReferenceRangeDecoder):
    def __init__(self, data: bytes) -> None:
        super().__init__(data)
        stored = load_file(resource(RESOURCE))
        self.counts, self.order = stored["counts"].tolist(), stored["escape_order"].tolist()

    def decode(self, mean16: list[int], scale_index: list[int]) -> list[int]:
        out, escaped = [], []
        for i, (mean, scale) in enumerate(zip(mean16, scale_index, strict=True)):
            centre = (mean + 8) // 16
            fraction = mean - 16 * centre
            entry = self.entry(cumulative(self.counts[scale][fraction + 8]))
            if entry == 63:
                escaped.append(i)
            out.append(centre + entry - 31)
        distances = self.escapes([31] * len(escaped), [self.order[scale_index[i]] for i in escaped])
        for i, distance in zip(escaped, distances, strict=True):
            out[i] = (mean16[i] + 8) // 16 + distance
        return out


@pytest.mark.parametrize(
    ("symbols", "mean16", "scale", "expected"),
    [
        ([0], [0], [0], "ff"),
        ([1, -2, 3, 0, 0, -1], [14, -40, 5, -8, 7, 8], [20, 25, 30, 10, 0, 40], "ad62"),
        ([-128, 128, 0, 32767, -32767], [-2048, 2047, 0, -2048, 2047], [3, 3, 47, 0, 47], "604c7025b887f897b2118e"),
        (list(range(-20, 20)), list(range(-330, 310, 16)), list(range(5, 45)), "ffdd33543adaa37f0512b9cecd"),
    ],
)
def test_the_exact_bytes_of_fixed_symbols(symbols, mean16, scale, expected):
    assert encode(np.array(symbols), np.array(mean16), np.array(scale)).hex() == expected
    assert ReferenceDecoder(bytes.fromhex(expected)).decode(mean16, scale) == symbols


def test_the_exact_bytes_of_many_symbols():
    i = np.arange(5000)
    mean16, scale = (i * 7919 >> 3) % 4096 - 2048, (i * 31 >> 2) % 48
    symbols = (mean16 >> 4) + (i * i * 7919 >> 5) % 71 - 35
    data = encode(symbols, mean16, scale, [50] * 100)
    assert (len(data), data[:8].hex(), data[-8:].hex()) == (7796, "fffeff1e3a18daf5", "ead436a8322484b6")


def test_a_decoder_written_from_the_format_reads_our_bytes():
    symbols, mean16, scale = sample(1, 1200, spread=4.0)
    sizes = [1, 0, 399, 500, 300]
    reference = ReferenceDecoder(encode(symbols, mean16, scale, sizes))
    decoded, start = [], 0
    for size in sizes:
        decoded += reference.decode(mean16[start : start + size].tolist(), scale[start : start + size].tolist())
        start += size
    assert decoded == symbols.tolist()


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_any_symbols_round_trip(data):
    sizes = data.draw(st.lists(st.integers(0, 40), max_size=4))
    total = sum(sizes)
    mean16 = data.draw(arrays(np.int16, total, elements=st.integers(-2048, 2047)))
    scale = data.draw(arrays(np.uint8, total, elements=st.integers(0, 47)))
    near = st.integers(-3, 3) | st.integers(-MAX_SYMBOL, MAX_SYMBOL) | st.integers(-200, 200)
    symbols = data.draw(arrays(np.int32, total, elements=near))
    stream = encode(symbols, mean16, scale, sizes)
    encoder, decoder, start = ShiftedEncoder(), ShiftedDecoder(stream), 0
    for size in sizes:
        here = slice(start, start + size)
        encoder.encode(symbols[here], mean16[here], scale[here])
        decoded = decoder.decode(mean16[here], scale[here])
        assert decoded.dtype == np.int32
        assert np.array_equal(decoded, symbols[here])
        start += size
    assert encoder.finish() == stream
    assert not stream.endswith(b"\0")


def test_every_distance_of_every_table_round_trips():
    distance, fraction, scale = (a.ravel() for a in np.mgrid[-33:34, -8:8, 0:48])
    symbols, mean16 = distance + 5, fraction + 80
    stream = encode(symbols, mean16, scale)
    assert np.array_equal(ShiftedDecoder(stream).decode(mean16, scale), symbols)


@pytest.mark.parametrize("sizes", [[CHUNK], [CHUNK + 1], [3 * CHUNK + 5, 7], [CHUNK - 1, 2, CHUNK]])
def test_chunks_leave_no_trace(sizes):
    symbols, mean16, scale = sample(3, sum(sizes), spread=3.0)
    stream = encode(symbols, mean16, scale, sizes)
    encoder, decoder = ShiftedEncoder(), ShiftedDecoder(stream)
    for here in np.split(np.arange(sum(sizes)), np.cumsum(sizes)[:-1]):
        encoder.encode(symbols[here], mean16[here], scale[here])
        assert np.array_equal(decoder.decode(mean16[here], scale[here]), symbols[here])
    assert encoder.finish() == stream


def test_without_escapes_the_calls_do_not_matter():
    symbols, mean16, scale = sample(4, 3 * CHUNK, scales=(0, 30))
    assert np.abs(symbols - ((mean16 + 8) >> 4)).max() <= RADIUS
    stream = encode(symbols, mean16, scale)
    assert stream == encode(symbols, mean16, scale, [1000] * 24 + [3 * CHUNK - 24_000])
    decoder = ShiftedDecoder(stream)
    decoded = [decoder.decode(*part) for part in zip(np.split(mean16, 512), np.split(scale, 512), strict=True)]
    assert np.array_equal(np.concatenate(decoded), symbols)


def test_decoding_together_is_decoding_one_by_one():
    parts = [sample(seed, 500, spread=spread) for seed, spread in ((10, 1.0), (11, 8.0), (12, 0.0))]
    calls = [[20, 0, 480], [0, 3, 497], [100, 300, 100]]
    streams = [encode(*part, sizes) for part, sizes in zip(parts, calls, strict=True)]
    decoders = [ShiftedDecoder(stream) for stream in streams]
    decoded: list[list[np.ndarray]] = [[], [], []]
    for call in range(3):
        here = [slice(sum(sizes[:call]), sum(sizes[: call + 1])) for sizes in calls]
        mean16 = np.concatenate([part[1][s] for part, s in zip(parts, here, strict=True)])
        scale = np.concatenate([part[2][s] for part, s in zip(parts, here, strict=True)])
        sizes = [sizes[call] for sizes in calls]
        out = decode_together(decoders, sizes, mean16, scale)
        for k, symbols in enumerate(np.split(out, np.cumsum(sizes)[:-1])):
            decoded[k].append(symbols)
    for k, part in enumerate(parts):
        assert np.array_equal(np.concatenate(decoded[k]), part[0])


def test_decoding_large_parts_together():
    parts = [sample(seed, CHUNK + seed, spread=2.0) for seed in (1, 2)]
    decoders = [ShiftedDecoder(encode(*part)) for part in parts]
    symbols, mean16, scale = (np.concatenate(a) for a in zip(*parts, strict=True))
    assert np.array_equal(decode_together(decoders, [CHUNK + 1, CHUNK + 2], mean16, scale), symbols)


def test_nothing_to_code_takes_no_bytes():
    none = np.zeros(0, np.int32)
    assert encode(none, none, none) == b""
    assert encode(none, none, none, []) == b""
    assert encode(none, none, none, [0, 0]) == b""
    assert ShiftedDecoder(b"").decode(none, none).size == 0
    assert decode_together([], [], none, none).size == 0


def test_certain_symbols_take_hardly_any_bytes():
    stream = encode(np.zeros(10_000, int), np.zeros(10_000, int), np.zeros(10_000, int))
    assert len(stream) <= 2


def test_finish_can_be_asked_again_and_coding_can_go_on():
    encoder = ShiftedEncoder()
    symbols, mean16, scale = sample(6, 300, spread=5.0)
    encoder.encode(symbols[:100], mean16[:100], scale[:100])
    assert encoder.finish() == encoder.finish() == encode(symbols[:100], mean16[:100], scale[:100])
    encoder.encode(symbols[100:], mean16[100:], scale[100:])
    assert encoder.finish() == encode(symbols, mean16, scale, [100, 200])


@pytest.mark.parametrize(
    ("symbols", "mean16", "scale", "sizes", "message"),
    [
        ([MAX_SYMBOL + 1], [0], [5], None, "beyond"),
        ([-MAX_SYMBOL - 1], [0], [5], None, "beyond"),
        ([0], [2048], [5], None, r"-2048\.\.2047"),
        ([0], [-2049], [5], None, r"-2048\.\.2047"),
        ([0], [2**40], [5], None, r"-2048\.\.2047"),
        ([0], [0], [48], None, r"0\.\.47"),
        ([0], [0], [-1], None, r"0\.\.47"),
        ([0], [0], [2**32], None, r"0\.\.47"),
        ([0, 0], [0], [5], None, "as many"),
        ([0], [0, 0], [5], None, "same length"),
        ([[0]], [[0]], [[5]], None, "two rows"),
        ([0.5], [0], [5], None, "integers"),
        ([0], [0.0], [5], None, "integers"),
        ([0], [0], [5.0], None, "integers"),
        ([0, 0], [0, 0], [5, 5], [1], "sum to 2"),
        ([0, 0], [0, 0], [5, 5], [3, -1], "sum to 2"),
    ],
)
def test_what_cannot_be_coded_is_refused_and_leaves_the_encoder_as_it_was(symbols, mean16, scale, sizes, message):
    encoder = ShiftedEncoder()
    with pytest.raises(InputError, match=message):
        encoder.encode(np.array(symbols), np.array(mean16), np.array(scale), sizes)
    assert encoder.finish() == b""


def test_a_decoder_refuses_what_does_not_fit():
    one = np.array([1])
    with pytest.raises(InputError, match=r"0\.\.47"):
        ShiftedDecoder(b"abc").decode(one, np.array([48]))
    with pytest.raises(InputError, match="per decoder"):
        decode_together([ShiftedDecoder(b"abc")], [1, 0], one, one)
    with pytest.raises(InputError, match="sum to 1"):
        decode_together([ShiftedDecoder(b"abc")], [2], one, one)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=200), seed=st.integers(0, 1000), scales=st.sampled_from([(0, 3), (0, 48), (44, 48)]))
def test_garbage_gives_symbols_or_one_clear_error(data, seed, scales):
    _, mean16, scale = sample(seed, 400, scales=scales)
    decoder = ShiftedDecoder(data)
    for half in (slice(0, 37), slice(37, 400)):
        try:
            decoded = decoder.decode(mean16[half], scale[half])
        except BitstreamError:
            return
        assert decoded.shape == mean16[half].shape
        assert np.abs(decoded).max() <= MAX_SYMBOL


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 10**6), cut=st.floats(0, 1), flip=st.integers(0, 255))
def test_damaged_data_give_symbols_or_one_clear_error(seed, cut, flip):
    symbols, mean16, scale = sample(seed, 300, spread=3.0)
    stream = bytearray(encode(symbols, mean16, scale))
    place = int(cut * (len(stream) - 1))
    stream[place] ^= flip
    for damaged in (bytes(stream), bytes(stream[:place])):
        try:
            decoded = ShiftedDecoder(damaged).decode(mean16, scale)
        except BitstreamError:
            continue
        assert np.abs(decoded).max() <= MAX_SYMBOL


def test_impossible_data_are_an_error():
    with pytest.raises(BitstreamError, match="damaged"):
        ShiftedDecoder(b"\xff" * 400).decode(np.zeros(400, int), np.full(400, 20))


def test_an_escape_beyond_the_largest_magnitude_is_an_error():
    # Prefix 15 and the largest suffix, as no encoder writes them: 32767 + 33 beyond the centre.
    coder = range_encoder()
    coder.encode(np.array([63], np.int32), categorical(shifted_tables().counts[0, 8]))
    encode_escapes(coder, np.array([2**16 - 2], np.int32), np.array([True]), np.array([0], np.int32))
    with pytest.raises(BitstreamError, match="beyond"):
        ShiftedDecoder(finish(coder)).decode(np.array([0]), np.array([0]))


def test_shifted_bits_count_tables_and_escapes():
    counts, order = shifted_tables().counts, shifted_tables().escape_order
    # Mean 2 1/16: the centre is 2, the fraction 1.
    assert shifted_bits(np.array([4]), np.array([33]), np.array([20])).tolist() == [-np.log2(counts[20, 9, 33] / 65536)]
    # Escape, prefix "0", no suffix bit, sign: two fair bits after the escape.
    assert order[20] == 0
    assert shifted_bits(2 - 32, 33, 20) == -np.log2(counts[20, 9, 63] / 65536) + 2
    assert shifted_bits(2 + 32, 33, 20) == -np.log2(counts[20, 9, 63] / 65536) + 2
    # Order 4: four more.
    assert shifted_bits(2 + 32, 33, 47) == -np.log2(counts[47, 9, 63] / 65536) + 6
    assert shifted_bits(np.zeros((3, 2), int), 5, np.array([[1], [2], [3]])).shape == (3, 2)
    assert np.array_equal(code_lengths(), -np.log2(counts / 65536))


@pytest.mark.parametrize(("scales", "spread"), [((0, 48), 1.0), ((0, 10), 1.0), ((30, 48), 4.0)])
def test_shifted_bits_predict_the_bytes(scales, spread):
    symbols, mean16, scale = sample(9, 20_000, spread, scales)
    ideal = shifted_bits(symbols, mean16, scale).sum() / 8
    assert len(encode(symbols, mean16, scale)) == pytest.approx(ideal, rel=2e-3, abs=2)
