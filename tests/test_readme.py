"""The README names nothing that is not there."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
LINKS = [target for target in re.findall(r"\]\(([^)\s]+)", README) if not re.match(r"[a-z]+:|#", target)]
NAMED = re.findall(r"^\| `([^`]+)` \|", README, re.MULTILINE)
"""First column of the table of folders."""


def test_there_is_something_to_check() -> None:
    assert any(target.endswith(".png") for target in LINKS)
    assert any(target.endswith(".md") for target in LINKS)
    assert "codec/" in NAMED


@pytest.mark.parametrize("target", sorted({*LINKS, *NAMED}))
def test_everything_that_is_named_exists(target: str) -> None:
    path = ROOT / target.partition("#")[0]
    assert path.is_dir() if target.endswith("/") else path.is_file()
