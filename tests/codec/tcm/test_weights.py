from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file

from codec.errors import ModelError
from codec.tcm.model import TcmNet
from codec.tcm.models import TcmModel, load_file
from codec.tcm.weights import export_tensors, net_to_train, read_weights, write_weights


def test_training_goes_on_where_the_file_stands(tiny_file: Path) -> None:
    configs, parts = read_weights(tiny_file)
    for kind in ("key", "inter"):
        again = export_tensors(net_to_train(configs[kind], parts[kind], tiny_file))
        for name, value in parts[kind].items():
            if name.startswith(("hyper_decoder.", "prior.", "context.", "synthesis.", "y_shape", "z_")):
                close = (again[name].double() - value.double()).abs().max() <= (1 if "synthesis" in name else 0)
                assert close, name


def test_ids_follow_what_they_cover(tiny_nets: tuple[TcmNet, TcmNet], tiny_file: Path, tmp_path: Path) -> None:
    before = load_file(tiny_file, torch.device("cpu"))
    key, inter = tiny_nets
    with torch.no_grad():
        inter.synthesis.leave.bias += 0.25
    try:
        entropy_id, synthesis_id = write_weights(key, inter, tmp_path / "other.safetensors")
    finally:
        with torch.no_grad():
            inter.synthesis.leave.bias -= 0.25
    assert entropy_id == before.entropy_id
    assert synthesis_id != before.synthesis_id


def test_a_damaged_file_is_refused(tiny_file: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError):
        load_file(tmp_path / "none.safetensors", torch.device("cpu"))
    (tmp_path / "text.safetensors").write_text("no weights")
    with pytest.raises(ModelError):
        load_file(tmp_path / "text.safetensors", torch.device("cpu"))
    save_file(load_tensors(tiny_file), tmp_path / "bare.safetensors")
    with pytest.raises(ModelError, match="not a weight file of video"):
        load_file(tmp_path / "bare.safetensors", torch.device("cpu"))


def test_decoder_work_is_counted(tiny: TcmModel) -> None:
    parts = tiny.inter.complexity.by_part
    assert set(parts) == {"analysis", "hyper_analysis", "hyper_decoder", "prior", "context", "synthesis"}
    assert tiny.kmac_per_px < 50
