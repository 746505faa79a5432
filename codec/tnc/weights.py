"""Weight files: what ships of a model, in safetensors, and the two hashes by which streams name it.

Floats are stored in fp16 with fused 3x3 kernels, the deep transforms' matrices in int8 with a scale per row; the
integer networks as int8, int32 and int8 shifts, with the tables that go with them. `entropy_id` covers everything that
chooses probability tables, `synthesis_id` everything that makes pixels of symbols; a new synthesis therefore still
reads old streams' symbols.
"""

from __future__ import annotations

import hashlib
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
from codec.integer.layers import RELU_RANGE, WEIGHT_MAX, IntLayer
from codec.integer.proof import prove
from codec.nn.rep_conv import fuse_all
from codec.tnc.config import ModelConfig
from codec.tnc.model import TncModel

ID_BYTES = 4
DECODER_PARTS = ("gains.", "context.passes.", "context.latent_std", "synthesis.")
ENTROPY_PARTS = ("hyper_decoder.", "context.scales.", "context.seen.", "z_table", "y_shape", "z_shape")
TABLES = {"hyper_decoder.qp_index": (-32768, 32767), "context.seen.compand.table": RELU_RANGE}
"""Tables of the integer networks, int16, and the range of their entries."""
COMPACT_PARTS = ("analysis.", "hyper_analysis.", "synthesis.")
"""Networks whose matrices are stored in 8 bits, but for the DCT path, which sees every bit (RUNS.md)."""
SCALE = "_scale"
"""Behind the name of a matrix in 8 bits: the name of its scales, float32."""
FORMAT = "tnc-weights-2"


def export_tensors(model: TncModel) -> dict[str, torch.Tensor]:
    """Tensors of a shipped model from a trained one; proves the 2^24 bound on the way.

    The model itself is left as it was.
    """
    prove(model)
    copy = TncModel(model.config)
    copy.load_state_dict(model.state_dict())
    fuse_all(copy)
    tensors: dict[str, torch.Tensor] = {}
    integer = {name for name, layer in copy.named_modules() if isinstance(layer, IntLayer)}
    for name, value in copy.state_dict().items():
        owner = name.rpartition(".")[0]
        if owner in integer or name.startswith("hyper_prior.") or name in TABLES:
            continue
        if _compact(name):
            tensors[name], tensors[name + SCALE] = to_int8(value)
        else:
            tensors[name] = value.to(torch.float16)
    for name, layer in copy.named_modules():
        if isinstance(layer, IntLayer):
            weight, bias, shift = layer.quantised()
            tensors[f"{name}.weight"] = weight.detach().to(torch.int8)
            tensors[f"{name}.bias"] = bias.detach().to(torch.int32)
            tensors[f"{name}.shift"] = shift.detach().to(torch.int8)
    tensors |= {name: copy.get_buffer(name).to(torch.int16) for name in TABLES}
    tensors["z_table"] = copy.hyper_prior.table().to(torch.uint8)  # (64, Cz)
    tensors["y_shape"] = torch.full((model.config.y_channels,), SHAPE_1_5, dtype=torch.uint8)
    tensors["z_shape"] = torch.full((model.config.z_channels,), SHAPE_1_5, dtype=torch.uint8)
    tensors["hyper_prior.log_scale"] = copy.hyper_prior.log_scale.detach().to(torch.float16)  # for further training
    return {name: value.contiguous() for name, value in tensors.items()}


def _compact(name: str) -> bool:
    return (
        name.startswith(COMPACT_PARTS) and name.endswith((".weight", ".weight3")) and not name.endswith("linear.weight")
    )


def to_int8(matrix: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """`(rows, cols)` to int8 and the float32 scale of every row."""
    scale = matrix.abs().amax(1).clamp(min=1e-12) / WEIGHT_MAX
    return torch.round(matrix / scale[:, None]).clamp(-WEIGHT_MAX, WEIGHT_MAX).to(torch.int8), scale.float()


def floats(tensors: Mapping[str, torch.Tensor], name: str) -> torch.Tensor:
    """A float tensor of a file as float32, whether it is stored in 8 bits or in 16."""
    value = tensors[name].float()
    return value * tensors[name + SCALE][:, None] if tensors[name].dtype == torch.int8 else value


def digest(tensors: Mapping[str, torch.Tensor], prefixes: tuple[str, ...], extra: str) -> bytes:
    """First bytes of a SHA-256 over the named tensors' names, types, shapes and values, in sorted order."""
    sha = hashlib.sha256(extra.encode())
    for name in sorted(tensors):
        if name.startswith(prefixes):
            value = tensors[name]
            sha.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
            sha.update(value.numpy().tobytes())
    return sha.digest()[:ID_BYTES]


def model_ids(tensors: Mapping[str, torch.Tensor], config: ModelConfig) -> tuple[bytes, bytes]:
    """`(entropy_id, synthesis_id)` of a set of exported tensors."""
    shape = json.dumps({k: v for k, v in config.to_json().items() if k != "name"}, sort_keys=True)
    return digest(tensors, ENTROPY_PARTS, tables_id()), digest(tensors, DECODER_PARTS, shape)


def write_weights(model: TncModel, path: Path) -> tuple[bytes, bytes]:
    """Export a trained model to a file; return its ids."""
    tensors = export_tensors(model)
    ids = model_ids(tensors, model.config)
    metadata = {"format": FORMAT, "config": json.dumps(model.config.to_json())}
    write_bytes(path, save(tensors, metadata))
    return ids


def read_weights(path: Path) -> tuple[ModelConfig, dict[str, torch.Tensor]]:
    """Configuration and tensors of a weight file."""
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelError("not a TNC weight file of this version", where=path.name)
            config = ModelConfig.from_json(json.loads(metadata["config"]))
            return config, {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the weight file cannot be read: {error}", where=path.name, hint="reinstall") from error


def load_float_part(model: TncModel, tensors: Mapping[str, torch.Tensor], path: Path) -> None:
    """Copy the float tensors of a file into a fused model."""
    integer = {name for name, layer in model.named_modules() if isinstance(layer, IntLayer)}
    wanted = {name: t for name, t in model.state_dict().items() if name.rpartition(".")[0] not in integer}
    missing = [n for n, t in wanted.items() if n not in tensors or tensors[n].shape != t.shape]
    for name in wanted.keys() - missing:
        matrix, scale = tensors[name], tensors.get(name + SCALE)
        if matrix.dtype == torch.int8 and (matrix.dim() != 2 or scale is None or scale.shape != matrix.shape[:1]):
            missing.append(name + SCALE)
    if missing:
        raise ModelError(f"tensor {missing[0]} is missing or has another shape", where=path.name, hint="reinstall")
    model.load_state_dict({name: floats(tensors, name).to(wanted[name].dtype) for name in wanted}, strict=False)


def model_to_train(path: Path) -> TncModel:
    """A trainable model that starts from shipped weights.

    The fused kernels become the 3x3 branches (the others start at zero); the integer layers continue from their
    dequantised weights.
    """
    config, tensors = read_weights(path)
    fused = TncModel(config, fused=True)
    load_float_part(fused, tensors, path)
    model = TncModel(config)
    state = fused.state_dict()
    for name, value in model.state_dict().items():
        if name in state:
            value.copy_(state[name])
        elif name.endswith((".weight1", ".identity")):
            value.zero_()
    with torch.no_grad():
        for name, layer in model.named_modules():
            if isinstance(layer, IntLayer):
                shift = tensors[f"{name}.shift"].float()
                scale = shift - layer.in_exponent + layer.out_exponent
                layer.weight.copy_(tensors[f"{name}.weight"].float() * torch.exp2(-scale)[:, None])
                layer.bias.copy_(tensors[f"{name}.bias"].float() * torch.exp2(-scale - layer.in_exponent))
    return model
