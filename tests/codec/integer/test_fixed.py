import copy

import pytest
import torch

from codec.errors import ModelError
from codec.integer.fixed import ACTIVATION_EXPONENT, FixedLayer, look_up, shift_down, wsilu_table


def as_int64(layer: torch.nn.Module) -> torch.nn.Module:
    """A copy whose integers are carried in int64: the oracle."""
    other = copy.deepcopy(layer)
    for module in other.modules():
        for name, value in list(module._buffers.items()):
            if value is not None and value.dtype == torch.float64:
                module._buffers[name] = value.to(torch.int64)
    return other


@pytest.mark.parametrize(("taps", "depthwise"), [(1, False), (9, False), (9, True)])
def test_float64_equals_int64(taps: int, depthwise: bool) -> None:
    torch.manual_seed(0)
    layer = FixedLayer(6, 6, taps=taps, depthwise=depthwise)
    shape = (6, 6) if taps == 1 else (6, 1 if depthwise else 6, 3, 3)
    layer.from_float(torch.randn(shape) * 0.7, torch.randn(6))
    x = torch.randint(-32768, 32768, (7, 5, 6))
    assert torch.equal(layer(x.double()).long(), as_int64(layer)(x))


def test_close_to_float_convolution() -> None:
    torch.manual_seed(1)
    weight, bias = torch.randn(4, 3, 3, 3, dtype=torch.float64) * 0.3, torch.randn(4, dtype=torch.float64)
    layer = FixedLayer(3, 4, taps=9)
    layer.from_float(weight, bias)
    x = torch.randint(-4000, 4000, (9, 8, 3)).double()
    exact = torch.nn.functional.conv2d(x.permute(2, 0, 1)[None] / 2**ACTIVATION_EXPONENT, weight, bias, padding=1)
    got = layer(x).permute(2, 0, 1) / 2**ACTIVATION_EXPONENT
    assert (got - exact[0]).abs().max() < 2 / 2**ACTIVATION_EXPONENT


def test_file_form_round_trip_and_damage() -> None:
    torch.manual_seed(2)
    layer = FixedLayer(3, 4)
    layer.from_float(torch.randn(4, 3), torch.randn(4))
    again = FixedLayer(3, 4)
    again.load(layer.tensors(), "here")
    x = torch.randint(-999, 999, (2, 2, 3)).double()
    assert torch.equal(layer(x), again(x))
    weight, bias = again.dequantised()
    third = FixedLayer(3, 4)
    third.from_float(weight, bias)
    assert torch.equal(third(x), layer(x))
    broken = layer.tensors() | {"shift": torch.full((4,), 60, dtype=torch.int8)}
    with pytest.raises(ModelError, match="out of range"):
        again.load(broken, "here")
    with pytest.raises(ModelError, match="another shape"):
        FixedLayer(3, 5).load(layer.tensors(), "here")


def test_activation_table() -> None:
    table = wsilu_table()
    x = torch.tensor([-32768.0, -1024.0, 0.0, 1024.0, 32767.0], dtype=torch.float64)
    real = x / 1024 * torch.sigmoid(4 * x / 1024) * 1024
    assert (look_up(table, x) - real).abs().max() <= 0.5


def test_shift_down_rounds_half_up_in_both_types() -> None:
    x = torch.tensor([-24, -9, -8, -7, 7, 8, 9, 24])
    assert shift_down(x, 4).tolist() == shift_down(x.double(), 4).long().tolist() == [-1, -1, 0, 0, 0, 1, 1, 2]
