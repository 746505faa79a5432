"""The weight file of video: networks of key frames and of P frames in one safetensors file, and the ids of streams.

Encoder parts are fp16 with fused kernels. Integer entropy networks are int8, int32 and int8 shifts, the synthesis is
int16, int64 and int8, with every table they need. `entropy_id` covers all that chooses probability tables,
`synthesis_id` all that makes pixels.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save

from codec.entropy import tables_id
from codec.entropy.tables import SHAPE_1_5
from codec.errors import ModelError
from codec.files import write_bytes
from codec.integer.layers import IntLayer
from codec.integer.proof import prove
from codec.nn.rep_conv import RepConv, fuse_all
from codec.tcm.config import TcmConfig
from codec.tcm.fixed import FixedSynthesis
from codec.tcm.model import TcmNet
from codec.tcm.qp_tables import QpTables
from codec.tnc.weights import digest

FORMAT = "tcm-weights-1"
KINDS = ("key", "inter")
ENCODER_PARTS = ("analysis.", "hyper_analysis.")
TRAINING_PARTS = ("gains.", "hyper_prior.")
"""Kept so that training can go on; coding does not need them."""
ENTROPY_PARTS = ("hyper_decoder.", "prior.", "context.", "z_table", "z_shape", "y_shape", "unit_table", "undo_table")
SYNTHESIS_PARTS = ("synthesis.",)


def export_tensors(net: TcmNet) -> dict[str, torch.Tensor]:
    """Tensors of one shipped network from a trained one; proves the 2^24 bound on the way."""
    prove(net)
    copy = TcmNet(net.config)
    copy.load_state_dict(net.state_dict())
    fuse_all(copy.analysis)
    fuse_all(copy.hyper_analysis)
    tensors = {
        name: value.to(torch.float16)
        for name, value in copy.state_dict().items()
        if name.startswith((*ENCODER_PARTS, *TRAINING_PARTS))
    }
    for name, layer in copy.named_modules():
        if isinstance(layer, IntLayer):
            weight, bias, shift = layer.quantised()
            tensors[f"{name}.weight"] = weight.detach().to(torch.int8)
            tensors[f"{name}.bias"] = bias.detach().to(torch.int32)
            tensors[f"{name}.shift"] = shift.detach().to(torch.int8)
    synthesis = FixedSynthesis(net.config)
    synthesis.from_float(copy.synthesis, copy.std)
    tensors |= {f"synthesis.{name}": value for name, value in synthesis.tensors().items()}
    tensors |= QpTables.of(copy).tensors()
    tensors["hyper_decoder.qp_index"] = copy.hyper_decoder.qp_index.to(torch.int16)
    tensors["context.compand"] = copy.context.compand.table.to(torch.int16)
    tensors["z_table"] = copy.hyper_prior.table().to(torch.uint8)  # (64, Cz)
    tensors["y_shape"] = torch.full((net.config.y_channels,), SHAPE_1_5, dtype=torch.uint8)
    tensors["z_shape"] = torch.full((net.config.z_channels,), SHAPE_1_5, dtype=torch.uint8)
    tensors["std"] = copy.std.to(torch.float32)
    return {name: value.contiguous() for name, value in tensors.items()}


def write_weights(key: TcmNet, inter: TcmNet, path: Path) -> tuple[bytes, bytes]:
    """Export two trained networks to a file; return its ids."""
    return write_tensors(
        {"key": key.config, "inter": inter.config}, {"key": export_tensors(key), "inter": export_tensors(inter)}, path
    )


def write_tensors(
    configs: Mapping[str, TcmConfig], parts: Mapping[str, Mapping[str, torch.Tensor]], path: Path
) -> tuple[bytes, bytes]:
    """Write exported tensors of both kinds."""
    tensors = {f"{kind}.{name}": value for kind in KINDS for name, value in parts[kind].items()}
    metadata = {"format": FORMAT} | {kind: json.dumps(configs[kind].to_json()) for kind in KINDS}
    write_bytes(path, save(tensors, metadata))
    return model_ids(parts, configs)


def read_weights(path: Path) -> tuple[dict[str, TcmConfig], dict[str, dict[str, torch.Tensor]]]:
    """Configurations and tensors by kind of frame."""
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelError("not a weight file of video of this version", where=path.name)
            configs = {kind: TcmConfig.from_json(json.loads(metadata[kind])) for kind in KINDS}
            parts: dict[str, dict[str, torch.Tensor]] = {kind: {} for kind in KINDS}
            for name in file.keys():  # noqa: SIM118 - not a dict
                kind, _, rest = name.partition(".")
                parts[kind][rest] = file.get_tensor(name)
            return configs, parts
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the weight file cannot be read: {error}", where=path.name, hint="reinstall") from error


def model_ids(parts: Mapping[str, Mapping[str, torch.Tensor]], configs: Mapping[str, TcmConfig]) -> tuple[bytes, bytes]:
    """`(entropy_id, synthesis_id)` over both kinds of frames."""
    tensors = {f"{kind}.{name}": value for kind in KINDS for name, value in parts[kind].items()}
    shapes = {k: {n: v for n, v in configs[k].to_json().items() if n != "name"} for k in KINDS}
    extra = json.dumps(shapes, sort_keys=True)

    def prefixes(names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(f"{kind}.{name}" for kind in KINDS for name in names)

    return (
        digest(tensors, prefixes(ENTROPY_PARTS), tables_id() + extra),
        digest(tensors, prefixes(SYNTHESIS_PARTS), extra),
    )


def load_float_part(net: TcmNet, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Copy the encoder's tensors of a file into a network whose encoder is fused."""
    wanted = {
        n: t for n, t in net.state_dict().items() if n.startswith((*ENCODER_PARTS, *TRAINING_PARTS)) or n == "std"
    }
    missing = [n for n, t in wanted.items() if n not in tensors or tensors[n].shape != t.shape]
    if missing:
        raise ModelError(f"tensor {missing[0]} is missing or has another shape", where=path.name, hint="reinstall")
    net.load_state_dict({name: tensors[name].to(wanted[name].dtype) for name in wanted}, strict=False)


def net_to_train(config: TcmConfig, tensors: Mapping[str, torch.Tensor], path: Path) -> TcmNet:
    """A trainable network that starts from shipped tensors: fused kernels become the 3x3 branch, the others zero."""
    fused = TcmNet(config)
    fuse_all(fused.analysis)
    fuse_all(fused.hyper_analysis)
    load_float_part(fused, tensors, path)
    net = TcmNet(config)
    synthesis = FixedSynthesis(config)
    synthesis.load(
        {n.removeprefix("synthesis."): t for n, t in tensors.items() if n.startswith("synthesis.")}, path.name
    )
    state = fused.state_dict()
    with torch.no_grad():
        for name, value in net.state_dict().items():
            if name.endswith((".weight1", ".identity")):
                value.zero_()
            elif name in state:
                value.copy_(state[name])
        for name, layer in net.named_modules():
            if isinstance(layer, IntLayer):
                shift = tensors[f"{name}.shift"].float()
                scale = shift - layer.in_exponent + layer.out_exponent
                layer.weight.copy_(tensors[f"{name}.weight"].float() * torch.exp2(-scale)[:, None])
                layer.bias.copy_(tensors[f"{name}.bias"].float() * torch.exp2(-scale - layer.in_exponent))
        for name, fixed in synthesis.layers().items():
            weight, bias = fixed.dequantised()
            target = net.synthesis.get_submodule(name)
            if name == "linear":
                weight = weight / net.std
            if isinstance(target, RepConv):
                cout, per_filter = target.shape[:2]
                weight = weight.view(cout, 3, 3, per_filter).permute(0, 3, 1, 2).reshape(cout, -1)
                target.weight3.copy_(weight)
            else:
                target.get_parameter("weight").copy_(weight)
            target.get_parameter("bias").copy_(bias)
    return net
