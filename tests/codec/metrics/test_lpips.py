"""LPIPS with made-up weights of the right shapes, against the definition written out in NumPy."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from codec.errors import ModelError
from codec.metrics.lpips import VARIABLE, lpips, lpips_availability, lpips_version
from codec.picture import Picture

SHAPES = [(64, 3, 11), (192, 64, 5), (384, 192, 3), (256, 384, 3), (256, 256, 3)]
PLACES = ["1.0", "2.3", "3.6", "4.8", "5.10"]


@pytest.fixture
def tensors() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(3)
    result = {}
    for index, ((out, into, side), place) in enumerate(zip(SHAPES, PLACES, strict=True)):
        result[f"net.slice{place}.weight"] = torch.randn(out, into, side, side, generator=rng) / (into * side**2) ** 0.5
        result[f"net.slice{place}.bias"] = torch.randn(out, generator=rng) / 10
        result[f"lin{index}.model.1.weight"] = torch.rand(1, out, 1, 1, generator=rng)
    return result


@pytest.fixture
def weights(tensors: dict[str, torch.Tensor], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "lpips.safetensors"
    save_file(tensors, path)
    monkeypatch.setenv(VARIABLE, str(path))
    return path


def pictures(height: int, width: int) -> tuple[Picture, Picture]:
    rng = np.random.default_rng(5)
    array = rng.integers(0, 256, (height, width, 3), np.uint8)
    other = np.clip(array.astype(int) + rng.integers(-40, 40, array.shape), 0, 255).astype(np.uint8)
    return Picture.from_array(array), Picture.from_array(other)


def windows(x: np.ndarray, side: int, stride: int) -> np.ndarray:
    """(C, H', W', side, side)."""
    return np.lib.stride_tricks.sliding_window_view(x, (side, side), (1, 2))[:, ::stride, ::stride]


def by_definition(a: Picture, b: Picture, tensors: dict[str, torch.Tensor]) -> float:
    shift, scale = np.array([-0.030, -0.088, -0.188]), np.array([0.458, 0.448, 0.450])
    total = 0.0
    xs = [(((p.rgb / 127.5 - 1) - shift) / scale).transpose(2, 0, 1) for p in (a, b)]
    for index, ((_, _, side), place, (stride, padding, pool)) in enumerate(
        zip(SHAPES, PLACES, [(4, 2, 0), (1, 2, 1), (1, 1, 1), (1, 1, 0), (1, 1, 0)], strict=True)
    ):
        weight, bias = (tensors[f"net.slice{place}.{part}"].double().numpy() for part in ("weight", "bias"))
        if pool:
            xs = [windows(x, 3, 2).max((3, 4)) for x in xs]
        xs = [np.pad(x, ((0, 0), (padding, padding), (padding, padding))) for x in xs]
        xs = [np.einsum("chwij,ocij->ohw", windows(x, side, stride), weight, optimize=True) for x in xs]
        xs = [np.maximum(x + bias[:, None, None], 0) for x in xs]
        unit = [x / (np.sqrt((x**2).sum(0)) + 1e-10) for x in xs]
        linear = tensors[f"lin{index}.model.1.weight"].double().numpy().reshape(-1, 1, 1)
        total += float((linear * (unit[0] - unit[1]) ** 2).sum(0).mean())
    return total


def test_the_definition(weights: Path, tensors: dict[str, torch.Tensor]) -> None:
    a, b = pictures(67, 81)
    assert lpips(a, b) == pytest.approx(by_definition(a, b, tensors), rel=1e-4)
    assert lpips(a, a) == 0
    assert lpips_version().startswith("alex v0.1, weights ")


def test_small_pictures_have_none(weights: Path) -> None:
    assert lpips(*pictures(63, 200)) is None


def test_without_weights_it_says_what_to_do(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    with pytest.raises(ModelError, match=VARIABLE):
        lpips(*pictures(70, 70))
    monkeypatch.setenv(VARIABLE, str(tmp_path / "none"))
    assert "no file" in (lpips_availability() or "")


def test_wrong_files_are_refused(weights: Path, tensors: dict[str, torch.Tensor], tmp_path: Path, monkeypatch) -> None:
    (tmp_path / "text").write_text("no weights")
    del tensors["lin3.model.1.weight"]
    save_file(tensors, tmp_path / "part")
    for name, reason in (("text", "cannot be read"), ("part", r"lin3\.model\.1\.weight is missing")):
        monkeypatch.setenv(VARIABLE, str(tmp_path / name))
        with pytest.raises(ModelError, match=reason):
            lpips(*pictures(70, 70))
