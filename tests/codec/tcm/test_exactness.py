"""Video networks give the same integers whatever the batch, the layout in memory, the threads and the number type.

Whole streams are compared likewise by `codec.tcm.conformance`, whose matrix `tnc conformance` prints.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from codec.conformance_set import MODEL
from codec.tcm.conformance import folder
from codec.tcm.models import FrameModel, load_file
from codec.threads import torch_threads

ROWS, COLS, BATCH = 8, 12, 3
Inputs = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def models() -> dict[torch.dtype, dict[str, FrameModel]]:
    files = {dtype: load_file(folder() / MODEL, torch.device("cpu"), dtype) for dtype in (torch.float64, torch.int64)}
    return {dtype: {"key": model.key, "inter": model.inter} for dtype, model in files.items()}


def random_inputs(model: FrameModel) -> Inputs:
    """A batch of what the networks may see, up to its bounds, in int64."""
    rng, config = torch.Generator().manual_seed(3), model.config

    def draw(low: int, high: int, *shape: int) -> torch.Tensor:
        value = torch.randint(low, high + 1, (BATCH, *shape), generator=rng)
        extreme = torch.where(torch.rand(value.shape, generator=rng) < 0.5, low, high)
        return torch.where(torch.rand(value.shape, generator=rng) < 0.2, extreme, value)

    fan_in = model.net.prior.enter.weight.shape[1] if model.net.prior is not None else 0
    return {
        "z": draw(-600, 600, ROWS // 4, COLS // 4, config.z_channels), "qp16": draw(0, 1008, ROWS, COLS),
        "prior": draw(0, 1023, ROWS, COLS, fan_in), "symbols": draw(-40, 40, ROWS, COLS, config.y_channels),
        "scaled": draw(-32768, 32767, ROWS, COLS, config.y_channels), "samples": draw(0, 1023, 384, ROWS, COLS),
    }  # fmt: skip


def outputs(model: FrameModel, inputs: Inputs) -> list[torch.Tensor]:
    """What every integer network makes of a batch; frames have no batch, so samples come picture by picture."""
    dtype = model.dtype
    with torch.inference_mode():
        known, index = model.net.hyper_decoder(inputs["z"].to(dtype), inputs["qp16"].to(dtype))
        out = [known, index]
        if model.net.prior is not None:
            out.append(model.net.prior(inputs["prior"].to(dtype)))
            known = torch.cat((known, out[-1]), dim=-1)

        def quantise(mean: torch.Tensor, index: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
            out.extend((mean, index))
            return (inputs["symbols"][..., group].to(dtype) + mean) * step

        out.append(model.net.context(known, index, quantise))
        pictures = []
        for scaled, qp16, samples in zip(inputs["scaled"], inputs["qp16"], inputs["samples"], strict=True):
            prediction = samples.to(dtype) if model.config.conditional else None
            pictures.append(model.synthesis(scaled.to(dtype), qp16, prediction, qp16 % 3 > 0))
    return [value.long() for value in (*out, torch.stack(pictures))]


def one_by_one(model: FrameModel, inputs: Inputs) -> list[torch.Tensor]:
    parts = [outputs(model, {name: value[i : i + 1] for name, value in inputs.items()}) for i in range(BATCH)]
    return [torch.cat(same) for same in zip(*parts, strict=True)]


def strided(value: torch.Tensor) -> torch.Tensor:
    """The same values, axes in another order in memory."""
    order = torch.arange(value.ndim).roll(1).tolist()
    back = [order.index(axis) for axis in range(value.ndim)]
    return value.permute(order).contiguous().permute(back)


def with_four_threads(model: FrameModel, inputs: Inputs) -> list[torch.Tensor]:
    with torch_threads(4):
        return outputs(model, inputs)


WAYS: dict[str, tuple[torch.dtype, Callable[[FrameModel, Inputs], list[torch.Tensor]]]] = {
    "one by one": (torch.float64, one_by_one),
    "four threads": (torch.float64, with_four_threads),
    "other layout": (torch.float64, lambda model, inputs: outputs(model, {n: strided(v) for n, v in inputs.items()})),
    "int64": (torch.int64, outputs),
    "int64, one by one": (torch.int64, one_by_one),
}


@pytest.mark.parametrize("kind", ["key", "inter"])
@pytest.mark.parametrize("way", WAYS)
def test_every_way_gives_the_same_integers(
    models: dict[torch.dtype, dict[str, FrameModel]], kind: str, way: str
) -> None:
    model = models[torch.float64][kind]
    inputs = random_inputs(model)
    with torch_threads(1):
        expected = outputs(model, inputs)
    dtype, run = WAYS[way]
    found = run(models[dtype][kind], inputs)
    assert len(found) == len(expected)
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
    assert all(value.unique().numel() > 20 for value in expected)
