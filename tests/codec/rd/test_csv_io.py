"""RD tables in and out."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codec.errors import InputError
from codec.rd.csv_io import COLUMNS, csv_text, join, read_csv, write_csv
from codec.rd.curves import curves_of
from codec.rd.rows import RdRow

numbers = st.none() | st.floats(allow_nan=False)
texts = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=12)


@given(st.lists(st.builds(
    RdRow, texts.filter(bool), texts.filter(bool), texts, texts, *[numbers] * 13, key=texts.filter(bool), origin=texts,
    error=texts,
), max_size=5))  # fmt: skip
def test_rows_come_back(tmp_path_factory: pytest.TempPathFactory, rows: list[RdRow]) -> None:
    path = tmp_path_factory.mktemp("csv") / "rd.csv"
    write_csv(rows, path)
    assert read_csv(path) == rows


def test_clips_over_other_frames_do_not_join() -> None:
    own = [RdRow("tcm", "TCM", "", "city.mkv", 30.0, 1000.0, 0.1, frames=10)]
    foreign = [
        RdRow("x265", "x265", settings, "city", qp, 3000.0, frames=frames, origin="t.csv")
        for settings, frames in (("ld", 10.0), ("long", 33.0), ("unknown", None)) for qp in (22.0, 27.0)
    ]  # fmt: skip
    joined = join(own, foreign)[1:]
    assert [(row.settings, row.error) for row in joined] == [
        ("ld", ""), ("ld", ""), ("long", "t.csv has 33 frames, here are 10"), ("unknown", ""), ("unknown", ""),
    ]  # fmt: skip
    assert joined[0].bpp == pytest.approx(0.3)


def test_header_and_empty_cells() -> None:
    text = csv_text([RdRow("jpeg", "JPEG", "", "a.png", 50.0, 1234.0, 0.5, math.inf)])
    assert text.splitlines() == [",".join(COLUMNS), "jpeg,JPEG,,a.png,50,1234,0.5,inf" + "," * 17]


def test_foreign_columns(tmp_path: Path) -> None:
    path = tmp_path / "other.csv"
    path.write_text(
        "codec,settings,image,q,bytes,bpp,psnr_rgb,psnr_y,msssim,enc_s,dec_s\nvtm,444,05.png,32,1000,0.5,34,35,0.98,56,0.2\n"
    )
    assert read_csv(path) == [
        RdRow(
            "vtm",
            "vtm",
            "444",
            "05.png",
            32.0,
            1000.0,
            0.5,
            34.0,
            35.0,
            0.98,
            encode_s=56.0,
            decode_s=0.2,
            origin="other.csv",
        )
    ]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "codec, picture, bpp or bytes, psnr_rgb_db or psnr_y_db or .* is missing"),
        ("codec,image,psnr_rgb\n", "column bpp or bytes is missing"),
        ("codec,image,bpp,psnr_rgb\na,b,0.5,30\na,b,many,30\n", r"bad\.csv, line 3: 'many' is not a number"),
        ("codec,image,bpp,psnr_rgb\na,b,nan,30\n", "line 2: a number is NaN"),
        ('codec,image,bpp,psnr_rgb\n"a,b', "not a CSV table"),
    ],
)
def test_bad_tables(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=reason):
        read_csv(path)


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(b"codec,\xff\xfe\n")
    with pytest.raises(InputError, match="not a CSV table"):
        read_csv(path)
    with pytest.raises(InputError, match="No such file"):
        read_csv(tmp_path / "none.csv")


def foreign(*pictures: str) -> list[RdRow]:
    return [RdRow("vtm", "vtm", "", picture, 30.0, 1.0, 1.0, 30.0) for picture in pictures]


def test_join_by_name_and_by_number() -> None:
    own = [RdRow("tnc", "TNC", "", name, 30.0) for name in ("kodim05.png", "kodim15.png", "lake.png")]
    joined = join(own, foreign("05.png", "lake.webp", "5.png", "other.png", "ke.png"))
    assert joined[:3] == own
    assert [row.picture for row in joined[3:]] == ["kodim05.png", "lake.png"]


def test_join_leaves_doubtful_names_out() -> None:
    own = [RdRow("tnc", "TNC", "", name, 30.0) for name in ("kodim05.png", "clic05.png")]
    assert join(own, foreign("05.png")) == own


def test_tables_with_bytes_alone_get_their_rate_from_the_picture(tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("Codec,Picture,Quality,Bytes,SSIMULACRA2,VMAF,remark\nmine,lake,70,4000,61.5,80,good\n")
    (row,) = read_csv(path)
    assert (row.bpp, row.bytes, row.ssimulacra2, row.vmaf, row.origin) == (None, 4000, 61.5, 80, "mine.csv")
    own = RdRow("tnc", "TNC", "", "lake.png", 30.0, bytes=1000.0, bpp=0.25)  # 32,000 pixels
    assert join([own], [row])[1].bpp == 1
    rated = RdRow("mine", "mine", "", "lake.png", bpp=0.5, psnr_rgb_db=30.0)
    assert join([own], [rated])[1].bytes == 2000


@pytest.mark.data
def test_the_shared_tables_can_be_read(data_dir: Path) -> None:
    curves = {(curve.codec, curve.settings): curve for curve in curves_of(read_csv(data_dir / "anchors/kodak_rd.csv"))}
    assert len(curves["bpg-jctvc", "444 m8 8b ycbcr"].rows) == 24
    (curve,) = curves_of(read_csv(data_dir / "anchors/clic_uhd_rd.csv"))
    assert len(curve.rows) == 11
    for name in ("video_rd.csv", "video_ld_rd.csv"):
        video = curves_of(read_csv(data_dir / "anchors" / name))
        assert {"x265", "vvenc"} <= {curve.codec for curve in video}
        assert all(len(curve.points(clip, "psnr_y_db", "bytes")) >= 4 for curve in video for clip in curve.rows)
