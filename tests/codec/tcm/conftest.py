"""A tiny model of video with random weights, and small moving pictures."""

from pathlib import Path

import numpy as np
import pytest
import torch

from codec.tcm.config import TINY_INTER, TINY_KEY
from codec.tcm.model import TcmNet
from codec.tcm.models import TcmModel, load_file
from codec.tcm.planes import Planes
from codec.tcm.weights import write_weights
from codec.video.frame import Frame


def texture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Smooth random luma, `(height, width)` uint8."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.normal(128, 50, (1, 1, height // 8, width // 8)))
    fine = torch.nn.functional.interpolate(coarse, (height, width), mode="bicubic")[0, 0].numpy()
    return np.clip(fine + rng.normal(0, 3, fine.shape), 0, 255).astype(np.uint8)


def frame(luma: np.ndarray, index: int = 0) -> Frame:
    return Frame((luma, luma[::2, ::2] // 2 + 60, 255 - luma[::2, ::2] // 2 - 60), 8, index)


@pytest.fixture(scope="session")
def tiny_nets() -> tuple[TcmNet, TcmNet]:
    torch.manual_seed(5)
    nets = []
    for config in (TINY_KEY, TINY_INTER):
        net = TcmNet(config)
        scale = 0.2 if config.conditional is False else 0.03
        net.start_from_dct(torch.randn(4, 384, 4, 4) * scale)
        with torch.no_grad():
            for name, p in net.named_parameters():
                if "leave" in name or ".mean." in name or ".index." in name:
                    p.add_(torch.randn_like(p) * 0.02)
        nets.append(net)
    return nets[0], nets[1]


@pytest.fixture(scope="session")
def tiny_file(tiny_nets: tuple[TcmNet, TcmNet], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tcm") / "tiny.safetensors"
    write_weights(*tiny_nets, path)
    return path


@pytest.fixture(scope="session")
def tiny(tiny_file: Path) -> TcmModel:
    return load_file(tiny_file, torch.device("cpu"))


@pytest.fixture(scope="session")
def moving() -> list[Planes]:
    """Three working pictures of 128x192 that move by (3, 1) pixels a frame."""
    big = texture(144, 208)
    return [Planes.from_frame(frame(np.ascontiguousarray(big[i : i + 128, 3 * i : 3 * i + 192]))) for i in range(3)]
