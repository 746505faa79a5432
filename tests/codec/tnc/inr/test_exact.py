"""Probability tables are the same bit for bit, whatever carries the integers, in which layout, on how many threads."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch

from codec.integer.layers import SIGNED_RANGE, WEIGHT_MAX
from codec.tnc.inr.base import InrBase, network_with
from codec.tnc.inr.delta import apply_deltas
from codec.tnc.inr.layers import BIAS_MAX, INPUT_MAX, MAX_INPUTS, integer_product
from codec.tnc.inr.weights import BlockBases
from tests.codec.tnc.inr.samples import QPS16, random_delta, random_latents

SIZE = (40, 56)


def columns_first(x: torch.Tensor) -> torch.Tensor:
    """The same values, columns next to each other in memory."""
    return x.mT.contiguous().mT


def every_second(x: torch.Tensor) -> torch.Tensor:
    """The same values as a view with gaps."""
    return torch.stack((x, torch.full_like(x, 99.0)), -1)[..., 0]


LAYOUTS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "rows": torch.Tensor.contiguous, "columns": columns_first, "gaps": every_second,
}  # fmt: skip


@pytest.fixture(params=[1, 4], ids=["1 thread", "4 threads"])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_layer_equals_int64_at_its_limits(dtype: torch.dtype, layout: str, threads: int) -> None:
    rng = np.random.default_rng(5)
    x = rng.choice([-1023, -INPUT_MAX, -1, 0, 3, INPUT_MAX, 1023], (3, MAX_INPUTS, 500))
    weight = rng.choice([-WEIGHT_MAX, WEIGHT_MAX, 5], (3, 24, MAX_INPUTS), p=[0.3, 0.6, 0.1])
    x[:, :, 0], weight[:, 0] = 1023, WEIGHT_MAX  # the largest sum there is
    bias = rng.integers(-BIAS_MAX, BIAS_MAX, (3, 24), endpoint=True)
    shift = rng.integers(0, 12, (3, 24), endpoint=True)
    half = np.where(shift > 0, 1 << np.maximum(shift - 1, 0), 0)
    total = weight @ x + bias[..., None]
    assert total.max() > 2**23
    expected = np.clip((total + half[..., None]) >> shift[..., None], *SIGNED_RANGE)
    given = LAYOUTS[layout](torch.from_numpy(x).to(dtype))
    tensors = [torch.from_numpy(part).to(dtype) for part in (weight, bias, shift)]
    out = integer_product(given, *tensors, SIGNED_RANGE)
    np.testing.assert_array_equal(out.long().numpy(), expected)
    for block in range(3):  # alone
        alone = integer_product(given[block : block + 1], *(t[block : block + 1] for t in tensors), SIGNED_RANGE)
        assert torch.equal(alone[0], out[block])


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_tables_of_a_whole_block_are_the_same(base: InrBase, dtype: torch.dtype, layout: str, threads: int) -> None:
    qps16 = list(QPS16[:2])
    weights = apply_deltas(BlockBases.of(base, qps16), [[random_delta(base.config, 1)], [random_delta(base.config, 2)]])
    q = [[torch.floor(grid + 0.5) for grid in random_latents(base.config, SIZE, i)] for i in range(2)]

    def tables(blocks: list[int], dtype: torch.dtype, layout: str) -> list[tuple[torch.Tensor, torch.Tensor]]:
        net = network_with(base.config, {name: value[blocks] for name, value in weights.items()}).to(dtype)
        grids = [torch.stack([q[i][g] for i in blocks]).to(dtype) for g in range(base.config.grids)]
        with torch.no_grad():
            return net.predict([LAYOUTS[layout](grid) for grid in grids])

    torch.set_num_threads(1)
    expected = tables([0, 1], torch.float32, "rows")
    torch.set_num_threads(threads)
    for blocks in ([0, 1], [1]):
        for pair, other in zip(expected, tables(blocks, dtype, layout), strict=True):
            for here, there in zip(pair, other, strict=True):
                assert torch.equal(here[blocks].double(), there.double())
