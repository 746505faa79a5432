"""Weight files: what is in them, what ids cover, what a damaged one does."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file

from codec.errors import ModelError, SettingsError, UnknownModel
from codec.integer.layers import IntLayer
from codec.tnc.config import CONFIGS, TINY, ModelConfig
from codec.tnc.model import TncModel
from codec.tnc.models import available_models, load_by_id, load_by_name, load_file, pick_device, weight_files
from codec.tnc.weights import export_tensors, floats, model_ids, model_to_train, read_weights, write_weights
from tests.golden.cases import TINY_FILE
from tests.golden.make_golden import random_model

CPU = torch.device("cpu")
Tensors = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def good() -> tuple[Tensors, dict[str, str]]:
    import safetensors

    with safetensors.safe_open(str(TINY_FILE), "pt") as file:
        return load_tensors(TINY_FILE), dict(file.metadata())


def drop(name: str) -> Callable[[Tensors], None]:
    def apply(tensors: Tensors) -> None:
        del tensors[name]

    return apply


def put(name: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Callable[[Tensors], None]:
    def apply(tensors: Tensors) -> None:
        tensors[name] = change(tensors[name]).contiguous()

    return apply


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (drop("z_table"), "z_table"),
        (drop("y_shape"), "y_shape"),
        (drop("hyper_decoder.up32.weight"), "up32.weight"),
        (drop("hyper_decoder.index16.shift"), "index16.shift"),
        (drop("hyper_decoder.qp_index"), "qp_index"),
        (drop("synthesis.leave.weight3"), "synthesis.leave"),
        (drop("gains.forward_log2"), "forward_log2"),
        (put("synthesis.leave.weight3", lambda t: t[:-1]), "synthesis.leave"),
        (put("hyper_decoder.up16.weight", lambda t: t[:, :-1]), "another shape"),
        (put("hyper_decoder.up16.bias", lambda t: t[:1]), "another shape"),
        (drop("synthesis.leave.weight3_scale"), "weight3_scale"),
        (put("synthesis.enter8.weight_scale", lambda t: t[:1]), "weight_scale"),
        (put("synthesis.latent_std", lambda t: t.to(torch.int8)), "latent_std_scale"),
        (put("z_table", lambda t: t + 64), "tables that do not exist"),
        (put("z_table", lambda t: t.to(torch.int32)), "z_table"),
        (put("z_shape", lambda t: t + 16), "tables that do not exist"),
        (put("hyper_decoder.up16.bias", lambda t: t + 2**24), "past 2\\^24"),
        (put("hyper_decoder.up16.shift", lambda t: t - 100), "outside 0..23"),
        (put("hyper_decoder.up16.weight", lambda t: torch.full_like(t, -128)), "exceeds 127"),
        (put("hyper_decoder.qp_index", lambda t: t.to(torch.int64) << 40), "qp_index does not fit"),
        (drop("context.scales.1.mix.bias"), "scales.1.mix.bias"),
        (put("context.scales.1.enter.bias", lambda t: t + 2**24), "past 2\\^24"),
        (put("context.seen.compand.table", lambda t: t + 200), "compand.table does not fit"),
        (put("context.seen.compand.table", lambda t: t / 2), "compand.table does not fit"),
    ],
)
def test_a_damaged_file_is_one_model_error(tmp_path: Path, good, damage: Callable, message: str) -> None:
    tensors, metadata = dict(good[0]), good[1]
    damage(tensors)
    save_file(tensors, tmp_path / "m.safetensors", metadata)
    with pytest.raises(ModelError, match=message) as caught:
        load_file(tmp_path / "m.safetensors", CPU)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"junk" * 50, None], ids=["empty", "junk", "cut"])
def test_a_file_that_is_none_is_one_model_error(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "m.safetensors"
    path.write_bytes(TINY_FILE.read_bytes()[:-9] if content is None else content)
    with pytest.raises(ModelError, match="cannot be read"):
        load_file(path, CPU)
    with pytest.raises(ModelError, match="cannot be read"):
        load_file(tmp_path / "missing.safetensors", CPU)


@pytest.mark.parametrize("metadata", [{}, {"format": "other"}, {"config": "{}"}, {"config": "5"}, {"config": "{"}])
def test_a_file_of_another_kind_is_one_model_error(tmp_path: Path, good, metadata: dict[str, str]) -> None:
    full = {**good[1], **metadata} if metadata else None
    save_file(good[0], tmp_path / "m.safetensors", full)
    with pytest.raises(ModelError):
        load_file(tmp_path / "m.safetensors", CPU)


INTEGER = ("hyper_decoder.", "context.scales.", "context.seen.")


def test_ids_cover_what_they_are_for(good) -> None:
    tensors = good[0]
    entropy_id, synthesis_id = model_ids(tensors, TINY)
    assert len(entropy_id) == len(synthesis_id) == 4

    def changed(name: str) -> tuple[bool, bool]:
        copy = dict(tensors)
        copy[name] = copy[name].clone()
        copy[name].view(-1)[0] += 1
        new = model_ids(copy, TINY)
        return new[0] != entropy_id, new[1] != synthesis_id

    for name in tensors:
        entropy = name.startswith(INTEGER) or name in ("z_table", "y_shape", "z_shape")
        synthesis = name.startswith(("gains.", "context.passes.", "context.latent_std", "synthesis."))
        assert changed(name) == (entropy, synthesis), name
    assert sum(changed(name) == (False, False) for name in tensors) > 5  # encoders may change freely


def test_every_tensor_travels_with_its_type(good) -> None:
    tensors = good[0]
    kinds = {name.rpartition(".")[2]: t.dtype for name, t in tensors.items() if name.startswith(INTEGER)}
    assert kinds == {
        "weight": torch.int8, "bias": torch.int32, "shift": torch.int8, "qp_index": torch.int16, "table": torch.int16,
    }  # fmt: skip
    rest = {n: t.dtype for n, t in tensors.items() if not n.startswith(INTEGER)}
    compact = {n for n, dtype in rest.items() if dtype == torch.int8}
    assert {n.partition(".")[0] for n in compact} == {"analysis", "hyper_analysis", "synthesis"}
    assert {n for n, dtype in rest.items() if dtype == torch.float32} == {n + "_scale" for n in compact}
    assert {rest[n] for n in ("analysis.linear.weight", "synthesis.linear.weight")} == {torch.float16}
    assert set(rest.values()) == {torch.float16, torch.uint8, torch.int8, torch.float32}
    assert not any(name.endswith((".weight1", ".identity")) for name in tensors)


def test_writing_twice_gives_the_same_ids_and_leaves_the_model_alone(tmp_path: Path) -> None:
    model = random_model()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    ids = write_weights(model, tmp_path / "a.safetensors")
    assert write_weights(model, tmp_path / "b.safetensors") == ids
    assert all(torch.equal(before[name], value) for name, value in model.state_dict().items())
    loaded = load_file(tmp_path / "a.safetensors", CPU)
    assert (loaded.entropy_id, loaded.synthesis_id) == ids
    config, tensors = read_weights(tmp_path / "a.safetensors")
    assert config == TINY
    assert model_ids(tensors, config) == ids


def test_training_may_go_on_from_shipped_weights(good) -> None:
    """The exported integers come back exactly, the float networks to fp16."""
    model = model_to_train(TINY_FILE)
    again = export_tensors(model)
    assert set(again) == set(good[0])
    for name in good[0]:
        if not name.startswith(INTEGER) and not name.endswith("_scale"):
            torch.testing.assert_close(floats(again, name), floats(good[0], name), atol=2e-3, rtol=2e-3)
    for name, layer in model.named_modules():
        if isinstance(layer, IntLayer):
            old, new = (
                t[f"{name}.weight"].double() * torch.exp2(-t[f"{name}.shift"].double())[:, None]
                for t in (good[0], again)
            )
            torch.testing.assert_close(new, old, atol=1e-9, rtol=0)


def test_configurations_round_trip() -> None:
    for config in CONFIGS.values():
        assert ModelConfig.from_json(config.to_json()) == config
        assert config.y_channels == sum(config.groups)


def test_a_fused_model_computes_what_the_trained_one_does() -> None:
    model = random_model()
    fused = TncModel(TINY, fused=True)
    state = {n: v for n, v in model.state_dict().items() if n in fused.state_dict()}
    fused.load_state_dict(state, strict=False)
    for (_, a), (_, b) in zip(
        ((n, m) for n, m in model.named_modules() if hasattr(m, "weight3")),
        ((n, m) for n, m in fused.named_modules() if hasattr(m, "weight3")),
        strict=True,
    ):
        b.weight3.data.copy_(a.kernel().detach().reshape(b.weight3.shape))
    x = torch.rand(1, 3, 64, 128) - 0.5
    qps = torch.full((1, 4, 8), 30.0)
    torch.testing.assert_close(model.analysis(x), fused.analysis(x), atol=1e-5, rtol=1e-4)
    y = model.analysis(x).detach()
    torch.testing.assert_close(model.synthesis(y, qps), fused.synthesis(y, qps), atol=1e-5, rtol=1e-4)


def test_installed_models_are_found_by_name_and_by_id() -> None:
    cards = available_models()
    assert [card.name for card in cards] == list(weight_files())
    for card in cards:
        model = load_by_name(card.name, CPU)
        assert load_by_id(bytes.fromhex(card.entropy_id), bytes.fromhex(card.synthesis_id), CPU) is model
        assert card.kmac_per_px == model.complexity.decoder_kmac_per_px
    assert load_by_name("default", CPU).config.name == cards[0].name
    with pytest.raises(ModelError, match="not installed"):
        load_by_name("tiny", CPU)
    with pytest.raises(UnknownModel, match="01020304/05060708"):
        load_by_id(b"\1\2\3\4", b"\5\6\7\x08", CPU)


def test_devices() -> None:
    assert pick_device("cpu") == CPU
    assert pick_device("auto").type == ("cuda" if torch.cuda.is_available() else "cpu")
    with pytest.raises(SettingsError, match="unknown device"):
        pick_device("tpu")
