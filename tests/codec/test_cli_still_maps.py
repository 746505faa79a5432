"""`--maps` of pictures: what encoder and decoder know of every block, as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from codec import cli
from codec.files import read_picture, write_picture
from codec.resources import resource


def test_maps_of_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture(read_picture(resource("samples/street.png")).crop(40, 30, 70, 90), Path("a.png"))
    assert cli.main(["encode", "a.png", "-o", "a.tnc", "--qp", "30", "--aq", "1", "--maps", "coded"]) == 0
    assert cli.main(["decode", "a.tnc", "-o", "b.png", "--maps", "decoded"]) == 0
    coded, decoded = ({path.name for path in Path(folder).iterdir()} for folder in ("coded", "decoded"))
    assert {"a.csv", "a_bits.png", "a_qp.png", "a_latent_energy.png"} <= decoded
    assert decoded | {"a_psnr.png"} <= coded
    for name in ("a_bits.png", "a_qp.png"):
        ours, theirs = (read_picture(Path(folder, name)) for folder in ("coded", "decoded"))
        assert (ours.height_px, ours.width_px) == (70, 90)
        assert (ours.rgb == theirs.rgb).all(), "the stream says the same"
    assert cli.main(["decode", "a.tnc", "-o", "b.png", "--salvage", "--maps", "decoded"]) == 1
    assert "without --salvage" in capsys.readouterr().err
