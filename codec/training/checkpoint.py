"""Reading a checkpoint of `Trainer.save`: tensors and plain values only, and one clear error for anything else."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from codec.errors import ModelError

FIELDS = ("model", "average", "muon", "adam", "step", "seconds", "config")


def load_checkpoint(path: Path, device: torch.device | str = "cpu", fields: Sequence[str] = FIELDS) -> dict[str, Any]:
    """The state that a trainer saved, with all these fields; no code in the file is run.

    Raises
    ------
    ModelError
        If the file is no checkpoint.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except OSError as error:
        raise ModelError(f"not a checkpoint: {error.strerror or error}", where=str(path)) from error
    except (pickle.UnpicklingError, EOFError, RuntimeError, ValueError, LookupError, TypeError) as error:
        raise ModelError("not a checkpoint", where=str(path), hint="`tnc train run` writes them") from error
    lacking = fields if not isinstance(state, dict) else [name for name in fields if name not in state]
    if lacking:
        raise ModelError(f"not a checkpoint of a training: no {', '.join(lacking)} in it", where=str(path))
    return state


def first_line(error: Exception) -> str:
    """The head of an error whose text goes on for pages, as that of weights that do not fit."""
    return str(error).partition("\n")[0].rstrip(":") or type(error).__name__
