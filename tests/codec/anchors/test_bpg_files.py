"""BPG files of bpgenc are read as bpgdec reads them, and ours have the same structure."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from codec.anchors.bpg import BpgWriterAnchor, container, read_bpg
from codec.anchors.bpg.bits import BitReader, BitWriter, escape, get_ue7, put_ue7, unescape
from codec.anchors.bpg.heif import decode_with_libheif
from codec.anchors.bpg.parameter_sets import header, parameter_sets, read_header, read_sps
from codec.anchors.ffmpeg import decode_planes
from codec.anchors.runs import run_anchor
from codec.errors import AnchorError
from codec.files import read_picture
from codec.metrics import psnr_rgb_db
from codec.metrics.bd import bd_rate
from codec.picture import Picture

FILES = Path(__file__).parent / "bpg_files"
PICTURES = json.loads((FILES / "pictures.json").read_text())
"""Shape and checksum of what bpgdec 0.9.8 makes of each file."""


def pixels(picture: Picture) -> np.ndarray:
    """As bpgdec writes PNG: grey as colour, alpha last."""
    planes = list(picture.planes) * (3 if picture.color == "grey" else 1)
    return np.stack([*planes, *([] if picture.alpha is None else [picture.alpha])], axis=-1)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_those_of_bpgdec(name: str) -> None:
    decoded = pixels(read_bpg((FILES / f"{name}.bpg").read_bytes()))
    assert list(decoded.shape) == PICTURES[name]["shape"]
    assert hashlib.sha256(decoded.tobytes()).hexdigest() == PICTURES[name]["sha256"]


@pytest.mark.parametrize("name", ["grey", "jctvc_444", "jctvc_444_10bit", "tiny"])
def test_both_decoders_give_the_same_planes(name: str) -> None:
    file = container.parse((FILES / f"{name}.bpg").read_bytes())
    width, height = file.tools.coded_size_px(file.width_px, file.height_px)
    stream, depth = file.hevc(), file.bit_depth
    pix_fmt = ("gray" if file.chroma_format == container.GREY else "yuv444p") + ("" if depth == 8 else f"{depth}le")
    shapes = [(height, width)] * (1 if file.chroma_format == container.GREY else 3)
    expected = decode_planes(stream, "hevc", pix_fmt, shapes, timeout_s=60, cancel=None)
    planes = decode_with_libheif(stream, width, height, file.chroma_format, depth)
    assert [plane.dtype.itemsize for plane in planes] == [plane.dtype.itemsize for plane in expected]
    np.testing.assert_array_equal(planes, expected)
    with pytest.raises(AnchorError, match=r"libheif: .* size"):
        decode_with_libheif(stream, width + 8, height, file.chroma_format, depth)


def test_lossless_files_with_halved_chroma_are_refused() -> None:
    file = container.parse((FILES / "jctvc_420.bpg").read_bytes())
    lossless = container.parse((FILES / "lossless.bpg").read_bytes())
    tools = replace(file.tools, range_flags=lossless.tools.range_flags)
    with pytest.raises(AnchorError, match=r"lossless BPG with halved chroma cannot be decoded here \(use bpgdec\)"):
        read_bpg(container.write(replace(file, tools=tools)))


@pytest.mark.parametrize("name", PICTURES)
def test_writing_a_parsed_file_gives_its_bytes(name: str) -> None:
    data = (FILES / f"{name}.bpg").read_bytes()
    written = container.write(container.parse(data))
    assert container.parse(written) == container.parse(data)
    # bpgenc puts a zero more before the parameter sets of colour where alpha precedes them.
    assert written == data.replace(b"\0\0\0\1\x44\1", b"\0\0\1\x44\1")


@pytest.mark.parametrize("chroma", ["444", "420"])
@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
def test_our_files_have_the_structure_of_bpgencs(chroma: str, grey: bool, make_picture: Callable[..., Picture]) -> None:
    stream = BpgWriterAnchor(chroma).encode(make_picture(97, 129, grey=grey), 30)
    ours = container.parse(stream)
    theirs = container.parse((FILES / f"{'grey' if grey else f'x265_{chroma}'}.bpg").read_bytes())
    for field in ("pixel_format", "color_space", "bit_depth", "limited_range", "alpha", "animated", "extensions"):
        assert getattr(ours, field) == getattr(theirs, field)
    assert (ours.width_px, ours.height_px) == (129, 97)
    # PPS first, without a start code; then one IDR picture. No VPS, SPS or SEI.
    assert ours.nals[0][0] >> 1 == 34
    assert {nal[0] >> 1 for nal in ours.nals[1:]} <= {19, 20}
    assert all(nal[1] >> 3 == 0 for nal in ours.nals)
    assert stream.startswith(b"BPG\xfb")
    assert replace(ours.tools, transform_depth_intra=theirs.tools.transform_depth_intra) == theirs.tools
    assert container.write(ours) == stream


def test_sizes_that_x265_refuses(make_picture: Callable[..., Picture]) -> None:
    for height, width in ((1, 1), (8, 300), (15, 17)):
        file = container.parse(BpgWriterAnchor().encode(make_picture(height, width), 30))
        coded = file.tools.coded_size_px(width, height)
        assert coded[0] >= width
        assert coded[1] >= height
        assert all(side >= 16 and side % file.tools.coding_block_px == 0 for side in coded)


def test_lower_qp_is_better_and_larger(make_picture: Callable[..., Picture]) -> None:
    anchor, picture = BpgWriterAnchor(), make_picture(64, 96)
    streams = [anchor.encode(picture, qp) for qp in (40, 30, 20)]
    sizes = [len(stream) for stream in streams]
    psnrs = [psnr_rgb_db(picture, anchor.decode(stream)) for stream in streams]
    assert sizes == sorted(sizes)
    assert psnrs == sorted(psnrs)


def test_limited_range_and_white_plane() -> None:
    file = container.parse((FILES / "jctvc_444.bpg").read_bytes())
    full, limited = (read_bpg(container.write(f)) for f in (file, replace(file, limited_range=True)))
    # Video levels spread 16..235 over 0..255.
    middle = np.asarray(full.planes[1][::8, ::8], np.float64)
    expected = np.clip((middle - 16) * 255 / 219, 0, 255)
    close = np.abs(limited.planes[1][::8, ::8] - expected) < 12
    assert close.mean() > 0.9
    alpha = container.parse((FILES / "alpha.bpg").read_bytes())
    shown = read_bpg(container.write(alpha))
    white = read_bpg(container.write(replace(alpha, alpha=False, white=True)))
    assert shown.alpha is not None
    assert white.alpha is None
    expected_green = (shown.planes[1].astype(int) * shown.alpha + 128) >> 8
    np.testing.assert_array_equal(white.planes[1], expected_green)


def test_extensions_become_metadata() -> None:
    file = container.parse((FILES / "tiny.bpg").read_bytes())
    tagged = container.write(replace(file, extensions={1: b"EXIF data", 2: b"a profile", 3: b"XMP"}))
    picture = read_bpg(tagged)
    assert (picture.exif, picture.icc) == (b"EXIF data", b"a profile")
    assert picture.source_hash == read_bpg((FILES / "tiny.bpg").read_bytes()).source_hash


def test_only_the_first_frame_of_an_animation() -> None:
    file = container.parse((FILES / "tiny.bpg").read_bytes())
    twice = container.write(file) + b"\0\0\1" + b"\0\0\1".join(file.nals)
    assert len(container.parse(twice).nals) == len(file.nals)
    assert read_bpg(twice).source_hash == read_bpg((FILES / "tiny.bpg").read_bytes()).source_hash


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a BPG file"),
        (b"BPG\xfb", "cut short"),
        (b"BPG\xfb\xe0\0\1\1\0", "reserved"),
        (b"BPG\xfb\x60\x50\1\1\0", "reserved"),
        (b"BPG\xfb\x60\0\0\1\0", "not within"),
        (b"BPG\xfb\x60\0\xff\xff\xff\xff\x7f\1\0", "too large"),
        (b"BPG\xfb\x60\0\x80\1\1\0", "shortest form"),
        (b"BPG\xfb\x60\x08\1\1\0\x50", "extensions are cut short"),
        (b"BPG\xfb\x60\0\1\1\x7f", "picture is cut short"),
        (b"BPG\xfb\x60\0\1\1\0\x09\1", "HEVC header is cut short"),
        (b"BPG\xfb\x60\0\1\1\0\1\xff", "parameter set ends"),
        (b"BPG\xfb\x60\0\1\1\0\3\x92\x47\x40", "no picture"),
    ],
)
def test_bad_files(data: bytes, message: str) -> None:
    with pytest.raises(AnchorError, match=message):
        read_bpg(data)


@pytest.mark.parametrize("name", ["x265_420", "lossless"])
def test_damage_never_escapes_as_another_error(name: str) -> None:
    data = (FILES / f"{name}.bpg").read_bytes()
    random = np.random.default_rng(5)
    for _ in range(25):
        bad = bytearray(data[: random.integers(5, len(data) + 1)])
        for _ in range(random.integers(1, 4)):
            bad[random.integers(4, min(len(bad), 40))] = random.integers(256)
        try:
            decoded = read_bpg(bytes(bad))
        except AnchorError:
            continue
        assert decoded.pixels <= 1 << 26


@given(st.integers(0, (1 << 32) - 1))
def test_byte_wise_numbers(value: int) -> None:
    data = put_ue7(value)
    assert get_ue7(data + b"\x55", 0) == (value, len(data))
    assert data[0] != 0x80 or value == 0


def test_numbers_of_the_specification() -> None:
    for text, value in (("08", 8), ("841e", 542), ("acbe17", 728855)):
        assert put_ue7(value).hex() == text


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans())))
def test_bits(values: list[tuple[int, bool]]) -> None:
    writer = BitWriter()
    for value, flag in values:
        writer.golomb(value)
        writer.flag(flag)
    reader = BitReader(writer.to_bytes(stop_bit=True))
    assert [(reader.golomb(), reader.flag()) for _ in values] == values
    assert reader.flag()


@given(st.binary(max_size=60).map(lambda data: data.replace(b"\1", b"\0") + b"\x80"))
def test_emulation_prevention(data: bytes) -> None:
    escaped = escape(data)
    assert unescape(escaped) == data
    assert all(code not in escaped for code in (b"\0\0\0", b"\0\0\1", b"\0\0\2"))


@pytest.mark.parametrize("name", PICTURES)
def test_headers_and_parameter_sets_agree(name: str) -> None:
    tools = container.parse((FILES / f"{name}.bpg").read_bytes()).tools
    assert read_header(header(tools)) == tools
    _, sps = parameter_sets(tools, 257, 193, 3, 8)
    assert read_sps(sps) == tools


@pytest.mark.data
@pytest.mark.slow
@pytest.mark.parametrize("chroma", ["444", "420"])
def test_bd_rate_against_bpgencs_x265(chroma: str, data_dir: Path) -> None:
    with (data_dir / "anchors" / "kodak_rd.csv").open() as file:
        rows = [
            row for row in csv.DictReader(file) if row["codec"] == "bpg-x265" and row["settings"].startswith(chroma)
        ]
    reference = [row for row in rows if row["image"] == "23.png"]
    picture = read_picture(data_dir / "test" / "kodak" / "kodim23.png")
    runs = [run_anchor(BpgWriterAnchor(chroma), picture, float(row["q"])) for row in reference]
    points = [(run.metrics["bytes"], run.metrics["psnr_rgb_db"]) for run in runs]
    figure = bd_rate([(float(row["bytes"]), float(row["psnr_rgb"])) for row in reference], points)
    assert abs(float(figure)) < 3


@pytest.mark.data
def test_checksums_are_those_of_the_shared_pictures(data_dir: Path) -> None:
    for name, expected in PICTURES.items():
        array = np.array(Image.open(data_dir / "anchors" / "bpg" / f"{name}.png"))
        assert hashlib.sha256(array.tobytes()).hexdigest() == expected["sha256"]
