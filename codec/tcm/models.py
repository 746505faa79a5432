"""The installed model of video: loading it for coding, and finding it by the ids in a stream."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from codec.entropy import N_SCALES, N_SHAPES
from codec.errors import ModelError, UnknownModel
from codec.integer.layers import RELU_RANGE, IntLayer
from codec.integer.proof import prove
from codec.nn.rep_conv import fuse_all
from codec.resources import resource
from codec.tcm.complexity import KindComplexity, count_macs
from codec.tcm.config import TcmConfig
from codec.tcm.fixed import FixedSynthesis
from codec.tcm.model import TcmNet
from codec.tcm.qp_tables import QpTables
from codec.tcm.weights import KINDS, load_float_part, model_ids, read_weights

RESOURCE = "weights/tcm.safetensors"


@dataclass(frozen=True, eq=False)
class FrameModel:
    """Networks of one kind of frame, ready to code with.

    Attributes
    ----------
    net : TcmNet
        Float encoder networks; integer entropy networks, frozen, in float64.
    synthesis : FixedSynthesis
        Integer synthesis.
    tables : QpTables
    z_table : numpy.ndarray
        `(64, Cz)` int16 table indices of z by integer base QP.
    y_shape_base : torch.Tensor
        `(C,)` int64 offsets, `shape index * 64`.
    complexity : KindComplexity
        MACs by part.
    dtype : torch.dtype
        What carries the integers of a decoder: float64, or int64 in the oracle that it is compared with.
    """

    config: TcmConfig
    net: TcmNet
    synthesis: FixedSynthesis
    tables: QpTables
    z_table: np.ndarray
    y_shape_base: torch.Tensor
    device: torch.device
    complexity: KindComplexity
    dtype: torch.dtype = torch.float64


@dataclass(frozen=True, eq=False)
class TcmModel:
    """The video codec's networks.

    Attributes
    ----------
    key, inter : FrameModel
    entropy_id, synthesis_id : bytes
        Four bytes each.
    """

    key: FrameModel
    inter: FrameModel
    entropy_id: bytes
    synthesis_id: bytes

    @property
    def device(self) -> torch.device:
        """Where networks run."""
        return self.key.device

    @property
    def kmac_per_px(self) -> float:
        """Work of the complete decoder per padded luma pixel in the dearer kind of frame, thousands of MACs."""
        return max(m.complexity.decoder_kmac_per_px for m in (self.key, self.inter))

    def of(self, *, key: bool) -> FrameModel:
        """Networks of a kind of frame."""
        return self.key if key else self.inter


def load_file(path: Path, device: torch.device, dtype: torch.dtype = torch.float64) -> TcmModel:
    """Load a weight file; proves the integer bounds again before anything is decoded with it.

    Parameters
    ----------
    dtype : torch.dtype
        float64, or int64: slow, of use to compare with, and for decoding only.
    """
    configs, parts = read_weights(path)
    entropy_id, synthesis_id = model_ids(parts, configs)
    key, inter = (_load_kind(configs[kind], parts[kind], path, device, dtype) for kind in KINDS)
    return TcmModel(key, inter, entropy_id, synthesis_id)


def _load_kind(
    config: TcmConfig, tensors: Mapping[str, torch.Tensor], path: Path, device: torch.device, dtype: torch.dtype
) -> FrameModel:
    net = TcmNet(config)
    fuse_all(net)
    load_float_part(net, tensors, path)
    try:
        for name, layer in net.named_modules():
            if isinstance(layer, IntLayer):
                parts = [tensors[f"{name}.{part}"] for part in ("weight", "bias", "shift")]
                if [t.shape for t in parts] != [layer.weight.shape, layer.bias.shape, layer.bias.shape]:
                    raise ModelError(f"{name} has another shape", where=path.name, hint="reinstall")
                layer.freeze(*[t.to(device, dtype) for t in parts])
        _copy_table(net.hyper_decoder.qp_index, tensors["hyper_decoder.qp_index"], (-32768, 32767), path)
        _copy_table(net.context.compand.table, tensors["context.compand"], RELU_RANGE, path)
        tables = QpTables.load(tensors, config.y_channels, device, path.name, dtype)
        z_table = _table_indices(tensors, "z_table", (64, config.z_channels), N_SCALES, path)
        z_shape = _table_indices(tensors, "z_shape", (config.z_channels,), N_SHAPES, path)
        y_shape = _table_indices(tensors, "y_shape", (config.y_channels,), N_SHAPES, path)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"tensor {error} is missing or does not fit", where=path.name, hint="reinstall") from error
    prove(net)
    synthesis = FixedSynthesis(config)
    own = {name.removeprefix("synthesis."): t for name, t in tensors.items() if name.startswith("synthesis.")}
    synthesis.load(own, path.name)
    for layer in synthesis.layers().values():
        layer.convert(dtype)
    return FrameModel(
        config, net.to(device).eval().requires_grad_(False), synthesis.to(device), tables,
        (z_table + N_SCALES * z_shape).astype(np.int16),
        torch.from_numpy(y_shape.astype(np.int64) * N_SCALES).to(device), device, count_macs(config), dtype,
    )  # fmt: skip


def _copy_table(target: torch.Tensor, found: torch.Tensor, bounds: tuple[int, int], path: Path) -> None:
    within = found.dtype == torch.int16 and bounds[0] <= int(found.min()) <= int(found.max()) <= bounds[1]
    if found.shape != target.shape or not within:
        raise ModelError("a table of an integer network does not fit", where=path.name, hint="reinstall")
    target.copy_(found)


def _table_indices(
    tensors: Mapping[str, torch.Tensor], name: str, shape: tuple[int, ...], limit: int, path: Path
) -> np.ndarray:
    value = tensors[name]
    if tuple(value.shape) != shape or value.dtype != torch.uint8 or int(value.max()) >= limit:
        raise ModelError(f"tensor {name} does not fit", where=path.name, hint="reinstall")
    return value.numpy().astype(np.int16)


_loaded: dict[torch.device, TcmModel] = {}
_loading = threading.Lock()


def load_tcm(device: torch.device | str = "cpu") -> TcmModel:
    """The installed model, loaded once per device."""
    device = torch.device(device)
    with _loading:
        if device not in _loaded:
            path = resource(RESOURCE)
            if not path.exists():
                raise ModelError("no model of video is installed", where=RESOURCE, hint="reinstall")
            _loaded[device] = load_file(path, device)
        return _loaded[device]


def load_for(entropy_id: bytes, synthesis_id: bytes, device: torch.device | str = "cpu") -> TcmModel:
    """The model that a stream names.

    Raises
    ------
    UnknownModel
        If another one is installed.
    """
    model = load_tcm(device)
    if (model.entropy_id, model.synthesis_id) != (entropy_id, synthesis_id):
        raise UnknownModel(
            f"the stream was coded with model {entropy_id.hex()}/{synthesis_id.hex()}, which is not installed",
            section="header",
            hint=f"installed: {model.entropy_id.hex()}/{model.synthesis_id.hex()}",
        )
    return model
