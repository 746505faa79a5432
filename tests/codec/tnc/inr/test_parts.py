"""The pieces: differences and masks, convolution, upsampling, rate, rounding, pruning, waves, work."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch.func import functional_call

from codec.entropy.range_coder import decode_bits, encode_bits, finish, range_decoder, range_encoder
from codec.entropy.shifted_coder import shifted_bits
from codec.errors import BitstreamError
from codec.tnc.inr.base import InrBase, network_with
from codec.tnc.inr.complexity import full_kmac_per_px, kmac_per_px
from codec.tnc.inr.config import CONTEXT_OFFSETS, InrConfig
from codec.tnc.inr.conv import narrow_conv3x3
from codec.tnc.inr.delta import Delta, apply_deltas, decode_delta, delta_bits, encode_delta, no_delta
from codec.tnc.inr.mask import LotteryMask
from codec.tnc.inr.network import InrNet
from codec.tnc.inr.prune import prune
from codec.tnc.inr.quantise import noisy_round, soft_round
from codec.tnc.inr.rate import laplace_bits
from codec.tnc.inr.upsampling import BICUBIC, doubling_matrix, grid_matrices
from codec.tnc.inr.waves import waves
from codec.tnc.inr.weights import BlockBases, flatten, layers_of, unflatten, vector_size
from tests.codec.tnc.inr.samples import random_delta, random_latents

CONFIG = InrConfig()


@pytest.mark.parametrize("density", [0.0, 0.02, 0.5])
@pytest.mark.parametrize("masked", [0.0, 0.05, 0.6])
def test_changes_survive_the_coder_at_their_ideal_length(density: float, masked: float) -> None:
    delta = random_delta(CONFIG, 4, density, masked)
    coder = range_encoder()
    encode_delta(coder, CONFIG, delta)
    data = finish(coder)
    back = decode_delta(range_decoder(data), CONFIG)
    assert back.exponents == delta.exponents
    np.testing.assert_array_equal(back.differences, delta.differences)
    np.testing.assert_array_equal(back.masked, delta.masked)
    assert 8 * len(data) == pytest.approx(sum(delta_bits(CONFIG, delta).values()), abs=40, rel=0.02)


def test_no_change_costs_nothing_and_many_cost_more() -> None:
    assert delta_bits(CONFIG, no_delta(CONFIG)) == {}
    few, many = (sum(delta_bits(CONFIG, random_delta(CONFIG, 1, d, 0.0)).values()) for d in (0.02, 0.3))
    assert 100 < few < many / 3


def test_damaged_levels_are_refused() -> None:
    rng = np.random.default_rng(0)
    refused = 0
    for _ in range(40):
        try:
            decode_delta(range_decoder(rng.bytes(60)), CONFIG)
        except BitstreamError:
            refused += 1
    assert refused > 0


@pytest.mark.parametrize("level", range(1, 16))
def test_biased_bits(level: int) -> None:
    bits = np.random.default_rng(level).random(500) < level / 16
    coder = range_encoder()
    encode_bits(coder, bits, level)
    np.testing.assert_array_equal(decode_bits(range_decoder(finish(coder)), 500, level), bits)
    assert not decode_bits(range_decoder(b""), 7, 0).any()


def test_masked_weights_are_zero_and_clamped_ones_stay_in_range(base: InrBase) -> None:
    bases = BlockBases.of(base, [512])
    size = vector_size(base.config)
    extreme = Delta((15, 15, 0, 0), np.full(size, 30000, np.int32), np.zeros(size, bool))
    half = random_delta(base.config, 3, 0.0, 0.5)
    weights = apply_deltas(bases, [[extreme, half]])
    vector = flatten(base.config, weights)[0]
    assert not vector[torch.from_numpy(half.masked)].any()
    assert float(weights["log_steps"].max()) <= 6.0
    for layer in layers_of(base.config):
        if layer.kind < 2:
            name = layer.tensors[0].name
            scale = weights[name.replace(".weight", ".scale")]
            integers = weights[name] * torch.exp2(scale)[..., None]
            assert float(integers.abs().max()) == 127
            assert torch.equal(integers, integers.round())


def test_the_vector_holds_every_parameter_once(base: InrBase) -> None:
    net = InrNet(base.config, 1)
    weights = {name: torch.randn(2, *p.shape[1:]) for name, p in net.named_parameters()}
    vector = flatten(base.config, weights)
    assert vector.shape == (2, sum(p[0].numel() for p in net.parameters()))
    for name, value in unflatten(base.config, vector).items():
        assert torch.equal(value, weights[name])


def test_pruning_changes_nothing_but_the_work(base: InrBase) -> None:
    delta = random_delta(base.config, 8, 0.1, 0.0)
    masked = delta.masked.copy()
    for layer in layers_of(base.config):  # rows of hidden layers, as a mask of whole units
        if layer.tensors[0].name in ("context.first.weight", "synthesis.second", "features.same.hidden.weight"):
            rows = masked[layer.weights].reshape(layer.tensors[0].shape)
            rows[::2] = True
            masked[layer.weights] = rows.ravel()
            biases = layer.whole.stop - layer.weights.stop
            masked[layer.weights.stop : layer.whole.stop] = np.tile(
                np.arange(biases // rows.shape[0] * rows.shape[0]) % rows.shape[0] % 2 == 0, 1
            )
    delta = Delta(delta.exponents, np.where(masked, 0, delta.differences).astype(np.int32), masked)
    bases = BlockBases.of(base, [512])
    weights = apply_deltas(bases, [[delta]])
    fewer = prune(weights)
    assert fewer["context.first.weight"].shape[1] <= weights["context.first.weight"].shape[1] // 2
    q = [torch.floor(grid + 0.5)[None] for grid in random_latents(base.config, (64, 48), 1)]
    net, step = InrNet(base.config, 1), torch.ones(1)
    full, pruned = (functional_call(net, w, (q, step)) for w in (weights, fewer))
    for (mean, index), (mean_p, index_p) in zip(full[0], pruned[0], strict=True):
        assert torch.equal(mean, mean_p)
        assert torch.equal(index, index_p)
    torch.testing.assert_close(full[1], pruned[1])
    nothing = [False] * base.config.grids
    assert sum(kmac_per_px(bases, [delta], nothing, (64, 48)).values()) < 0.9 * full_kmac_per_px(bases, (64, 48))


def test_work_is_between_one_and_three_kmac_and_less_without_grids(base: InrBase) -> None:
    bases = BlockBases.of(base, [512])
    full = kmac_per_px(bases, [], [False] * base.config.grids, (192, 256))
    bare = kmac_per_px(bases, [], [True] * base.config.grids, (192, 256))
    assert 1.0 < sum(full.values()) < 3.0
    assert bare["context"] == 0.0
    assert bare["synthesis"] == full["synthesis"] > 0


def test_narrow_convolution_is_a_convolution() -> None:
    torch.manual_seed(1)
    x = torch.randn(2, 5, 7, 6, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(2, 9, 3, 5, dtype=torch.float64, requires_grad=True)
    kernel = weight.permute(0, 2, 3, 1).reshape(6, 5, 3, 3)
    expected = F.conv2d(x.reshape(1, 10, 7, 6), kernel, padding=1, groups=2).view(2, 3, 7, 6)
    torch.testing.assert_close(narrow_conv3x3(x, weight), expected)
    assert torch.autograd.gradcheck(narrow_conv3x3, (x, weight))


def test_bits_of_the_training_follow_the_tables() -> None:
    q = np.arange(-20, 21)[:, None, None]
    mean16 = np.array([-100, -7, 0, 24, 90])[None, :, None]
    index = np.arange(4, 48, 6)[None, None, :]
    q, mean16, index = np.broadcast_arrays(q, mean16, index)
    exact = shifted_bits(q, mean16, index)
    residual, scale = torch.tensor(q - mean16 / 16.0, dtype=torch.float64), torch.tensor(index, dtype=torch.float64)
    smooth = laplace_bits(residual, scale)
    likely = exact < 8
    np.testing.assert_allclose(smooth.numpy()[likely], exact[likely], rtol=0.03, atol=0.03)


def test_gradients_of_the_bits() -> None:
    residual = torch.tensor([-3.2, -0.51, -0.2, 0.0, 0.3, 0.7, 5.0], dtype=torch.float64, requires_grad=True)
    index = torch.tensor([10.3, 20.0, 30.1, 12.0, 3.0, 40.0, 25.0], dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(laplace_bits, (residual, index), eps=1e-6, atol=1e-4)


def test_rounding_goes_from_soft_to_hard() -> None:
    x = torch.linspace(-2, 2, 81)
    torch.testing.assert_close(soft_round(x, 20.0), x, atol=1e-3, rtol=0)
    away = (x - x.floor() - 0.5).abs() > 0.1
    torch.testing.assert_close(soft_round(x, 0.02)[away], torch.round(x)[away], atol=1e-3, rtol=0)
    hard = noisy_round(x.requires_grad_(), 0.0, 0.3)
    assert torch.equal(hard, torch.floor(x + 0.5))
    hard.sum().backward()
    assert torch.equal(x.grad, torch.ones(81))
    rows = x.detach().view(1, -1).repeat(2, 1)
    both = noisy_round(rows, 0.3, 0.2, [torch.Generator().manual_seed(seed) for seed in (1, 2)])
    assert not torch.equal(both[0], both[1])
    assert torch.equal(noisy_round(rows[1:], 0.3, 0.2, [torch.Generator().manual_seed(2)])[0], both[1])


@pytest.mark.parametrize("size", [1, 2, 5, 64, 67])
def test_upsampling_keeps_constants_and_follows_its_formula(size: int) -> None:
    taps = torch.tensor([BICUBIC])
    matrix = doubling_matrix(taps, size)[0]
    assert matrix.shape == (size, -(-size // 2))
    torch.testing.assert_close(matrix.sum(1), torch.ones(size))
    x = torch.arange(-(-size // 2), dtype=torch.float32) ** 2
    t = BICUBIC
    for o in range(size):
        i = o // 2
        taken = [x[min(max(i + k, 0), len(x) - 1)] for k in ((-1, 0, 1, 2) if o % 2 else (-2, -1, 0, 1))]
        expected = sum(a * b for a, b in zip(t[::-1] if o % 2 else t, taken, strict=True))
        assert float(matrix[o] @ x) == pytest.approx(float(expected), rel=1e-5, abs=1e-5)


def test_chains_of_doublings_lead_to_every_grid() -> None:
    matrices = grid_matrices(torch.tensor([[BICUBIC] * 3]), 21)
    assert [m.shape for m in matrices] == [(1, 21, 11), (1, 21, 6), (1, 21, 3)]


@pytest.mark.parametrize("grid", [(1, 1), (1, 9), (7, 1), (5, 8)])
def test_a_wave_needs_earlier_waves_only(grid: tuple[int, int]) -> None:
    rows, cols = grid
    order, sizes = waves(rows, cols)
    assert sorted(order.tolist()) == list(range(rows * cols))
    number = np.repeat(np.arange(len(sizes)), sizes)
    when = np.empty(rows * cols, int)
    when[order] = number
    when = when.reshape(grid)
    for r in range(rows):
        for c in range(cols):
            for dy, dx in CONTEXT_OFFSETS:
                if r + dy >= 0 and 0 <= c + dx < cols:
                    assert when[r + dy, c + dx] < when[r, c]


def test_mask_keeps_the_best_share_of_every_layer(base: InrBase) -> None:
    bases = BlockBases.of(base, [512, 600])
    mask = LotteryMask(base.config, bases.values, 0.75)
    alive = mask.alive([0, 1], mask.scores)
    hard = alive.detach()
    for layer in layers_of(base.config):
        if layer.maskable:
            count = layer.tensors[0].size
            assert hard[:, layer.weights].sum(1).tolist() == [round(0.75 * count)] * 2
        biases = hard[:, layer.weights.stop : layer.whole.stop]
        assert torch.equal(biases, torch.ones_like(biases))
    (alive * torch.arange(alive.shape[1])).sum().backward()
    assert mask.scores.grad is not None
    assert float(mask.scores.grad.abs().sum()) > 0
    none = LotteryMask(base.config, bases.values, 1.0)
    assert none.alive([0], None) is None
    assert not none.masked(0).any()


def test_networks_of_all_blocks_at_once_are_those_of_each_alone(base: InrBase) -> None:
    qps16 = [320, 512, 700]
    bases = BlockBases.of(base, qps16)
    net = network_with(base.config, bases.weights(bases.values))
    q = [[torch.floor(g + 0.5) for g in random_latents(base.config, (40, 56), i)] for i in range(3)]
    together = net.predict([torch.stack([q[i][g] for i in range(3)]) for g in range(base.config.grids)])
    for i in range(3):
        one = bases.pick([i])
        alone = network_with(base.config, one.weights(one.values)).predict([g[None] for g in q[i]])
        for (mean, index), (mean_i, index_i) in zip(together, alone, strict=True):
            assert torch.equal(mean[i], mean_i[0])
            assert torch.equal(index[i], index_i[0])


def test_huge_differences_that_cancel_leave_the_base(base: InrBase) -> None:
    """Shared and own changes add up exactly, whatever their units: a decoder in integers sees the same weights."""
    bases = BlockBases.of(base, [480])
    size = vector_size(base.config)
    coarse = Delta((15, 15, 0, 0), np.full(size, 2**14, np.int32), np.zeros(size, bool))
    fine = Delta((14, 14, 1, 1), np.full(size, -(2**15), np.int32), np.zeros(size, bool))
    weights = apply_deltas(bases, [[coarse, fine]])
    for name, plain in bases.weights(bases.values).items():
        torch.testing.assert_close(weights[name], plain, rtol=0, atol=0)
