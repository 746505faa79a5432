"""Training: a few real steps of the tiny model, resume, export, and the split of the data."""

from __future__ import annotations

import csv
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from codec.errors import Cancelled, InputError, ModelError
from codec.integer.layers import IntLayer
from codec.jobs import CancelToken
from codec.resources import resource
from codec.tnc.config import TINY
from codec.tnc.hyper import round_index
from codec.tnc.model import TncModel
from codec.tnc.models import load_file
from codec.training.checkpoint import load_checkpoint
from codec.training.data import PREPARED, CropSource, load_pictures, prepare, source_split
from codec.training.evaluate import estimate
from codec.training.export import export_checkpoint, model_of_checkpoint
from codec.training.loop import Trainer, TrainOptions, split_parameters
from codec.training.muon import orthogonalise
from codec.training.session import start_session
from codec.training.stages import QP_TRAIN_MAX, QP_TRAIN_MIN, rate_distortion_cost, sample_conditions
from tests.golden.make_golden import synthetic

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Synthetic pictures of the size of training crops, `(4, 512, 512, 3)` uint8."""
    return torch.from_numpy(np.stack([synthetic(512, 512, grey=False, seed=seed).rgb for seed in range(4)]))


def trainer(pictures: torch.Tensor, *, stage: int = 2, seed: int = 1) -> Trainer:
    torch.manual_seed(seed)
    source = CropSource(pictures, 128, 192, torch.Generator().manual_seed(seed))
    model = TncModel(TINY)
    model.start_from_dct(source.batch(4))
    return Trainer(model, source, TrainOptions(stage=stage, batch=2, warmup=2))


@pytest.mark.parametrize("stage", [1, 2])
def test_steps_change_the_weights_and_stay_finite(pictures: torch.Tensor, stage: int) -> None:
    run = trainer(pictures, stage=stage)
    before = {name: value.clone() for name, value in run.model.state_dict().items()}
    for _ in range(3):
        figures = run.step(0.0)
        assert all(math.isfinite(value) for value in figures.values())
        assert figures["bpp"] > 0
        assert figures["mse"] > 0
    assert run.step_count == 3
    moved = {
        name.split(".")[0] for name, value in run.model.state_dict().items() if not torch.equal(before[name], value)
    }
    assert {"analysis", "synthesis", "hyper_analysis", "hyper_decoder", "context", "gains", "hyper_prior"} <= moved


def test_a_checkpoint_resumes_where_it_stopped(pictures: torch.Tensor, tmp_path: Path) -> None:
    first = trainer(pictures)
    first.step(0.0)
    first.save(tmp_path / "c.pt")
    second = trainer(pictures, seed=9)
    second.load(tmp_path / "c.pt")
    assert (second.step_count, second.seconds) == (first.step_count, first.seconds)
    for name, value in first.model.state_dict().items():
        assert torch.equal(value, second.model.state_dict()[name])
        assert torch.equal(first.average[name], second.average[name])
    # The same crops, conditions and noise then give the same step.
    for run in (first, second):
        run.source.generator.manual_seed(5)
        run.generator.manual_seed(6)
        torch.manual_seed(7)
        run.step(0.0)
    for name, value in first.model.state_dict().items():
        torch.testing.assert_close(value, second.model.state_dict()[name])


def test_a_checkpoint_that_does_not_fit_is_one_error(pictures: torch.Tensor, tmp_path: Path) -> None:
    files = {
        name: tmp_path / f"{name}.pt" for name in ("other", "list", "missing", "picture", "empty", "cut", "foreign")
    }
    run = trainer(pictures)
    run.save(files["cut"])
    state = torch.load(files["cut"], weights_only=True)
    files["cut"].write_bytes(files["cut"].read_bytes()[:5000])
    torch.save(state | {"model": {}, "average": {}}, files["foreign"])
    torch.save({"model": {}, "step": 1}, files["other"])
    torch.save([1], files["list"])
    files["picture"].write_bytes(resource("samples/street.png").read_bytes()[:1000])
    files["empty"].touch()
    for name, path in files.items():
        with pytest.raises(ModelError, match="does not fit" if name == "foreign" else "not a checkpoint") as refusal:
            run.load(path)
        assert "\n" not in str(refusal.value)
        with pytest.raises(ModelError, match="not a checkpoint") as refusal:
            model_of_checkpoint(path)
        assert "\n" not in str(refusal.value)


def test_a_stopped_run_is_saved_and_not_evaluated(pictures: torch.Tensor, tmp_path: Path) -> None:
    run = trainer(pictures)
    rows: list[dict[str, float]] = []

    def evaluate(model: TncModel) -> dict[str, float]:
        raise AssertionError("evaluated")

    run.run(tmp_path / "c.pt", rows.append, evaluate=evaluate, stop=lambda: run.step_count >= 1)
    assert [row["step"] for row in rows] == [1]
    assert load_checkpoint(tmp_path / "c.pt")["step"] == 1


def test_a_cancelled_session_keeps_its_checkpoint(pictures: torch.Tensor, tmp_path: Path) -> None:
    for name in PREPARED:
        np.save(tmp_path / name, pictures[:1].numpy())
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        start_session(
            "tiny", TrainOptions(batch=1), tmp_path, tmp_path / "run", crop_px=(64, 64), device=CPU, cancel=cancel
        )
    assert load_checkpoint(tmp_path / "run" / "checkpoint.pt")["step"] == 0
    assert (tmp_path / "run" / "log.jsonl").read_text().count("\n") == 1
    with pytest.raises(InputError, match="train"):
        start_session("tiny", TrainOptions(), tmp_path, tmp_path / PREPARED[0], crop_px=(64, 64), device=CPU)


def test_the_exported_integer_network_is_the_trained_one(pictures: torch.Tensor, tmp_path: Path) -> None:
    run = trainer(pictures)
    for _ in range(3):
        run.step(0.0)
    run.save(tmp_path / "c.pt")
    ids = export_checkpoint(tmp_path / "c.pt", tmp_path / "m.safetensors")
    loaded = load_file(tmp_path / "m.safetensors", CPU, torch.int64)
    assert (loaded.entropy_id.hex(), loaded.synthesis_id.hex()) == ids
    trained = model_of_checkpoint(tmp_path / "c.pt")
    assert not torch.equal(trained.hyper_decoder.up32.weight, run.model.hyper_decoder.up32.weight)  # averaged
    generator = torch.Generator().manual_seed(3)
    z = torch.randint(-9, 10, (2, 2, 3, TINY.z_channels), generator=generator)
    qp16 = torch.randint(0, 1009, (2, 8, 12), generator=generator)
    features, index16 = trained.hyper_decoder(z.float(), qp16.float())
    exported_features, exported_index16 = loaded.net.hyper_decoder(z, qp16)
    assert torch.equal(features.long(), exported_features)
    assert torch.equal(index16.long(), exported_index16)
    assert torch.equal(round_index(index16.detach()), round_index(exported_index16))
    assert len(exported_index16.unique()) > 20
    symbols = torch.randint(-70, 71, (2, 8, 12, TINY.y_channels), generator=generator)
    seen, exported_seen = trained.context.seen(symbols.float()), loaded.net.context.seen(symbols).long()
    assert torch.equal(seen.long(), exported_seen)
    for ours, theirs in zip(trained.context.scales, loaded.net.context.scales, strict=True):
        decoded = ours.enter.weight.shape[1] - TINY.hyper_width
        change = ours(torch.cat((features, seen[..., :decoded]), dim=-1))
        exported_change = theirs(torch.cat((exported_features, exported_seen[..., :decoded]), dim=-1))
        assert torch.equal(change.long(), exported_change)
        assert exported_change.any()
    for layer in loaded.net.modules():
        assert not isinstance(layer, IntLayer) or layer.frozen is not None
    assert np.array_equal(loaded.z_table % 64, trained.hyper_prior.table().numpy())


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_rounding_towards_rate_is_that_of_effort_1(pictures: torch.Tensor, share: float) -> None:
    """It takes bits from the batch and adds error; the share of the steps that do it is the option's."""
    nearest, asked = trainer(pictures), trainer(pictures)
    asked.options = replace(asked.options, towards_rate=share)
    costs = []
    for run in (nearest, asked):
        run.options = replace(run.options, hard_rate=True)  # no noise in the figures
        costs.append(run.cost())
    assert (costs[1].bpp < 0.9995 * costs[0].bpp) == (share == 1)
    assert (costs[1].mse_8bit > 1.00001 * costs[0].mse_8bit) == (share == 1)


def test_absent_positions_count_for_nothing() -> None:
    torch.manual_seed(0)
    model = TncModel(TINY)
    x = torch.rand(2, 3, 128, 128) - 0.5
    conditions = sample_conditions(1, 2, 8, 8, torch.Generator().manual_seed(0))
    conditions.absent = torch.zeros(2, 8, 8, dtype=torch.bool)
    conditions.absent[:, 2:5, 3:7] = True
    with torch.no_grad():
        result = model(x, conditions.qp_map, conditions.base_qp, conditions.absent)
    hidden = conditions.absent[:, None].expand_as(result.y_bits)
    assert not result.y_bits[hidden].any()
    assert bool((result.y_bits[~hidden] > 0).all())
    cost = rate_distortion_cost(result, x, conditions)
    result.picture = result.picture.clone()
    result.picture[:, :, 32:80, 48:112] += 0.7  # inside the absent blocks
    assert float(rate_distortion_cost(result, x, conditions).loss) == pytest.approx(float(cost.loss))


def test_conditions_cover_the_range_and_are_what_a_stream_can_carry() -> None:
    generator = torch.Generator().manual_seed(4)
    drawn = [sample_conditions(2, 8, 12, 12, generator) for _ in range(40)]
    base = torch.cat([c.base_qp for c in drawn])
    assert base.min() >= QP_TRAIN_MIN
    assert base.max() <= QP_TRAIN_MAX
    assert base.min() < QP_TRAIN_MIN + 1
    assert base.max() > QP_TRAIN_MAX - 1
    assert torch.equal(base * 16, (base * 16).round())
    flat = varied = 0
    for c in drawn:
        offsets = c.qp_map - c.base_qp[:, None, None]
        inside = (c.qp_map > 0) & (c.qp_map < 63)
        assert torch.equal(offsets[inside], offsets[inside].round())
        changes = offsets.flatten(1).std(1) > 0
        varied, flat = varied + int(changes.sum()), flat + int((~changes).sum())
    assert min(varied, flat) > 80
    assert 0 < sum(c.absent is not None for c in drawn) < 20
    single = sample_conditions(1, 3, 4, 4, generator)
    assert (single.qp_map == 32).all()
    assert single.absent is None


def test_the_smallest_crop_has_absent_positions_too() -> None:
    generator = torch.Generator().manual_seed(4)
    drawn = [sample_conditions(2, 1, 4, 4, generator).absent for _ in range(40)]
    assert {int(absent.sum()) for absent in drawn if absent is not None} == {4}


def test_every_parameter_has_one_optimiser() -> None:
    model = TncModel(TINY)
    groups = split_parameters(model)
    assert sorted(id(p) for group in groups for p in group) == sorted(id(p) for p in model.parameters())
    assert all(groups)


def test_orthogonalised_updates_have_singular_values_near_one() -> None:
    matrices = torch.randn(3, 24, 40, generator=torch.Generator().manual_seed(1))
    for x in (matrices, matrices.mT.contiguous()):
        values = torch.linalg.svdvals(orthogonalise(x))
        assert values.min() > 0.3
        assert values.max() < 1.4


def test_estimates_of_a_model(pictures: torch.Tensor) -> None:
    torch.manual_seed(0)
    model = trainer(pictures).averaged()
    x = pictures[:1, :128, :128].permute(0, 3, 1, 2).float() / 255 - 0.5
    fine, coarse = estimate(model, [x], [22.0, 40.0])
    assert fine["bpp"] > coarse["bpp"] > 0
    assert fine["psnr_db"] > coarse["psnr_db"] > 15


def test_no_source_is_on_both_sides_of_the_split(tmp_path: Path) -> None:
    path = tmp_path / "index.csv"
    rows = [
        {"file": f"{source:04d}_{crop}.avif", "repo": f"r{source % 7}", "source_path": f"p{source}.jpg"}
        for source in range(400)
        for crop in range(3)
    ]
    with path.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    train, held_out = source_split(path)
    assert sorted(train + held_out) == sorted(row["file"] for row in rows)
    assert not {name[:4] for name in train} & {name[:4] for name in held_out}
    assert 0.005 < len(held_out) / len(rows) < 0.08
    with pytest.raises(InputError, match="index"):
        source_split(tmp_path / "missing.csv")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "no column file, repo, source_path"),
        (b"file,repo\na.png,r\n", "no column source_path"),
        (b"file,repo,source_path\na.png,r\n", "too short"),
        (b"\xff\xfe\x00", "cannot be read"),
        (b'file,repo,source_path\n"a', "cannot be read"),
    ],
)
def test_what_is_no_index_is_one_error(tmp_path: Path, text: bytes, said: str) -> None:
    (tmp_path / "index.csv").write_bytes(text)
    with pytest.raises(InputError, match=said):
        source_split(tmp_path / "index.csv")


def test_preparing_that_fails_is_one_error_and_leaves_no_half_file(tmp_path: Path) -> None:
    folder, cache = tmp_path / "data" / "train", tmp_path / "cache"
    folder.mkdir(parents=True)
    index = folder / "index.csv"
    index.write_text("file,repo,source_path\na.png,repo,source\n")
    for content, said in ((None, "No such file"), (b"noise", "not a picture"), ("small", "8x8, but crops are 512x512")):
        if content == "small":
            Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(folder / "a.png")
        elif content is not None:
            (folder / "a.png").write_bytes(content)
        with pytest.raises(InputError, match=said):
            prepare(tmp_path / "data", cache)
        assert list(cache.iterdir()) == []
    index.write_text("file,repo,source_path\n")
    with pytest.raises(InputError, match="too few pictures"):
        prepare(tmp_path / "data", cache)
    with pytest.raises(InputError, match=r"index\.csv: File exists"):
        prepare(tmp_path / "data", index)


@pytest.mark.parametrize(
    "array", [np.zeros((2, 8, 8, 3)), np.zeros((8, 8, 3), np.uint8), np.zeros((0, 8, 8, 3), np.uint8)]
)
def test_only_prepared_crops_are_loaded(tmp_path: Path, array: np.ndarray) -> None:
    np.save(tmp_path / "other.npy", array)
    (tmp_path / "noise.npy").write_bytes(b"noise")
    for name in ("other.npy", "noise.npy", "missing.npy"):
        with pytest.raises(InputError, match="not a file of prepared crops"):
            load_pictures(tmp_path / name, CPU)


def test_crops_are_prepared_once(tmp_path: Path) -> None:
    folder = tmp_path / "data" / "train"
    folder.mkdir(parents=True)
    with (folder / "index.csv").open("w") as file:
        file.write("file,repo,source_path\n")
        for i in range(60):
            Image.fromarray(np.full((512, 512, 3), i, np.uint8)).save(folder / f"{i}.png", compress_level=1)
            file.write(f"{i}.png,repo,source{i}\n")
    paths = prepare(tmp_path / "data", tmp_path / "cache")
    loaded = [load_pictures(path, CPU) for path in paths]
    assert sum(len(part) for part in loaded) == 60
    assert all(part.shape[1:] == (512, 512, 3) and part.dtype == torch.uint8 for part in loaded)
    before = paths[0].stat().st_mtime_ns
    assert prepare(tmp_path / "data", tmp_path / "cache") == paths
    assert paths[0].stat().st_mtime_ns == before


def test_crops_have_the_size_that_was_asked_for(pictures: torch.Tensor) -> None:
    source = CropSource(pictures, 128, 192, torch.Generator().manual_seed(0))
    for _ in range(12):
        x = source.batch(2)
        assert x.shape == (2, 3, 128, 192)
        assert -0.51 <= float(x.min()) < float(x.max()) <= 0.51


@pytest.mark.data
def test_the_shared_pictures_are_split_by_source(data_dir: Path) -> None:
    index = data_dir / "train" / "index.csv"
    train, held_out = source_split(index)
    with index.open(newline="", encoding="utf-8") as file:
        source = {row["file"]: (row["repo"], row["source_path"]) for row in csv.DictReader(file)}
    assert len(train) + len(held_out) == len(source)
    assert held_out
    assert not {source[name] for name in train} & {source[name] for name in held_out}
