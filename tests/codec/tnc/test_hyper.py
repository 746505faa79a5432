"""The integer hyper decoder: the same table indices however it is run."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from codec.entropy import N_SCALES, SCALES
from codec.integer.layers import IntLayer
from codec.integer.oracle import run_layer
from codec.integer.proof import prove
from codec.tnc.config import SMALL, TINY, ModelConfig
from codec.tnc.hyper import HyperDecoder, HyperPrior, index_of_scale, qp_index_table, round_index, scale_of_index

DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
WAYS = [
    (device, dtype, threads)
    for device in DEVICES
    for dtype in (torch.float32, torch.float64, torch.int64)
    for threads in (1, 4)
    if (device, dtype) != ("cuda", torch.int64)  # int64 matrix products exist on CPU only
]


def decoder(config: ModelConfig, dtype: torch.dtype = torch.float32, device: str = "cpu") -> HyperDecoder:
    """A random network whose indices spread over the whole range."""
    torch.manual_seed(11)
    net = HyperDecoder(config)
    with torch.no_grad():
        for layer in net.modules():
            if isinstance(layer, IntLayer):
                layer.bias.normal_(0, 1)
        net.index16.weight.mul_(3)
        net.index16.bias.uniform_(0, 50)
    prove(net)
    for layer in net.modules():
        if isinstance(layer, IntLayer):
            layer.convert(dtype, device)
    return net.to(device).requires_grad_(False)


def side_information(config: ModelConfig, batch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Symbols of z, some far beyond what the network takes, and a QP map over the whole range."""
    generator = torch.Generator().manual_seed(7)
    z = torch.randint(-40, 41, (batch, 3, 4, config.z_channels), generator=generator)
    far = torch.rand(z.shape, generator=generator) < 0.01
    return torch.where(far, z * 700, z), torch.randint(0, 1009, (batch, 12, 16), generator=generator)


def by_oracle(net: HyperDecoder, z: torch.Tensor, qp16: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """The same network in NumPy int64, written from the description of the format."""

    def shuffle(x: np.ndarray) -> np.ndarray:
        height, width, channels = x.shape
        x = x.reshape(height, width, 2, 2, channels // 4)
        return x.transpose(0, 2, 1, 3, 4).reshape(2 * height, 2 * width, channels // 4)

    features, indices = [], []
    for symbols, qp in zip(z.numpy(), qp16.numpy(), strict=True):
        x = shuffle(run_layer(net.up32, np.clip(symbols, -512, 511)))
        x = shuffle(run_layer(net.up16, run_layer(net.spatial32, x)))
        x = run_layer(net.spatial16, x)
        x = run_layer(net.mix16, np.concatenate([x, np.clip(qp - 512, -512, 511)[..., None]], -1))
        features.append(x)
        index = run_layer(net.index16, x) + qp_index_table().numpy()[qp][..., None]
        indices.append(np.clip((index + 8) >> 4, 0, 63))
    return np.stack(features), np.stack(indices)


@pytest.fixture(scope="module", params=[TINY, SMALL], ids=lambda config: config.name)
def expected(request: pytest.FixtureRequest) -> tuple[ModelConfig, np.ndarray, np.ndarray]:
    config: ModelConfig = request.param
    z, qp16 = side_information(config, 16)
    features, indices = by_oracle(decoder(config), z, qp16)
    assert len(np.unique(indices)) > 50
    assert len(np.unique(features)) > 200
    return config, features, indices


@pytest.mark.parametrize(("device", "dtype", "threads"), WAYS, ids=str)
def test_table_indices_are_the_same_in_every_way(expected, device: str, dtype: torch.dtype, threads: int) -> None:
    config, want_features, want_indices = expected
    torch.set_num_threads(threads)
    net = decoder(config, dtype, device)
    z, qp16 = side_information(config, 16)
    z, qp16 = z.to(device, dtype), qp16.to(device, dtype)
    for batch in (1, 16):
        channels_first = z.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)  # NCHW memory, same values
        mirrored = z.flip(2).contiguous().flip(2)
        for x in (z, channels_first, mirrored):
            features, index16 = net(x[:batch], qp16[:batch])
            assert features.dtype == dtype
            np.testing.assert_array_equal(features.cpu().double().numpy(), want_features[:batch])
            np.testing.assert_array_equal(round_index(index16).cpu().numpy(), want_indices[:batch])


def test_training_sees_the_same_indices() -> None:
    torch.manual_seed(1)
    net = HyperDecoder(TINY)
    z, qp16 = side_information(TINY, 2)
    trained = net(z.float().requires_grad_(), qp16.float())
    for layer in net.modules():
        if isinstance(layer, IntLayer):
            layer.convert(torch.int64)
    for a, b in zip(trained, net(z, qp16), strict=True):
        assert torch.equal(a.detach().long(), b)


def test_index_rounds_half_up_and_stays_in_range() -> None:
    fractional = torch.tensor([-2048.0, -9, -8, 7, 8, 23, 24, 1007, 1008, 2047])
    expected = [0, 0, 0, 0, 1, 1, 2, 63, 63, 63]
    for dtype in (torch.float32, torch.float64, torch.int64):
        assert round_index(fractional.to(dtype)).tolist() == expected


def test_qp_table_follows_the_step_size() -> None:
    table = qp_index_table()
    assert table.shape == (1024,)
    assert table[512] == 0
    assert (table.diff() <= 0).all()
    # Six QPs double the step, so the scale of the gained latents halves.
    halved = index_of_scale(torch.tensor(1.0)) - index_of_scale(torch.tensor(2.0))
    assert int(table[608]) == round(float(halved) * 16)


def test_scales_of_networks_are_those_of_the_tables() -> None:
    np.testing.assert_allclose(scale_of_index(torch.arange(64.0, dtype=torch.float64)).numpy(), SCALES, rtol=1e-9)
    assert float(index_of_scale(torch.tensor(SCALES[17]))) == pytest.approx(17)


def test_prior_exports_indices_that_are_coded() -> None:
    prior = HyperPrior(5)
    with torch.no_grad():
        prior.log_scale.copy_(torch.linspace(-9, 9, prior.log_scale.numel()).view_as(prior.log_scale))
    table = prior.table()
    assert table.shape == (64, 5)
    assert table.min() == 1  # never the skip table
    assert table.max() == N_SCALES - 1
