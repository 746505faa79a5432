from __future__ import annotations

import json
import zlib

import pytest

from codec.errors import BitstreamError, InputError, LimitExceeded
from codec.stream import DecodeLimits, decode_analysis, encode_analysis

ANALYSIS = {"bits": [[12.5, 3], [0, 7]], "seconds": {"analysis": 0.25}, "note": "grün", "none": None}


def test_an_analysis_round_trips_and_is_the_same_every_time():
    payload = encode_analysis(ANALYSIS)
    assert decode_analysis(payload) == ANALYSIS
    assert encode_analysis(dict(reversed(ANALYSIS.items()))) == payload


def nested(levels: int) -> list:
    value: list = []
    for _ in range(levels - 1):
        value = [value]
    return value


def test_nesting_has_a_limit():
    within = {"a": nested(31)}
    assert decode_analysis(encode_analysis(within)) == within
    for levels in (32, 900):
        with pytest.raises(LimitExceeded, match="nested more than 32 deep"):
            decode_analysis(zlib.compress(b'{"a":' + b"[" * levels + b"]" * levels + b"}"))
        with pytest.raises(InputError, match="deep"):
            encode_analysis({"a": nested(levels)})


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), b"bytes"])
def test_what_is_no_json_is_refused(value):
    with pytest.raises(InputError, match="no plain JSON"):
        encode_analysis({"value": value})


def test_a_bomb_is_stopped_at_the_limit():
    bomb = zlib.compress(b" " * (64 << 20), 9)
    with pytest.raises(LimitExceeded, match="more than"):
        decode_analysis(bomb)
    small = DecodeLimits(max_analysis_bytes=len(json.dumps({"a": 1}, separators=(",", ":"))))
    assert decode_analysis(encode_analysis({"a": 1}), small) == {"a": 1}
    with pytest.raises(LimitExceeded):
        decode_analysis(encode_analysis({"a": 12}), small)


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        (b"", "do not end"),
        (b"junk", "decompressed"),
        (encode_analysis(ANALYSIS)[:-1], "do not end"),
        (encode_analysis(ANALYSIS) + b"x", "do not end"),
        (zlib.compress(b"[1,2]"), "no JSON object"),
        (zlib.compress(b"{"), "no JSON"),
        (zlib.compress(b'{"a":NaN}'), "no JSON"),
        (zlib.compress(b'{"a":1} 2'), "no JSON"),
        (zlib.compress(b"\xff\xfe"), "no JSON"),
        (zlib.compress(b'{"a":' + b"9" * 5000 + b"}"), "no JSON"),
        (zlib.compress(b"[" * 200_000), "no JSON"),
    ],
)
def test_damaged_analyses_are_one_clear_error(payload, message):
    with pytest.raises(BitstreamError, match=message):
        decode_analysis(payload)
