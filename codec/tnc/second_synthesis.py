"""A second synthesis for the streams of a model: other pixels from the same symbols.

A stream names the synthesis that its encoder aimed at (PSNR). A file of this kind names the model that it belongs to by
both ids, so nothing in the stream changes, and every stream of that model can be shown either way.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save

from codec.errors import ModelError, SettingsError
from codec.files import write_bytes
from codec.nn.rep_conv import fuse_all
from codec.resources import resource
from codec.tnc.config import ModelConfig
from codec.tnc.models import LoadedModel
from codec.tnc.settings import DECODERS
from codec.tnc.transform import Synthesis
from codec.tnc.weights import digest

FORMAT = "tnc-synthesis-1"
PREFIX = "synthesis."


@dataclass(frozen=True)
class SynthesisCard:
    """What is known of a file without loading it.

    Attributes
    ----------
    entropy_id, synthesis_id : bytes
        Of the model whose symbols it takes.
    own_id : bytes
        Hash of the synthesis itself.
    distance : str
        What it was trained to keep small.
    """

    config: ModelConfig
    entropy_id: bytes
    synthesis_id: bytes
    own_id: bytes
    distance: str
    file: Path


def export_synthesis(synthesis: Synthesis, config: ModelConfig) -> dict[str, torch.Tensor]:
    """Tensors of a shipped synthesis from a trained one, which is left as it was."""
    fused = Synthesis(config)
    fused.load_state_dict(synthesis.state_dict())
    fuse_all(fused)
    return {f"{PREFIX}{name}": value.to(torch.float16).contiguous() for name, value in fused.state_dict().items()}


def write_synthesis(
    synthesis: Synthesis, config: ModelConfig, path: Path, *, entropy_id: bytes, synthesis_id: bytes, distance: str
) -> None:
    """Write the file of a synthesis for the symbols of the model with these ids."""
    metadata = {
        "format": FORMAT, "config": json.dumps(config.to_json()), "entropy_id": entropy_id.hex(),
        "synthesis_id": synthesis_id.hex(), "distance": distance,
    }  # fmt: skip
    write_bytes(path, save(export_synthesis(synthesis, config), metadata))


def read_synthesis(path: Path) -> tuple[SynthesisCard, Mapping[str, torch.Tensor]]:
    """Card and tensors of a file."""
    try:
        with safetensors.safe_open(str(path), framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("format") != FORMAT:
                raise ModelError("not a second synthesis of this version", where=path.name)
            config = ModelConfig.from_json(json.loads(metadata["config"]))
            entropy_id, synthesis_id = (bytes.fromhex(metadata[name]) for name in ("entropy_id", "synthesis_id"))
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - not a dict
            distance = metadata.get("distance", "")
    except (OSError, safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise ModelError(f"the synthesis cannot be read: {error}", where=path.name, hint="reinstall") from error
    own_id = digest(tensors, (PREFIX,), json.dumps(config.to_json(), sort_keys=True))
    return SynthesisCard(config, entropy_id, synthesis_id, own_id, distance, path), tensors


@cache
def installed_syntheses() -> tuple[SynthesisCard, ...]:
    """The perceptual syntheses that are installed, one per model at most."""
    folder = resource("weights")
    return tuple(read_synthesis(path)[0] for path in sorted(folder.glob("*.perceptual.safetensors")))


def decoders_of(entropy_id: bytes, synthesis_id: bytes) -> tuple[str, ...]:
    """Which of `DECODERS` can show the streams of a model that is installed."""
    ids = [(card.entropy_id, card.synthesis_id) for card in installed_syntheses()]
    return DECODERS if (entropy_id, synthesis_id) in ids else DECODERS[:1]


_loaded: dict[tuple[Path, torch.device], Synthesis] = {}


def for_decoder(model: LoadedModel, decoder: str) -> LoadedModel:
    """The model with the synthesis that a decoder wants; everything else is shared with it.

    Raises
    ------
    ModelError
        If there is no such decoder for the model.
    """
    if decoder == DECODERS[0]:
        return model
    if decoder not in DECODERS:
        raise SettingsError(f"unknown decoder {decoder!r}", hint=" or ".join(DECODERS))
    for card in installed_syntheses():
        if (card.entropy_id, card.synthesis_id) == (model.entropy_id, model.synthesis_id):
            if (card.file, model.device) not in _loaded:
                _loaded[card.file, model.device] = load_synthesis(card.file, model).to(model.device)
            return with_synthesis(model, _loaded[card.file, model.device])
    raise ModelError(
        f"no {decoder} decoder is installed for model {model.config.name} "
        f"({model.entropy_id.hex()}/{model.synthesis_id.hex()})", hint="--decoder psnr",
    )  # fmt: skip


def load_synthesis(path: Path, model: LoadedModel) -> Synthesis:
    """Load the synthesis in a file, which has to belong to the model."""
    card, tensors = read_synthesis(path)
    if (card.entropy_id, card.synthesis_id) != (model.entropy_id, model.synthesis_id):
        raise ModelError("this synthesis belongs to another model", where=path.name)
    synthesis = Synthesis(model.config, fused=True)
    wanted = synthesis.state_dict()
    found = {name: tensors.get(PREFIX + name) for name in wanted}
    for name, value in found.items():
        if value is None or value.shape != wanted[name].shape:
            raise ModelError(f"tensor {name} is missing or has another shape", where=path.name, hint="reinstall")
    synthesis.load_state_dict({name: value.float() for name, value in found.items() if value is not None})
    return synthesis.eval().requires_grad_(False)


def with_synthesis(model: LoadedModel, synthesis: Synthesis) -> LoadedModel:
    """A model that shares everything but its synthesis."""
    net = copy.copy(model.net)
    net._modules = {**model.net._modules, "synthesis": synthesis}
    return replace(model, net=net)
