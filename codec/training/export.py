"""From a training checkpoint to the weight file that ships."""

from __future__ import annotations

from pathlib import Path

from codec.errors import ModelError
from codec.tnc.config import ModelConfig
from codec.tnc.model import TncModel
from codec.tnc.weights import write_weights
from codec.training.checkpoint import first_line, load_checkpoint


def model_of_checkpoint(path: Path, *, averaged: bool = True) -> TncModel:
    """The (averaged) model in a checkpoint of `Trainer.save`."""
    state = load_checkpoint(path)
    try:
        model = TncModel(ModelConfig.from_json(state["config"]))
        model.load_state_dict(state["average" if averaged else "model"])
    except (RuntimeError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(f"not a checkpoint that can be exported: {first_line(error)}", where=str(path)) from error
    return model.eval()


def export_checkpoint(checkpoint: Path, output: Path) -> tuple[str, str]:
    """Write the weight file of a checkpoint; returns `(entropy_id, synthesis_id)` in hex."""
    entropy_id, synthesis_id = write_weights(model_of_checkpoint(checkpoint), output)
    return entropy_id.hex(), synthesis_id.hex()
