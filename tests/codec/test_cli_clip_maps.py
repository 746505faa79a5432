"""`--maps` of clips: one statistics file for all frames, and pictures, when coding and out of the stream."""

from __future__ import annotations

from collections import defaultdict
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from codec import cli
from codec.video.frame import Frame, VideoFormat
from codec.video.writing import write_video

WIDTH, HEIGHT, FRAMES = 72, 40, 3


@pytest.fixture
def coded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Code `a.y4m` to `a.tcm` with maps in `coded`, and read those of the stream into `read`."""
    monkeypatch.chdir(tmp_path)
    frames = []
    for index in range(FRAMES):
        x, y = np.arange(WIDTH), np.arange(HEIGHT)[:, None]
        luma = (120 + 60 * np.sin((x + 2 * index) / 6) * np.cos(y / 5)).astype(np.uint8)
        chroma = np.full((HEIGHT // 2, WIDTH // 2), 110, np.uint8)
        frames.append(Frame((luma, chroma, chroma), 8, index))
    write_video(frames, VideoFormat(WIDTH, HEIGHT, 8, Fraction(25)), "a.y4m")
    assert cli.main(["encode", "a.y4m", "-o", "a.tcm", "--qp", "30", "--effort", "0", "--maps", "coded"]) == 0
    assert cli.main(["info", "a.tcm", "--maps", "read"]) == 0
    assert cli.main(["decode", "a.tcm", "-o", "b.y4m", "--maps", "decoded"]) == 0


def test_statistics_for_yuview(coded: None) -> None:
    by_type: dict[str, dict[int, dict[tuple[int, ...], list[int]]]] = {}
    for folder in ("coded", "read", "decoded"):
        assert [path.name for path in Path(folder).glob("*.csv")] == ["a.csv"], "one file for the clip"
        lines = Path(folder, "a.csv").read_text().splitlines()
        assert lines[1] == f"%;seq-specs;a;0;{WIDTH};{HEIGHT};0;"
        names = {line.split(";")[2]: line.split(";")[3] for line in lines if line.startswith("%;type;")}
        found: dict[str, dict[int, dict[tuple[int, ...], list[int]]]] = defaultdict(lambda: defaultdict(dict))
        for line in lines:
            if not line.startswith("%"):
                picture, left, top, width, height, kind, *values = map(int, line.split(";"))
                assert left + width <= WIDTH
                assert top + height <= HEIGHT
                place = (left, top, width, height)
                assert place not in found[names[str(kind)]][picture]
                found[names[str(kind)]][picture][place] = values
        for blocks in found["QP_per_block_x100"].values():
            assert sum(width * height for _, _, width, height in blocks) == WIDTH * HEIGHT
        assert sorted(found["QP_per_block_x100"]) == list(range(FRAMES))
        by_type[folder] = found
    assert by_type["read"]["QP_per_block_x100"] == by_type["coded"]["QP_per_block_x100"]
    assert by_type["read"].keys() <= by_type["coded"].keys()
    more = by_type["decoded"].keys() - by_type["read"].keys()
    assert {name.split("_x")[0] for name in more} == {"Energy_of_the_residual", "Bits_per_block"}
    assert "Saved_by_inter_prediction_x100_percent" in by_type["coded"]


def test_pictures_of_every_frame(coded: None) -> None:
    for folder in ("coded", "read", "decoded"):
        assert sorted(path.name for path in Path(folder).glob("qp_*.png")) == [f"qp_{n:05d}.png" for n in range(FRAMES)]
    energy = [sorted(Path(folder).glob("residual_energy_*.png")) for folder in ("coded", "decoded")]
    assert [path.name for path in energy[0]] == [path.name for path in energy[1]] != []
    assert [path.read_bytes() for path in energy[0]] == [path.read_bytes() for path in energy[1]]
