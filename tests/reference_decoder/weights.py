"""FORMAT.md, section 5.1: weight files and their ids."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np

RESOURCES = Path(__file__).parents[2] / "resources"
_TYPES = {"F16": "<f2", "F32": "<f4", "U8": "u1", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8", "U16": "<u2",
          "U32": "<u4"}  # fmt: skip
TABLES_SHA256 = "548dcd00a18da2faa448e3283ad2baf6f3ed43a142eb940bafa68fa25060f4d7"


def read_safetensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Tensors and metadata."""
    data = path.read_bytes()
    size = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + size])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        start, end = (8 + size + offset for offset in entry["data_offsets"])
        tensors[name] = np.frombuffer(data[start:end], _TYPES[entry["dtype"]]).reshape(entry["shape"])
    return tensors, metadata


class Weights:
    """One model."""

    def __init__(self, path: Path) -> None:
        self.tensors, metadata = read_safetensors(path)
        self.config = json.loads(metadata["config"])

    def __getitem__(self, name: str) -> np.ndarray:
        return self.tensors[name]

    def real(self, name: str) -> np.ndarray:
        """A float tensor as float64."""
        value = self.tensors[name].astype(np.float64)
        return value * self.tensors[name + "_scale"][:, None] if self.tensors[name].dtype == np.int8 else value

    def ids(self) -> tuple[bytes, bytes]:
        """entropy_id and synthesis_id."""

        def first_bytes(prefix: str, starts: tuple[str, ...]) -> bytes:
            sha = hashlib.sha256(prefix.encode())
            for name in sorted(name for name in self.tensors if name.startswith(starts)):
                tensor = self.tensors[name]
                shape = "(" + ", ".join(map(str, tensor.shape)) + (",)" if tensor.ndim == 1 else ")")
                sha.update(f"{name} torch.{tensor.dtype} {shape}".encode() + tensor.tobytes())
            return sha.digest()[:4]

        fields = json.dumps({k: v for k, v in self.config.items() if k != "name"}, sort_keys=True)
        return (
            first_bytes(
                TABLES_SHA256, ("hyper_decoder.", "context.scales.", "context.seen.", "z_table", "y_shape", "z_shape")
            ),
            first_bytes(fields, ("gains.", "context.passes.", "context.latent_std", "synthesis.")),
        )
