from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file

from codec.errors import ModelError
from codec.tcm.model import TcmNet
from codec.tcm.models import TcmModel, load_file
from codec.tcm.qp_tables import QpTables
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


@pytest.mark.parametrize(
    ("name", "change", "what"),
    [
        ("key.unit_table", lambda t: t[:, :-1], "tables of QPs"),
        ("inter.undo_table", lambda t: t.float(), "tables of QPs"),
        ("key.context.compand", lambda t: t + 200, "table of an integer network"),
        ("key.hyper_decoder.qp_index", lambda t: t[:1], "table of an integer network"),
        ("inter.synthesis.linear.weight", lambda t: t.float() / 3, "weight"),
        ("key.hyper_decoder.up32.weight", lambda t: t.int() + 200, "exceeds"),
        ("key.z_table", lambda t: t + 64, "z_table"),
    ],
)
def test_tables_and_weights_that_are_not_exact_are_refused(tiny_file: Path, tmp_path: Path, name, change, what) -> None:
    with safe_open(tiny_file, "pt") as file:
        metadata = file.metadata()
    tensors = load_tensors(tiny_file)
    tensors[name] = change(tensors[name]).contiguous()
    save_file(tensors, tmp_path / "changed.safetensors", metadata)
    with pytest.raises(ModelError, match=what):
        load_file(tmp_path / "changed.safetensors", torch.device("cpu"))


def test_products_with_tables_of_qps_stay_exact() -> None:
    tables = {"unit_table": torch.ones(64, 3, dtype=torch.int32), "undo_table": torch.ones(64, 3, dtype=torch.int32)}
    tables["unit_table"][5, 1] = tables["undo_table"][40, 1] = 2**31 - 1
    QpTables.load(tables, 3, torch.device("cpu"), "tables")
    tables["undo_table"][6, 1] = 2**31 - 1  # between QPs 5 and 6 both are large
    with pytest.raises(ModelError, match="product"):
        QpTables.load(tables, 3, torch.device("cpu"), "tables")


def test_decoder_work_is_counted(tiny: TcmModel) -> None:
    parts = tiny.inter.complexity.by_part
    assert set(parts) == {"analysis", "hyper_analysis", "hyper_decoder", "prior", "context", "synthesis"}
    assert tiny.kmac_per_px < 50
