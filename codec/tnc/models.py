"""Installed models: finding them by name or by the ids in a stream, and loading them for coding."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import torch

from codec.entropy import N_SCALES, N_SHAPES
from codec.errors import ModelError, SettingsError, UnknownModel
from codec.integer.layers import IntLayer
from codec.integer.proof import prove
from codec.resources import resource
from codec.tnc.complexity import Complexity, count_macs
from codec.tnc.config import ModelConfig
from codec.tnc.model import TncModel
from codec.tnc.weights import TABLES, load_float_part, model_ids, read_weights

PREFERENCE = ("small", "main")
"""Which installed model is the default: the first that is there."""


@dataclass(frozen=True)
class ModelCard:
    """What a list of models shows.

    Attributes
    ----------
    name : str
        "small", "main".
    entropy_id, synthesis_id : str
        Hex ids as streams carry them.
    kmac_per_px : float
        Work of the complete decoder per padded pixel, in thousands of multiply-accumulates.
    file : pathlib.Path
        The weight file.
    """

    name: str
    entropy_id: str
    synthesis_id: str
    kmac_per_px: float
    file: Path


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """A model ready to code with: fused float networks, frozen integer networks, tables.

    Attributes
    ----------
    net : TncModel
        Networks in evaluation mode on `device`; hyper decoder and scale context work in `integer_dtype`.
    entropy_id, synthesis_id : bytes
        Four bytes each.
    z_table : numpy.ndarray
        `(64, Cz)` int16 table indices of z by integer base QP.
    y_shape_base : torch.Tensor
        `(C,)` int64 offsets, `shape index * 64`, added to the scale index of y.
    complexity : Complexity
        MACs by part.
    """

    config: ModelConfig
    net: TncModel
    entropy_id: bytes
    synthesis_id: bytes
    z_table: np.ndarray
    y_shape_base: torch.Tensor
    complexity: Complexity
    device: torch.device
    integer_dtype: torch.dtype


def weight_files() -> dict[str, Path]:
    """Weight files by model name, in order of preference."""
    folder = resource("weights")
    return {name: folder / f"{name}.safetensors" for name in PREFERENCE if (folder / f"{name}.safetensors").exists()}


@cache
def available_models() -> tuple[ModelCard, ...]:
    """The installed models, the default first."""
    cards = []
    for name, path in weight_files().items():
        config, tensors = read_weights(path)
        entropy_id, synthesis_id = model_ids(tensors, config)
        cards.append(
            ModelCard(name, entropy_id.hex(), synthesis_id.hex(), count_macs(config).decoder_kmac_per_px, path)
        )
    return tuple(cards)


def pick_device(device: str) -> torch.device:
    """Device of "auto", "cpu" or "cuda"; auto takes an accelerator when there is one."""
    if device not in ("auto", "cpu", "cuda"):
        raise SettingsError(f"unknown device {device!r}", hint="auto, cpu or cuda")
    if device == "cuda" and not torch.cuda.is_available():
        raise SettingsError("no CUDA device is available", hint="use --device cpu")
    return torch.device("cuda" if device != "cpu" and torch.cuda.is_available() else "cpu")


def load_file(path: Path, device: torch.device, integer_dtype: torch.dtype = torch.float64) -> LoadedModel:
    """Load one weight file; proves the integer bound again before anything is decoded with it."""
    config, tensors = read_weights(path)
    net = TncModel(config, fused=True)
    load_float_part(net, tensors, path)
    for name, (low, high) in TABLES.items():
        table = tensors[name]
        if table.dtype != torch.int16 or not low <= int(table.min()) <= int(table.max()) <= high:
            raise ModelError(f"table {name} does not fit", where=path.name, hint="reinstall")
    for name, layer in net.named_modules():
        if isinstance(layer, IntLayer):
            try:
                parts = [tensors[f"{name}.{part}"] for part in ("weight", "bias", "shift")]
            except KeyError as error:
                raise ModelError(f"tensor {error} is missing", where=path.name, hint="reinstall") from error
            if [t.shape for t in parts] != [layer.weight.shape, layer.bias.shape, layer.bias.shape]:
                raise ModelError(f"{name} has another shape", where=path.name, hint="reinstall")
            layer.freeze(*[t.to(device, integer_dtype) for t in parts])
    prove(net)
    z_table, y_shape = _tables(tensors, config, path)
    entropy_id, synthesis_id = model_ids(tensors, config)
    y_shape_base = torch.from_numpy(y_shape).to(device, torch.int64) * N_SCALES
    net = net.to(device).eval().requires_grad_(False)
    return LoadedModel(
        config, net, entropy_id, synthesis_id, z_table, y_shape_base, count_macs(config), device, integer_dtype
    )


def _tables(tensors: Mapping[str, torch.Tensor], config: ModelConfig, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Table indices of z `(64, Cz)` and shape indices of y `(C,)`, checked: a wrong one would reach past the tables."""
    shapes = {"z_table": (64, config.z_channels), "z_shape": (config.z_channels,), "y_shape": (config.y_channels,)}
    limits = {"z_table": N_SCALES, "z_shape": N_SHAPES, "y_shape": N_SHAPES}
    found = {}
    for name, shape in shapes.items():
        value = tensors.get(name)
        if value is None or tuple(value.shape) != shape or value.dtype != torch.uint8:
            raise ModelError(f"tensor {name} is missing or has another shape", where=path.name, hint="reinstall")
        if int(value.max()) >= limits[name]:
            raise ModelError(f"tensor {name} names tables that do not exist", where=path.name, hint="reinstall")
        found[name] = value.numpy().astype(np.int16)
    return found["z_table"] + N_SCALES * found["z_shape"], found["y_shape"]


_loaded: dict[tuple[Path, torch.device], LoadedModel] = {}
_loading = threading.Lock()


def _load_once(path: Path, device: torch.device) -> LoadedModel:
    """Load a file once, also when several threads ask at the same time."""
    with _loading:
        if (path, device) not in _loaded:
            _loaded[path, device] = load_file(path, device)
        return _loaded[path, device]


def load_by_name(name: str, device: torch.device) -> LoadedModel:
    """Load "small", "main" or "default"."""
    files = weight_files()
    if not files:
        raise ModelError("no model is installed", where="resources/weights", hint="reinstall")
    if name == "default":
        name = next(iter(files))
    if name not in files:
        raise ModelError(f"model {name!r} is not installed", hint="installed: " + ", ".join(files))
    return _load_once(files[name], device)


def load_by_id(entropy_id: bytes, synthesis_id: bytes, device: torch.device) -> LoadedModel:
    """Load the model that a stream names."""
    return _load_once(find_card(entropy_id, synthesis_id).file, device)


def find_card(entropy_id: bytes, synthesis_id: bytes) -> ModelCard:
    """The installed model of these ids."""
    for card in available_models():
        if card.entropy_id == entropy_id.hex() and card.synthesis_id == synthesis_id.hex():
            return card
    raise UnknownModel(
        f"the stream was coded with model {entropy_id.hex()}/{synthesis_id.hex()}, which is not installed",
        section="header",
        hint="installed: " + ", ".join(f"{c.name} {c.entropy_id}/{c.synthesis_id}" for c in available_models()),
    )
