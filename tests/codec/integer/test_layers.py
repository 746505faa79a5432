"""Integer layers: every way of computing them gives the integers of the NumPy oracle."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from codec.errors import ModelError
from codec.integer.layers import (
    RELU_RANGE,
    SHIFT_MAX,
    SIGNED_RANGE,
    SUM_LIMIT,
    IntDepthwise,
    IntLayer,
    IntPointwise,
    pixel_shuffle_last,
    requantise,
    round_ste,
)
from codec.integer.oracle import layer_parts, run_layer
from codec.integer.proof import prove, worst_sums

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
# int64 matrix products exist on CPU only.
WAYS = [(device, dtype) for device in DEVICES for dtype in (torch.float32, torch.float64, torch.int64)]
WAYS = [way for way in WAYS if way != ("cuda", torch.int64)]


def layers(seed: int) -> list[IntLayer]:
    """Layers of every kind, the heaviest scaled so that sums come close to 2^24."""
    torch.manual_seed(seed)
    made: list[IntLayer] = [
        IntPointwise(40, 24),
        IntPointwise(300, 12, bounds=(-2048, 2047), out_exponent=4),
        IntPointwise(9, 8, in_exponent=0, in_max=512, bounds=RELU_RANGE),
        IntDepthwise(16),
    ]
    with torch.no_grad():
        for layer in made:
            layer.weight.mul_(torch.exp2(torch.randint(-7, 1, (layer.weight.shape[0], 1)).float()))
            layer.bias.normal_(0, 2)
    return made


def extreme_input(layer: IntLayer, generator: np.random.Generator, batch: int = 2) -> np.ndarray:
    """`(B, H, W, cin)`: ends of the range, zeros and values between."""
    low, high = (0, 1023) if layer.in_max == RELU_RANGE[1] else (-512, 511)
    channels = layer.weight.shape[0] if isinstance(layer, IntDepthwise) else layer.weight.shape[1]
    shape = (batch, 5, 6, channels)
    value = generator.integers(low, high + 1, shape)
    return np.where(generator.random(shape) < 0.6, generator.choice([low, high], shape), value).astype(np.int64)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("device", "dtype"), WAYS, ids=str)
def test_every_number_type_gives_the_oracle_s_integers(seed: int, device: str, dtype: torch.dtype) -> None:
    generator = np.random.default_rng(seed)
    for layer in layers(seed):
        x = extreme_input(layer, generator)
        expected = np.stack([run_layer(layer, picture) for picture in x])
        assert len(np.unique(expected)) > 20  # not all at the ends of the range
        layer.convert(dtype, device)
        out = layer(torch.from_numpy(x).to(device, dtype))
        assert out.dtype == dtype
        np.testing.assert_array_equal(out.cpu().double().numpy().astype(np.int64), expected)


def test_training_computes_what_is_exported() -> None:
    generator = np.random.default_rng(5)
    for layer in layers(5):
        x = torch.from_numpy(extreme_input(layer, generator)).float().requires_grad_()
        trained = layer(x)
        trained.sum().backward()
        assert layer.weight.grad is not None
        assert bool(layer.weight.grad.any())
        layer.convert(torch.int64)
        assert torch.equal(trained.detach().to(torch.int64), layer(x.detach().to(torch.int64)))


@given(
    total=st.lists(st.integers(-SUM_LIMIT + 2**22 + 1, SUM_LIMIT - 2**22 - 1), min_size=1, max_size=50),
    shift=st.integers(0, SHIFT_MAX),
)
@settings(max_examples=200)
def test_requantise_rounds_half_up_in_every_number_type(total: list[int], shift: int) -> None:
    bounds = (-2048, 2047)
    half = (1 << shift) >> 1
    expected = [min(max((value + half) >> shift, bounds[0]), bounds[1]) for value in total]
    for dtype in (torch.float32, torch.float64, torch.int64):
        out = requantise(torch.tensor(total)[:, None].to(dtype), torch.tensor([shift]).to(dtype), bounds)
        assert out.flatten().long().tolist() == expected


def test_round_ste_rounds_half_up_and_passes_gradients() -> None:
    x = torch.tensor([-1.5, -0.5, 0.49, 0.5, 2.5], requires_grad=True)
    out = round_ste(x)
    assert out.tolist() == [-1.0, 0.0, 0.0, 1.0, 3.0]
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [1.0] * 5


def test_pixel_shuffle_keeps_its_documented_order() -> None:
    x = torch.arange(8).reshape(1, 1, 1, 8)  # offset (dy, dx), two channels each
    out = pixel_shuffle_last(x)
    assert out.shape == (1, 2, 2, 2)
    assert out[0, 1, 0].tolist() == [4, 5]
    assert out[0, 0, 1].tolist() == [2, 3]


def test_quantised_integers_keep_the_bound_whatever_the_weights() -> None:
    for scale in (1e-9, 1e-3, 1.0, 100.0):
        torch.manual_seed(int(scale))
        layer = IntPointwise(300, 8)
        with torch.no_grad():
            layer.weight.mul_(scale)
        worst = prove(torch.nn.Sequential(layer))
        assert worst["0"] < SUM_LIMIT


def frozen(weight: object, bias: object, shift: object) -> torch.nn.Module:
    layer = IntPointwise(3, 2)
    layer.freeze(*(torch.tensor(t, dtype=torch.float64) for t in (weight, bias, shift)))
    return torch.nn.Sequential(layer)


GOOD = [[1, -2, 3], [100, 0, 5]]


def test_proof_reports_the_worst_sum() -> None:
    assert prove(frozen(GOOD, [7, -9], [3, 4])) == {"0": 105 * 1023 + 9 + 8}
    sums = worst_sums(torch.tensor(GOOD), torch.tensor([7, -9]), 1023)
    assert sums.tolist() == [6 * 1023 + 7, 105 * 1023 + 9]


@pytest.mark.parametrize(
    ("weight", "bias", "shift", "message"),
    [
        (GOOD, [2**24 - 6 * 1023, 0], [3, 4], "past 2\\^24"),
        (GOOD, [0, 2**24 - 105 * 1023 - 4], [3, 4], "past 2\\^24"),  # only half a step too much
        (GOOD, [0, -(2**24)], [3, 4], "past 2\\^24"),
        ([[1, 128, 0], [0, 0, 0]], [0, 0], [3, 4], "exceeds 127"),
        ([[1, 2.5, 0], [0, 0, 0]], [0, 0], [3, 4], "not an integer"),
        (GOOD, [0.25, 0], [3, 4], "not an integer"),
        (GOOD, [0, 0], [-1, 4], "outside 0..23"),
        (GOOD, [0, 0], [3, 24], "outside 0..23"),
    ],
)
def test_proof_refuses_what_is_not_exact(weight: object, bias: object, shift: object, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        prove(frozen(weight, bias, shift))


def test_float32_really_fails_beyond_the_bound() -> None:
    """The proof guards against something: past 2^24 the sum depends on the number type."""
    layer = IntPointwise(300, 1, bounds=(-(2**30), 2**30), out_exponent=5)
    weight, bias, shift = torch.full((1, 300), 127), torch.ones(1, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)
    x = torch.full((1, 1, 1, 300), 1023)
    results = []
    for dtype in (torch.float32, torch.int64):
        layer.freeze(weight.to(dtype), bias.to(dtype), shift.to(dtype))
        results.append(int(layer(x.to(dtype))))
    assert results[0] != results[1]
    with pytest.raises(ModelError):
        prove(torch.nn.Sequential(layer))


def test_oracle_reads_the_integers_of_a_layer() -> None:
    layer = IntPointwise(3, 2)
    layer.freeze(*(torch.tensor(t, dtype=torch.float32) for t in (GOOD, [7, -9], [3, 0])))
    assert [part.tolist() for part in layer_parts(layer)] == [GOOD, [7, -9], [3, 0]]
    out = run_layer(layer, np.array([[[10, 4, 0]]]))
    assert out.tolist() == [[[(10 - 8 + 7 + 4) >> 3, 991]]]
    assert SIGNED_RANGE == (-512, 511)
