"""Training of the bases of over-fitting, in seconds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from codec.errors import ModelError
from codec.tnc.inr import FitOptions, fit_blocks
from codec.tnc.inr.base import load_base
from codec.tnc.inr.config import InrConfig
from codec.training.data import PREPARED, CropSource
from codec.training.inr_analysis import train_analysis
from codec.training.inr_base import BASE_QPS, InrTrainer, InrTrainOptions, start_network
from codec.training.inr_session import export_inr, make_pool, start_inr_session
from tests.golden.make_golden import synthetic

OPTIONS = InrTrainOptions(minutes=0.05, crops=2)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    return torch.from_numpy(np.stack([synthetic(512, 512, grey=False, seed=s).rgb for s in (1, 2)]))


def trainer(pictures: torch.Tensor, qps: tuple[float, ...] = (32.0,)) -> InrTrainer:
    torch.manual_seed(1)
    pool = make_pool(pictures, 4, torch.Generator().manual_seed(1))
    return InrTrainer(start_network(InrConfig(), qps), qps, pool, OPTIONS)


def test_steps_lower_j_and_every_crop_has_its_turn(pictures: torch.Tensor) -> None:
    run = trainer(pictures)
    before = run.evaluate()["eval_j_qp32"]
    for i in range(30):
        run.step(i / 30)
    assert run.evaluate()["eval_j_qp32"] < 0.7 * before
    assert run.visits.tolist() == [15, 15, 15, 15]
    assert all(float(grid.abs().max()) > 0 for grid in run.latents[:4])


def test_a_resumed_run_goes_on_where_it_was(pictures: torch.Tensor, tmp_path: Path) -> None:
    first, second = trainer(pictures), trainer(pictures)
    for i in range(4):
        first.step(i / 8)
    first.save(tmp_path / "c.pt")
    second.load(tmp_path / "c.pt")
    assert second.step_count == 4
    assert torch.equal(first.latents[0], second.latents[0])
    with pytest.raises(ModelError, match="fit"):
        trainer(pictures, (20.0, 30.0)).load(tmp_path / "c.pt")


def test_spreading_keeps_the_pictures(pictures: torch.Tensor) -> None:
    run = trainer(pictures)
    for i in range(20):
        run.step(i / 20)
    run.spread((26.0, 32.0, 38.0))
    chosen = torch.arange(2)
    q = [grid[chosen].flatten(0, 1) for grid in run.latents]
    _, mse = run._costs(run.net, q, run._pictures(chosen))
    torch.testing.assert_close(mse[:, 0], mse[:, 1], rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(mse[:, 2], mse[:, 1], rtol=1e-3, atol=1e-3)


def test_session_export_start_and_fit(pictures: torch.Tensor, tmp_path: Path) -> None:
    cache, rows = tmp_path / "cache", []
    cache.mkdir()
    np.save(cache / PREPARED[0], pictures.numpy())
    device = torch.device("cpu")
    start_inr_session(OPTIONS, cache, tmp_path / "one", pool=4, device=device, report=rows.append)
    run = start_inr_session(
        OPTIONS, cache, tmp_path / "five", pool=4, device=device, start=tmp_path / "one" / "checkpoint.pt"
    )
    assert run.qps == BASE_QPS
    assert rows[-1]["step"] > 0
    base_id = export_inr(tmp_path / "five" / "checkpoint.pt", tmp_path / "bases.safetensors")
    source = CropSource(pictures, 64, 64, torch.Generator().manual_seed(1))
    train_analysis(tmp_path / "bases.safetensors", tmp_path / "full.safetensors", source, 0.03)
    base = load_base(tmp_path / "full.safetensors")
    assert base.base_id.hex() == base_id
    assert base.analysis is not None
    target = pictures[0, :64, :64].permute(2, 0, 1).float() / 255 - 0.5
    fits = fit_blocks([target], [32.0], [None], FitOptions(iterations=2, threads=1), base=base)
    assert sum(cost for part, cost in fits.blocks[0].bits.items() if part.startswith("latents")) > 0
