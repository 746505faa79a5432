"""Bases: the trained networks that over-fitting starts from, one per rate, as shipped in `weights/inr.safetensors`.

A stream names the file by a hash and says nothing else about it: which base a block starts from follows from its QP.
Integer layers are stored as int8 weights, int32 biases and int8 scales, the rest in fp16. The feed-forward analysis
travels in the same file; only encoders read it, and the hash leaves it out.
"""

from __future__ import annotations

import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save

from codec.entropy import tables_id
from codec.entropy.shifted import shifted_tables_id
from codec.errors import BitstreamError, ModelError
from codec.files import write_bytes
from codec.integer.layers import WEIGHT_MAX
from codec.quality import QP_STEPS
from codec.resources import resource
from codec.tnc.inr.analysis import InrAnalysis
from codec.tnc.inr.config import InrConfig
from codec.tnc.inr.layers import BIAS_MAX, EXPONENT, SHIFT_MAX, BlockPointwise
from codec.tnc.inr.network import InrNet

FORMAT = "tnc-inr-1"
RESOURCE = "weights/inr.safetensors"
ID_BYTES = 4
ANALYSIS = "analysis."
SCALE = ".scale"


@dataclass(frozen=True, eq=False)
class InrBase:
    """All bases of one file.

    Attributes
    ----------
    config : InrConfig
        Shape of the networks.
    qps : tuple of float
        QP of every base, ascending.
    base_id : bytes
        Four bytes that name the networks and tables.
    weights : mapping of str to torch.Tensor
        Parameters and scales of an `InrNet` by name, float32, one set per base; those of integer layers are exact
        multiples of 2^-scale.
    analysis : InrAnalysis or None
        Feed-forward start of the latents, if one was trained.
    """

    config: InrConfig
    qps: tuple[float, ...]
    base_id: bytes
    weights: Mapping[str, torch.Tensor]
    analysis: InrAnalysis | None

    def nearest(self, qp16: int) -> int:
        """Base for a QP in sixteenths; the finer one of two that are equally near."""
        return min(range(len(self.qps)), key=lambda i: abs(qp16 - round(self.qps[i] * QP_STEPS)))

    def step_scale(self, qp16: int) -> float:
        """Quantisation step relative to that of the nearest base: it doubles every six QP."""
        return float(2.0 ** ((qp16 / QP_STEPS - self.qps[self.nearest(qp16)]) / 6.0))

    def sets(self, qps16: Sequence[int]) -> dict[str, torch.Tensor]:
        """Weights for one network per QP, in that order."""
        chosen = torch.tensor([self.nearest(qp16) for qp16 in qps16])
        return {name: value[chosen] for name, value in self.weights.items()}


def network_with(config: InrConfig, weights: Mapping[str, torch.Tensor]) -> InrNet:
    """A network that holds these weights and scales, for as many blocks as they have sets."""
    net = InrNet(config, next(iter(weights.values())).shape[0])
    net.load_state_dict(dict(weights))
    for layer in net.modules():
        if isinstance(layer, BlockPointwise):
            layer.scale_frozen = True
    return net


def export_tensors(net: InrNet, analysis: InrAnalysis | None) -> dict[str, torch.Tensor]:
    """What the file holds of trained networks; they are left as they were."""
    tensors: dict[str, torch.Tensor] = {}
    for name, layer in net.named_modules():
        if isinstance(layer, BlockPointwise):
            weight, bias, scale = (part.detach() for part in layer.integers())
            tensors[f"{name}.weight"] = weight.to(torch.int8)
            tensors[f"{name}.bias"] = bias.to(torch.int32)
            tensors[f"{name}{SCALE}"] = scale.to(torch.int8)
    for name, value in net.state_dict().items():
        if name not in tensors:
            tensors[name] = value.to(torch.float16)
    if analysis is not None:
        tensors |= {ANALYSIS + name: value.to(torch.float16) for name, value in analysis.state_dict().items()}
    return {name: value.cpu().contiguous() for name, value in tensors.items()}


def write_base(net: InrNet, analysis: InrAnalysis | None, qps: Sequence[float], path: Path) -> bytes:
    """Export trained bases; return their id."""
    tensors = export_tensors(net, analysis)
    metadata = {"format": FORMAT, "config": json.dumps(net.config.to_json()), "qps": json.dumps(list(qps))}
    write_bytes(path, save(tensors, metadata))
    return _base_id(tensors, net.config, qps)


def _base_id(tensors: Mapping[str, torch.Tensor], config: InrConfig, qps: Sequence[float]) -> bytes:
    shape = json.dumps({"config": config.to_json(), "qps": list(qps)}, sort_keys=True)
    sha = hashlib.sha256((tables_id() + shifted_tables_id() + shape).encode())
    for name in sorted(tensors):
        if not name.startswith(ANALYSIS):
            value = tensors[name]
            sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            sha.update(value.numpy().tobytes())
    return sha.digest()[:ID_BYTES]


def load_base(path: Path) -> InrBase:
    """Read a file of bases and check everything that exact decoding relies on.

    Raises
    ------
    ModelError
        If it cannot be read, or an integer is out of range.
    """
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelError("not a file of bases of this version", where=path.name)
            config = InrConfig.from_json(json.loads(metadata["config"]))
            qps = tuple(float(qp) for qp in json.loads(metadata["qps"]))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the bases cannot be read: {error}", where=path.name, hint="reinstall") from error
    net = InrNet(config, len(qps))
    analysis = InrAnalysis(config, qps) if any(name.startswith(ANALYSIS) for name in tensors) else None
    layers = {name: layer for name, layer in net.named_modules() if isinstance(layer, BlockPointwise)}
    try:
        for name in layers:
            weight, bias, scale = (tensors[name + part] for part in (".weight", ".bias", SCALE))
            _check_integers(weight, bias, scale, f"{path.name} {name}")
        weights = {}
        for name, value in net.state_dict().items():
            stored = tensors[name].float()
            if stored.shape != value.shape:
                raise ModelError(f"{name} has another shape", where=path.name, hint="reinstall")
            owner, _, part = name.rpartition(".")
            if owner in layers and part in ("weight", "bias"):
                scale = tensors[owner + SCALE].float()
                stored *= torch.exp2(-scale)[..., None] if part == "weight" else torch.exp2(-scale - EXPONENT)[:, None]
            weights[name] = stored
        if analysis is not None:
            analysis.load_state_dict({n: tensors[ANALYSIS + n].float() for n in analysis.state_dict()})
            analysis = analysis.eval().requires_grad_(False)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"the bases are incomplete: {error}", where=path.name, hint="reinstall") from error
    return InrBase(config, qps, _base_id(tensors, config, qps), weights, analysis)


def _check_integers(weight: torch.Tensor, bias: torch.Tensor, scale: torch.Tensor, where: str) -> None:
    types = [t.dtype for t in (weight, bias, scale)] == [torch.int8, torch.int32, torch.int8]
    in_range = types and (
        int(weight.abs().max()) <= WEIGHT_MAX
        and int(bias.abs().max()) <= BIAS_MAX
        and 0 <= int(scale.min()) <= int(scale.max()) <= SHIFT_MAX
    )
    if not in_range:
        raise ModelError("an integer is out of range", where=where, hint="reinstall")


@functools.cache
def installed_base() -> InrBase:
    """The bases that ship with the program, read once."""
    return load_base(resource(RESOURCE))


def base_by_id(base_id: bytes) -> InrBase:
    """The bases that a stream names."""
    base = installed_base()
    if base.base_id != base_id:
        raise BitstreamError(
            f"over-fitted blocks start from base {base_id.hex()}, which is not installed",
            section="branches", hint=f"installed: {base.base_id.hex()}",
        )  # fmt: skip
    return base
