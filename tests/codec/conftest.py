"""A part of the conformance set of video, to be damaged."""

import json
import shutil
from pathlib import Path

import pytest

from codec.conformance_set import MANIFEST, MODEL
from codec.tcm.conformance import folder


@pytest.fixture
def video_copy(tmp_path: Path) -> Path:
    """One stream of the set of video, of two groups of frames."""
    place = tmp_path / "video"
    place.mkdir()
    manifest = json.loads((folder() / MANIFEST).read_text())
    manifest["streams"] = [entry for entry in manifest["streams"] if entry["name"] == "no_checksums"]
    (place / MANIFEST).write_text(json.dumps(manifest))
    for name in ("no_checksums.tcm", MODEL):
        shutil.copy(folder() / name, place)
    return place
