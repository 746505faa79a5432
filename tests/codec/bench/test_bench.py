"""Measurements add up and cover every network; no test judges a time."""

from __future__ import annotations

import json

import pytest
import torch

from codec import cli
from codec.bench.machine import mac_rate_gmac_s
from codec.bench.measure import LARGE_PX, default_picture, large_picture, measure
from codec.errors import Cancelled, SettingsError
from codec.files import write_picture
from codec.jobs import CancelToken
from codec.tnc.models import load_file
from codec.tnc.profile import Recording, record, span
from tests.golden.cases import TINY_FILE
from tests.golden.make_golden import synthetic

CPU = torch.device("cpu")


def test_spans_nest_and_add_up() -> None:
    with span("outside"):  # nobody records
        pass
    with record() as recording:
        for _ in range(3):
            with span("a"), span("b"):
                pass
        with span("b"):
            pass
    with span("later"):
        pass
    assert list(recording.seconds) == ["a/b", "a", "b"]
    assert recording.seconds["a"] >= recording.seconds["a/b"] > 0
    assert list(recording.below("")) == ["a", "b"]
    assert recording.below("a") == {"b": recording.seconds["a/b"]}
    assert Recording().below("") == {}


def test_a_failing_span_is_closed() -> None:
    with record() as recording:
        with pytest.raises(ValueError, match="broken"), span("a"):
            raise ValueError("broken")
        with span("b"):
            pass
    assert list(recording.seconds) == ["a", "b"]


def test_parts_add_up_to_the_total() -> None:
    model = load_file(TINY_FILE, CPU)
    before = torch.get_num_threads()
    picture = synthetic(96, 80, grey=False, seed=1)
    rows = measure([picture], model, threads=[1, 2], qp=30, runs=2)
    assert torch.get_num_threads() == before
    assert [row.threads for row in rows] == [1, 2]
    for row in rows:
        assert (row.width_px, row.height_px) == (80, 96)
        assert row.rate_gmac_s > 0
        for split, parts in (
            (row.encode, ["analysis", "hyper_analysis", "hyper_decoder", "context"]),
            (row.decode, ["hyper_decoder", "context", "synthesis"]),
        ):
            assert list(split.network_s) == parts
            assert min(*split.network_s.values(), split.entropy_s, split.rest_s) > 0
            assert split.networks_s + split.entropy_s + split.rest_s == pytest.approx(split.total_s)
            kmac = sum(model.complexity.by_part[part] for part in parts)
            assert split.gmac == pytest.approx(kmac * 128 * 128 / 1e6)
            share = split.to_json(row.rate_gmac_s)["share_of_mac_rate"]
            assert share == pytest.approx(split.gmac / split.networks_s / row.rate_gmac_s)


def test_measuring_can_be_stopped_and_checks_its_numbers() -> None:
    model = load_file(TINY_FILE, CPU)
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        measure([synthetic(8, 8, grey=False, seed=1)], model, threads=[1], qp=30, runs=1, cancel=token)
    with pytest.raises(SettingsError):
        measure([], model, threads=[0], qp=30, runs=1)


def test_bundled_pictures_have_their_sizes() -> None:
    assert (default_picture().height_px, default_picture().width_px) == (512, 768)
    large = large_picture()
    assert (large.height_px, large.width_px) == LARGE_PX
    assert mac_rate_gmac_s(CPU, runs=1) > 0


def test_the_command_prints_a_table_or_json(tmp_path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "p.png"
    write_picture(synthetic(64, 80, grey=True, seed=2), path)
    assert cli.main(["bench", str(path), "--threads", "1,2", "--runs", "1"]) == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert "GMAC/s" in lines[1]
    labels = [line.split("  ")[1] for line in lines if line.startswith("  ")]
    assert labels.count("context") == labels.count("entropy coding") == labels.count("rest") == 2
    assert "2 threads" in out
    assert cli.main(["bench", str(path), "--threads", "1", "--runs", "1", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["rows"][0]["encode"]["total_s"] > 0
    assert set(report["rows"][0]["decode"]["networks_s"]) == {"hyper_decoder", "context", "synthesis"}
    with pytest.raises(SystemExit):
        cli.main(["bench", "--threads", "0"])
