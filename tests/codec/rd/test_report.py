"""The report: one whole HTML page with what a reader has to know."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from codec.anchors.jpeg import JpegAnchor
from codec.anchors.runs import run_anchor
from codec.errors import InputError
from codec.picture import Picture
from codec.rd.curves import BdOptions
from codec.rd.output import write_rd_folder
from codec.rd.report import report_html
from codec.rd.rows import RdRow
from codec.rd.same_bytes import match_bytes

VOID = {"meta", "img", "br"}


class Reader(HTMLParser):
    """Checks that tags close in order; keeps headings, table rows and sources."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[list[str]] = []
        self.headings: list[str] = []
        self.text = ""
        self.sources: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href", "srcset")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "tr":
            self.cells.append([])

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("td", "th"):
            self.cells[-1].append(data)
        elif self.open and self.open[-1] in ("h1", "h2"):
            self.headings.append(data)
        elif "style" not in self.open:
            self.text += data

    def row(self, start: str) -> list[str]:
        return next(cells for cells in self.cells if cells and cells[0].startswith(start))


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    reader.close()
    assert reader.open == []
    return reader


def test_the_page_is_whole_and_needs_nothing_else(rows: list[RdRow]) -> None:
    html = report_html(rows, title="Codecs & pictures")
    reader = read(html)
    assert reader.headings[0] == "Codecs & pictures"
    assert reader.sources
    assert all(source.startswith("data:image/svg+xml;base64,") for source in reader.sources)
    assert not re.search(r"url\(|@import|<script|<link", html)
    assert "prefers-color-scheme: dark" in html
    assert "@media print" in html
    assert "<x265>" not in html  # escaped
    assert len(reader.sources) == 6  # three metrics, light and dark


def test_bd_table(rows: list[RdRow]) -> None:
    reader = read(report_html(rows))
    assert "BD-rate against BPG <x265>: some settings" in reader.headings
    tnc = next(cells for cells in reader.cells if cells[0] == "TNC: some settings" and len(cells) == 9)
    assert tnc[1:5] == ["-20.00"] * 4
    assert tnc[6:] == ["2", "28.0 to 40.5", "100%"]
    assert reader.row("a.png")[1:] == ["-20.00", "-10.00"]
    assert "log-rate: pchip;" in reader.text
    ranged = report_html(rows, bd=BdOptions("akima", {"psnr_rgb_db": (30, 35), "bpp": (0.3, 1)}))
    assert "log-rate: akima, PSNR-RGB within 30 to 35, bits per pixel within 0.3 to 1;" in read(ranged).text


def test_reference_can_be_chosen(rows: list[RdRow]) -> None:
    assert "BD-rate against VVC: some settings" in read(report_html(rows, reference="vvc")).headings


def test_points_seconds_and_kmac(rows: list[RdRow]) -> None:
    reader = read(report_html(rows))
    assert ["TNC", "some settings", "8", "1.50", "0.25", "19.5"] in reader.cells
    point = ["BPG <x265>", "a.png", "40", "200", "0.2000", "28.00", "29.00", "0.9000", "1.50", "0.25", "–"]
    assert point in reader.cells
    assert "24 encodes" in reader.text


def test_failures_reasons_versions_and_conditions(rows: list[RdRow]) -> None:
    failed = [RdRow("bpg", "BPG", "", "", error="no <bpgenc>"), *rows[1:]]
    reader = read(report_html(failed, versions={"jpeg": "Pillow 1.2"}, conditions={"machine": "two cores"}))
    assert ["BPG", "–", "no <bpgenc>"] in reader.cells
    assert ["jpeg", "Pillow 1.2"] in reader.cells
    assert ["machine", "two cores"] in reader.cells
    assert "3 points, 4 are needed" in reader.text


def test_matches_show_what_is_left_over(rows: list[RdRow], picture: Picture) -> None:
    class Absent(JpegAnchor):
        def availability(self) -> str | None:
            return "cannot run"

    target = run_anchor(JpegAnchor(), picture, 55)
    matches = match_bytes(target, picture, [JpegAnchor(), Absent()])
    reader = read(report_html(rows, target=target, matches=matches))
    assert "At the same bytes" in reader.headings
    assert reader.row("JPEG: Pillow")[2:4] == [
        str(len(matches[0].run.stream)) if matches[0].run else "",
        f"{matches[0].mismatch_percent:+.2f} %",
    ]
    assert reader.row("JPEG")[2:4] == [str(len(target.stream)), "target"]
    assert "cannot run" in reader.text


def test_nothing_and_only_failures() -> None:
    with pytest.raises(InputError, match="nothing to report"):
        report_html([])
    assert "What failed" in read(report_html([RdRow("x", "X", "", "", error="no")])).headings


def test_lossless_points(rows: list[RdRow]) -> None:
    lossless = RdRow("tnc", "TNC", "some settings", "a.png", 0.0, 9e3, 9.0, float("inf"), float("inf"), 1.0)
    reader = read(report_html([*rows, lossless]))
    assert reader.cells[next(i for i, cells in enumerate(reader.cells) if "lossless" in cells)][:6] == [
        "TNC",
        "a.png",
        "0",
        "9\u202f000",
        "9",
        "lossless",
    ]


def test_folder(rows: list[RdRow], tmp_path: Path) -> None:
    files = write_rd_folder(rows, tmp_path / "new" / "folder", title="Here")
    names = {"csv": "rd.csv", "report": "report.html", "plot": "rd.png", "plot_svg": "rd.svg"}
    assert {kind: path.name for kind, path in files.items()} == names
    assert all(path.stat().st_size for path in files.values())
    (tmp_path / "file").touch()
    with pytest.raises(InputError):
        write_rd_folder(rows, tmp_path / "file")


def test_every_clip_has_its_own_plot(rows: list[RdRow]) -> None:
    clips = [replace(row, psnr_rgb_db=None, frames=10.0) for row in rows]
    page = report_html(clips)
    assert "Curves of each clip" in page
    assert page.count("<svg") == 0, "embedded as data"
    assert page.count("data:image/svg+xml") == 2 * 2 + 2 * 2, "two metrics, two clips; light and dark"
    assert "Curves of each" not in report_html(rows)
    assert "2 clips, 3 codecs" in page
    assert "BD-rate (PSNR-Y) of each clip" in page
