"""Stages 3 and 4: distances, the discriminator, a few real steps, and the second decoder that comes out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

from codec.errors import Cancelled, ModelError, SettingsError
from codec.jobs import CancelToken
from codec.picture import Picture
from codec.quality import QP_STEPS
from codec.stream import read_stream
from codec.tnc import second_synthesis
from codec.tnc.config import TINY
from codec.tnc.decoder import decode_parsed, networks
from codec.tnc.encoder import ImageEncoder
from codec.tnc.latents import FromAnalysis, walk
from codec.tnc.models import LoadedModel, load_file
from codec.tnc.second_synthesis import for_decoder, installed_syntheses, load_synthesis, write_synthesis
from codec.tnc.settings import EncodeSettings
from codec.tnc.transform import Synthesis
from codec.tnc.weights import model_to_train
from codec.training.data import PREPARED, CropSource
from codec.training.perceptual.discriminator import PatchDiscriminator
from codec.training.perceptual.distances import (
    FIRES,
    SqueezeNetDistance,
    installed_distance,
    statistics_distance,
)
from codec.training.perceptual.session import EVAL_QPS, export_second_synthesis, start_perceptual_session
from codec.training.perceptual.trainer import PerceptualOptions, PerceptualTrainer, decoded_latents
from tests.golden.cases import TINY_FILE
from tests.golden.make_golden import synthetic

CPU = torch.device("cpu")


class Fire(nn.Module):
    """A fire module as the paper draws it."""

    def __init__(self, cin: int, squeezed: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(cin, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, 4 * squeezed, 1)
        self.expand3x3 = nn.Conv2d(squeezed, 4 * squeezed, 3, padding=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.squeeze(x))
        return torch.cat((F.relu(self.expand1x1(x)), F.relu(self.expand3x3(x))), 1)


def squeezenet() -> nn.Sequential:
    torch.manual_seed(4)
    pool = nn.MaxPool2d(3, 2, ceil_mode=True)
    fires = {
        number: Fire(cin, FIRES[number])
        for number, cin in zip(FIRES, (64, 128, 128, 256, 256, 384, 384, 512), strict=True)
    }
    return nn.Sequential(
        nn.Conv2d(3, 64, 3, stride=2), nn.ReLU(), pool, fires[3], fires[4], pool, fires[6], fires[7], pool, fires[9],
        fires[10], fires[11], fires[12],
    )  # fmt: skip


@pytest.fixture(scope="module")
def features_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Made-up weights of the right names and shapes."""
    path = tmp_path_factory.mktemp("features") / "squeezenet.safetensors"
    save_file({f"features.{k}": v.half() for k, v in squeezenet().state_dict().items()}, path)
    return path


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_file(TINY_FILE, CPU)


@pytest.fixture(scope="module")
def pictures() -> torch.Tensor:
    """Synthetic pictures of the size of training crops, `(4, 512, 512, 3)` uint8."""
    return torch.from_numpy(np.stack([synthetic(512, 512, grey=False, seed=seed).rgb for seed in range(4)]))


def batch_of(pictures: torch.Tensor, size_px: int = 128) -> torch.Tensor:
    return pictures[:2, :size_px, :size_px].permute(0, 3, 1, 2).float() / 255 - 0.5


def trainer(model: LoadedModel, pictures: torch.Tensor, features_file: Path, stage: int = 3) -> PerceptualTrainer:
    torch.manual_seed(1)
    source = CropSource(pictures, 64, 128, torch.Generator().manual_seed(1))
    start = model_to_train(TINY_FILE).synthesis
    return PerceptualTrainer(
        model, start, SqueezeNetDistance(features_file), source, PerceptualOptions(stage=stage, batch=2, cooldown=0)
    )


def test_features_are_those_of_the_network(features_file: Path, pictures: torch.Tensor) -> None:
    a = batch_of(pictures)
    b = (a + 0.1 * torch.randn(a.shape, generator=torch.Generator().manual_seed(1))).clamp(-0.5, 0.5)
    net = squeezenet()
    net.load_state_dict({k: v.half().float() for k, v in net.state_dict().items()})
    wanted = torch.zeros(2)
    xs = [(x.flip(1) + 0.5) * 255 - torch.tensor([104.0, 117.0, 123.0])[:, None, None] for x in (a, b)]
    with torch.no_grad():
        for number, layer in enumerate(net):
            xs = [layer(x) for x in xs]
            if number in (1, 4, 7, 9, 10, 11, 12):
                unit = [x / x.square().sum(1, keepdim=True).sqrt().clamp(min=1e-5) for x in xs]
                wanted += (unit[0] - unit[1]).square().sum(1).mean((1, 2))
    distance = SqueezeNetDistance(features_file)
    torch.testing.assert_close(distance(a, b), wanted, rtol=1e-3, atol=1e-6)
    assert distance(a, a).abs().max() < 1e-9


@pytest.mark.parametrize("damage", ["missing", "text", "tensor"])
def test_feature_weights_that_cannot_be_used_are_one_error(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "f.safetensors"
    if damage == "text":
        path.write_text("nothing")
    elif damage == "tensor":
        save_file({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(ModelError, match="is missing" if damage == "tensor" else "cannot be read"):
        SqueezeNetDistance(path)


def test_lpips_is_taken_where_its_weights_are_given(
    features_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pictures: torch.Tensor
) -> None:
    from codec.metrics.lpips import VARIABLE, lpips

    monkeypatch.delenv(VARIABLE, raising=False)
    assert installed_distance(features_file, CPU).name == "SqueezeNet feature distance"
    rng = torch.Generator().manual_seed(3)
    tensors = {}
    shapes = [(64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3)]
    for i, ((out, into, side), place) in enumerate(zip(shapes, ["1.0", "2.3", "3.6", "4.8", "5.10"], strict=True)):
        tensors[f"net.slice{place}.weight"] = (
            torch.randn(out, into, side, side, generator=rng) / (into * side**2) ** 0.5
        )
        tensors[f"net.slice{place}.bias"] = torch.zeros(out)
        tensors[f"lin{i}.model.1.weight"] = torch.rand(1, out, 1, 1, generator=rng)
    save_file(tensors, tmp_path / "lpips.safetensors")
    monkeypatch.setenv(VARIABLE, str(tmp_path / "lpips.safetensors"))
    distance = installed_distance(tmp_path / "not there", CPU)
    assert distance.name.startswith("LPIPS")
    rgb = [pictures[i, :64, :64].numpy().copy() for i in (0, 1)]
    tensors_of = [torch.from_numpy(a).permute(2, 0, 1)[None].float() / 255 - 0.5 for a in rgb]
    tensors_of[0].requires_grad_()
    value = distance(*tensors_of)
    assert value.item() == pytest.approx(lpips(*[Picture.from_array(a) for a in rgb]), rel=1e-4)
    value.sum().backward()
    assert tensors_of[0].grad is not None
    assert tensors_of[0].grad.abs().max() > 0


def test_local_statistics_prefer_other_texture_to_none() -> None:
    rng = torch.Generator().manual_seed(2)
    grain, other = (0.1 * torch.randn(1, 3, 128, 128, generator=rng) for _ in range(2))
    flat = torch.zeros_like(grain)
    assert statistics_distance(grain, grain).item() == 0
    assert statistics_distance(grain, other) < 0.2 * statistics_distance(grain, flat)
    assert (grain - other).square().mean() > 1.5 * (grain - flat).square().mean(), "where PSNR says the opposite"
    assert statistics_distance(grain + 0.1, grain) > 0.05


@pytest.mark.parametrize("side_px", [16, 64])
def test_local_statistics_have_gradients_at_any_size(side_px: int) -> None:
    a = torch.rand(2, 3, side_px, side_px, generator=torch.Generator().manual_seed(2)).sub(0.5).requires_grad_()
    statistics_distance(a, a.detach() * 0.5).sum().backward()
    assert a.grad is not None
    assert torch.isfinite(a.grad).all()
    assert a.grad.abs().max() > 0


def test_the_discriminator_sees_picture_latents_and_qp() -> None:
    torch.manual_seed(1)
    discriminator = PatchDiscriminator(TINY).eval()
    x, y, qp = torch.rand(2, 3, 64, 96), torch.randn(2, TINY.y_channels, 4, 6), torch.full((2, 4, 6), 30.0)
    with torch.no_grad():
        logits = discriminator(x, y, qp)
        assert logits.shape == (2, 1, 4, 6)
        for other in (discriminator(1 - x, y, qp), discriminator(x, -y, qp), discriminator(x, y, qp + 10)):
            assert (other - logits).abs().max() > 1e-5


@pytest.mark.parametrize("effort", [0, 1])
def test_training_sees_what_a_stream_decodes_to(model: LoadedModel, effort: int) -> None:
    encoder = ImageEncoder(synthetic(128, 192, grey=False, seed=3), model=model)
    base = 30 * QP_STEPS
    qp16_map = encoder.layout.spread_qp_map(base, None)
    with networks():
        source = FromAnalysis(model, encoder.layout, encoder.y, effort)
        wanted = walk(model, encoder.layout, base, qp16_map, encoder.layout.outside(), source)
    x = torch.from_numpy(np.array(encoder.picture.rgb)).permute(2, 0, 1)[None].float() / 255 - 0.5
    found = decoded_latents(model, x, torch.full((1, 8, 12), 30.0), towards_rate=effort == 1)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("stage", [3, 4])
def test_only_the_second_synthesis_learns(
    model: LoadedModel, pictures: torch.Tensor, features_file: Path, stage: int
) -> None:
    run = trainer(model, pictures, features_file, stage)
    frozen = {name: value.clone() for name, value in model.net.state_dict().items()}
    before, judge = ({k: v.clone() for k, v in m.state_dict().items()} for m in (run.synthesis, run.discriminator))
    for _ in range(2):
        figures = run.step(0.0)
        assert all(math.isfinite(value) for value in figures.values())
    assert ("discriminator" in figures) == (stage == 4)
    assert all(torch.equal(value, frozen[name]) for name, value in model.net.state_dict().items())
    assert any(not torch.equal(value, before[name]) for name, value in run.synthesis.state_dict().items())
    learnt = any(not torch.equal(value, judge[name]) for name, value in run.discriminator.state_dict().items())
    assert learnt == (stage == 4)


def test_training_lowers_the_distance(model: LoadedModel, pictures: torch.Tensor, features_file: Path) -> None:
    run = trainer(model, pictures, features_file)
    figures = [run.step(0.0) for _ in range(40)]
    early, late = (np.mean([f["features"] for f in part]) for part in (figures[:5], figures[-5:]))
    assert early == pytest.approx(1, abs=0.1), "it starts from the PSNR synthesis"
    assert late < 0.97 * early


def test_a_checkpoint_resumes_in_the_next_stage(
    model: LoadedModel, pictures: torch.Tensor, features_file: Path, tmp_path: Path
) -> None:
    first = trainer(model, pictures, features_file)
    first.step(0.0)
    first.save(tmp_path / "c.pt")
    second = trainer(model, pictures, features_file, stage=4)
    second.load(tmp_path / "c.pt")
    assert second.step_count == 1
    for name, value in first.synthesis.state_dict().items():
        assert torch.equal(value, second.synthesis.state_dict()[name])
        assert torch.equal(first.average[name], second.average[name])
    assert second.adam.state_dict()["state"]
    state = torch.load(tmp_path / "c.pt", weights_only=True)
    torch.save(state | {"entropy_id": "00000000"}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="another model"):
        second.load(tmp_path / "other.pt")
    torch.save(state | {"synthesis": {}}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match="does not fit"):
        second.load(tmp_path / "other.pt")


@pytest.fixture
def session(
    pictures: torch.Tensor, features_file: Path, tmp_path: Path
) -> tuple[Path, list[str], list[dict[str, float]]]:
    """Folder, words and rows of a session that was cancelled after its first step."""
    for name in PREPARED:
        np.save(tmp_path / name, pictures[:1, :].numpy())
    cancel = CancelToken()
    said: list[str] = []
    rows: list[dict[str, float]] = []

    def report(row: dict[str, float]) -> None:
        rows.append(row)
        if len(rows) == 2:
            cancel.cancel()

    with pytest.raises(Cancelled):
        start_perceptual_session(
            TINY_FILE, PerceptualOptions(batch=1), tmp_path, tmp_path / "run", features_file, crop_px=(64, 64),
            device=CPU, every_s=0.0, report=report, say=said.append, cancel=cancel,
        )  # fmt: skip
    return tmp_path / "run", said, rows


def test_a_session_says_what_it_measures_and_compares_with_the_psnr_synthesis(
    session: tuple[Path, list[str], list[dict[str, float]]],
) -> None:
    folder, said, rows = session
    assert "SqueezeNet feature distance" in said[0]
    assert [row["step"] for row in rows[:2]] == [-1, 1]
    for qp in EVAL_QPS:
        for name in ("features", "statistics", "psnr_db"):
            assert rows[1][f"{name}_qp{qp:g}"] == pytest.approx(rows[0][f"{name}_qp{qp:g}"], rel=0.05)
    assert (folder / "log.jsonl").read_text().count("\n") == len(rows)


def test_an_exported_synthesis_is_the_second_decoder_of_its_model(
    session: tuple[Path, list[str], list[dict[str, float]]], model: LoadedModel, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    output = tmp_path / "weights" / "tiny.perceptual.safetensors"
    output.parent.mkdir()
    ids = export_second_synthesis(session[0] / "checkpoint.pt", output)
    assert ids == (model.entropy_id.hex(), model.synthesis_id.hex())
    monkeypatch.setattr(second_synthesis, "resource", lambda name: tmp_path / name)
    installed_syntheses.cache_clear()
    try:
        (card,) = installed_syntheses()
        assert "SqueezeNet" in card.distance
        assert second_synthesis.decoders_of(model.entropy_id, model.synthesis_id) == ("psnr", "perceptual")
        assert second_synthesis.decoders_of(b"none", b"such") == ("psnr",)
        perceptual = for_decoder(model, "perceptual")
        assert for_decoder(model, "psnr") is model
        assert perceptual.net.synthesis is not model.net.synthesis
        assert perceptual.net.context is model.net.context
        result = ImageEncoder(synthetic(100, 80, grey=False, seed=3), model=model).encode(EncodeSettings(qp=34))
        parsed = read_stream(result.stream)
        shown = decode_parsed(parsed, perceptual)
        plain = decode_parsed(parsed, model)
        np.testing.assert_array_equal(np.stack(plain.planes), np.stack(result.reconstruction.planes))
        assert shown.planes[0].shape == plain.planes[0].shape
    finally:
        installed_syntheses.cache_clear()


def test_a_written_synthesis_computes_what_the_trained_one_does(model: LoadedModel, tmp_path: Path) -> None:
    torch.manual_seed(2)
    trained = Synthesis(TINY)
    for p in trained.parameters():
        p.data.add_(0.05 * torch.randn_like(p))
    path = tmp_path / "s.safetensors"
    write_synthesis(trained, TINY, path, entropy_id=model.entropy_id, synthesis_id=model.synthesis_id, distance="none")
    loaded = load_synthesis(path, model)
    y, qp = torch.randn(1, TINY.y_channels, 4, 4), torch.full((1, 4, 4), 30.0)
    with torch.no_grad():
        torch.testing.assert_close(loaded(y, qp), trained(y, qp), rtol=2e-2, atol=2e-2)
    write_synthesis(trained, TINY, path, entropy_id=b"none", synthesis_id=b"such", distance="none")
    with pytest.raises(ModelError, match="another model"):
        load_synthesis(path, model)
    path.write_bytes(b"nothing")
    with pytest.raises(ModelError, match="cannot be read"):
        load_synthesis(path, model)


def test_a_decoder_that_is_not_there_is_one_error(model: LoadedModel) -> None:
    with pytest.raises(ModelError, match="no perceptual decoder"):
        for_decoder(model, "perceptual")
    with pytest.raises(SettingsError, match="unknown decoder"):
        for_decoder(model, "vivid")


def test_every_shipped_synthesis_belongs_to_a_shipped_model() -> None:
    from codec.tnc.models import available_models

    ids = {(card.entropy_id, card.synthesis_id) for card in available_models()}
    for card in installed_syntheses():
        assert (card.entropy_id.hex(), card.synthesis_id.hex()) in ids, (
            f"{card.file.name}: train it again, or remove it"
        )


@pytest.mark.data
def test_the_shared_features_tell_blur_from_a_change_in_brightness(data_dir: Path) -> None:
    from codec.files import read_picture
    from codec.training.perceptual.distances import FEATURES_FILE

    picture = read_picture(data_dir / "test" / "kodak" / "kodim23.png").crop(100, 200, 256, 256)
    x = torch.from_numpy(np.array(picture.rgb)).permute(2, 0, 1)[None].float() / 255 - 0.5
    blurred = F.interpolate(F.avg_pool2d(x, 4), x.shape[2:], mode="bicubic", align_corners=False)
    brighter = x + (blurred - x).square().mean().sqrt()  # the same PSNR
    distance = SqueezeNetDistance(data_dir / FEATURES_FILE)
    assert distance(brighter, x) < 0.1 * distance(blurred, x)
