"""What conformance sets of pictures and of video share: their manifest, and how a stream of them fared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from codec.errors import InputError
from codec.files import read_bytes

MANIFEST = "manifest.json"
MODEL = "model.safetensors"


class NamedCase(Protocol):
    """One stream of a set."""

    @property
    def name(self) -> str:
        """Of its files."""
        ...


Case = TypeVar("Case", bound=NamedCase)


@dataclass(frozen=True)
class Outcome(Generic[Case]):
    """How one stream fared on one device: a check that is missing does not apply.

    Attributes
    ----------
    passed : dict of str to bool
        By name of the check.
    detail : str
        What went wrong.
    """

    case: Case
    device: str
    passed: dict[str, bool] = field(default_factory=dict)
    detail: str = ""

    @property
    def good(self) -> bool:
        """Whether every check passed."""
        return not self.detail and all(self.passed.values())


def read_cases(place: Path, make: Callable[[dict[str, Any]], Case]) -> list[Case]:
    """All cases of the set in a folder.

    Parameters
    ----------
    make : callable
        Makes a case of its entry in the manifest.

    Raises
    ------
    InputError
        If the manifest is missing or damaged.
    """
    path = place / MANIFEST
    try:
        return [make(entry) for entry in json.loads(read_bytes(path))["streams"]]
    except (ValueError, KeyError, TypeError) as error:
        raise InputError("the manifest is damaged", where=str(path), hint="reinstall") from error
