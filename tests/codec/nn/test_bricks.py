"""Shared bricks: fusion of 3x3 branches, shapes and channel order of the units."""

from __future__ import annotations

import pytest
import torch

from codec.nn.activation import wsilu
from codec.nn.mobilenet import InvertedResidual
from codec.nn.pointwise import Pointwise
from codec.nn.rep_conv import RepConv, fuse_all
from codec.nn.shufflenet import ShuffleUnit, channel_shuffle


def randomised(module: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in module.parameters():
            p.copy_(torch.randn(p.shape, generator=generator) * 0.3)
    return module.requires_grad_(False)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(
    ("cin", "cout", "depthwise"), [(6, 6, True), (6, 6, False), (6, 10, False)], ids=["depthwise", "dense", "wider"]
)
def test_fused_kernel_equals_the_branches(dtype: torch.dtype, cin: int, cout: int, depthwise: bool) -> None:
    conv = randomised(RepConv(cin, cout, depthwise=depthwise)).to(dtype)
    x = torch.randn(2, cin, 9, 7, dtype=dtype, generator=torch.Generator().manual_seed(1))
    branches = conv.branches(x)
    plain = RepConv(cin, cout, depthwise=depthwise, fused=True).requires_grad_(False).to(dtype)
    plain.weight3.copy_(conv.weight3)
    plain.bias.copy_(conv.bias)
    assert not torch.allclose(branches, plain(x), atol=1e-2)  # the small branches do something
    torch.testing.assert_close(conv(x), branches, atol=1e-5, rtol=1e-5)
    conv.fuse()
    assert conv.fused
    assert [name for name, _ in conv.named_parameters()] == ["weight3", "bias"]
    torch.testing.assert_close(conv(x), branches, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(conv.branches(x), branches, atol=1e-5, rtol=1e-5)


def test_every_branch_is_trained() -> None:
    conv = RepConv(4, 4)
    conv(torch.randn(1, 4, 5, 5)).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.abs().sum() > 0) for p in conv.parameters())


@pytest.mark.parametrize(
    "unit",
    [InvertedResidual(8, 3), ShuffleUnit(8), ShuffleUnit(8, dense=True)],
    ids=["inverted residual", "shuffle", "shuffle dense"],
)
def test_units_keep_shapes_and_survive_fusion(unit: torch.nn.Module) -> None:
    randomised(unit)
    x = torch.randn(2, 8, 5, 6, generator=torch.Generator().manual_seed(2))
    before = unit(x)
    assert before.shape == x.shape
    assert fuse_all(unit) is unit
    assert not any(name.endswith(("weight1", "identity")) for name, _ in unit.named_parameters())
    torch.testing.assert_close(unit(x), before, atol=1e-5, rtol=1e-5)
    fuse_all(unit)  # a second time changes nothing
    torch.testing.assert_close(unit(x), before, atol=1e-5, rtol=1e-5)


def test_shuffle_unit_passes_one_half_untouched_and_interleaves() -> None:
    x = torch.randn(1, 8, 3, 3)
    out = ShuffleUnit(8)(x)
    torch.testing.assert_close(out[:, 0::2], x[:, :4])
    assert channel_shuffle(torch.zeros(1, 2, 1, 1), torch.ones(1, 2, 1, 1)).flatten().tolist() == [0, 1, 0, 1]


def test_pointwise_is_a_1x1_convolution_and_may_start_at_zero() -> None:
    layer = randomised(Pointwise(5, 3))
    x = torch.randn(2, 5, 4, 6)
    expected = torch.nn.functional.conv2d(x, layer.weight[:, :, None, None], layer.bias)
    torch.testing.assert_close(layer(x), expected)
    assert not Pointwise(5, 3, zero=True)(x).any()
    assert not RepConv(5, 3, zero=True)(x).any()


def test_wsilu_is_x_times_sigmoid_of_4x() -> None:
    x = torch.linspace(-5, 5, 101, dtype=torch.float64)
    torch.testing.assert_close(wsilu(x), x * torch.sigmoid(4 * x))
