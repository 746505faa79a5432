from __future__ import annotations

from pathlib import Path

import pytest
import torch

from codec.tnc.inr.base import InrBase, load_base, write_base
from codec.tnc.inr.config import InrConfig
from codec.training.inr_base import start_network

QPS = (26.0, 38.0)


@pytest.fixture(scope="session")
def base(tmp_path_factory: pytest.TempPathFactory) -> InrBase:
    """Two bases that nothing has trained, but whose context does depend on what it sees."""
    torch.manual_seed(3)
    net = start_network(InrConfig(), QPS)
    with torch.no_grad():
        net.context.out.weight.normal_(0.0, 0.2)
        net.context.first.bias.normal_(0.0, 0.3)
        net.synthesis.last.normal_(0.0, 0.05)
    path: Path = tmp_path_factory.mktemp("inr") / "base.safetensors"
    base_id = write_base(net, None, QPS, path)
    loaded = load_base(path)
    assert loaded.base_id == base_id
    return loaded
