"""Reading pictures, and writing files that are whole or not there."""

from __future__ import annotations

import io
import os
import stat
import struct
import threading
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from codec.errors import InputError
from codec.files import (
    MAX_ICC_BYTES,
    WRITABLE,
    atomic_path,
    read_bytes,
    read_picture,
    write_bytes,
    write_picture,
)
from codec.picture import Picture
from codec.reading import READABLE

RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), np.uint8)
PNG_RGB = 2


def png(width: int, height: int, bit_depth: int, color_type: int, rows: bytes) -> bytes:
    """A PNG file put together by hand, for depths and sizes that Pillow does not write."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, bit_depth, color_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


class Interruption(Exception):
    """Stands for whatever goes wrong while a file is being written."""


def write_and_fail(path: Path, data: bytes) -> None:
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)
        raise Interruption


@given(before=st.none() | st.binary(max_size=20), written=st.binary(max_size=20))
def test_a_failing_write_leaves_everything_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, before: bytes | None, written: bytes
) -> None:
    folder = tmp_path_factory.mktemp("atomic")
    path = folder / "out.bin"
    if before is not None:
        path.write_bytes(before)
    with pytest.raises(Interruption):
        write_and_fail(path, written)
    assert [entry.name for entry in folder.iterdir()] == ([] if before is None else ["out.bin"])
    assert before is None or path.read_bytes() == before


def test_a_write_replaces_the_file_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "out.bin"
    path.write_bytes(b"old")
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"new")
        assert path.read_bytes() == b"old"
        assert temporary.parent == path.parent
        assert temporary.suffix == path.suffix
    assert path.read_bytes() == b"new"
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.bin"]


def test_written_files_have_the_permissions_of_any_new_file(tmp_path: Path) -> None:
    write_bytes(tmp_path / "ours", b"x")
    (tmp_path / "plain").write_bytes(b"x")
    modes = {stat.S_IMODE(os.stat(tmp_path / name).st_mode) for name in ("ours", "plain")}
    assert len(modes) == 1


def test_writing_into_a_missing_folder_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="No such file or directory"):
        write_bytes(tmp_path / "missing" / "out.bin", b"x")


def test_writing_over_a_folder_is_an_input_error_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "out.bin").mkdir()
    with pytest.raises(InputError, match=r"out\.bin"):
        write_bytes(tmp_path / "out.bin", b"x")
    assert [entry.name for entry in tmp_path.iterdir()] == ["out.bin"]


def test_reading_a_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"absent\.tnc: No such file"):
        read_bytes(tmp_path / "absent.tnc")
    with pytest.raises(InputError, match=r"absent\.png.*No such file"):
        read_picture(tmp_path / "absent.png")


@pytest.mark.parametrize("suffix", [suffix for suffix in WRITABLE if suffix != ".pgm"])
def test_color_survives_every_lossless_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    write_picture(Picture.from_array(RGB), path)
    picture = read_picture(path)
    np.testing.assert_array_equal(picture.rgb, RGB)
    assert picture.name == path.name


@pytest.mark.parametrize("suffix", WRITABLE)
def test_grey_stays_one_plane(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"picture{suffix}"
    write_picture(Picture.from_array(RGB[..., 0]), path)
    picture = read_picture(path)
    assert picture.color == "grey"
    np.testing.assert_array_equal(picture.planes[0], RGB[..., 0])


def test_the_profile_is_carried_through(tmp_path: Path) -> None:
    write_picture(Picture.from_array(RGB, icc=b"an opaque profile"), tmp_path / "tagged.png")
    assert read_picture(tmp_path / "tagged.png").icc == b"an opaque profile"


def test_a_format_that_cannot_be_written_is_refused_before_anything_is(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot write \.jpg"):
        write_picture(Picture.from_array(RGB), tmp_path / "picture.jpg")
    assert list(tmp_path.iterdir()) == []


def test_palettes_are_expanded(tmp_path: Path) -> None:
    indexed = Image.fromarray(RGB).quantize(256)
    indexed.save(tmp_path / "indexed.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "indexed.png").rgb, np.array(indexed.convert("RGB")))


def test_exif_orientation_is_applied(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: turn by 90 degrees clockwise to view
    Image.fromarray(RGB).save(tmp_path / "turned.png", exif=exif)
    np.testing.assert_array_equal(read_picture(tmp_path / "turned.png").rgb, np.rot90(RGB, -1))


def test_opaque_alpha_is_dropped_and_real_transparency_kept(tmp_path: Path) -> None:
    alpha = np.full((*RGB.shape[:2], 1), 255, np.uint8)
    Image.fromarray(np.concatenate([RGB, alpha], axis=2)).save(tmp_path / "opaque.png")
    np.testing.assert_array_equal(read_picture(tmp_path / "opaque.png").rgb, RGB)
    alpha[2, 3] = 254
    Image.fromarray(np.concatenate([RGB, alpha], axis=2)).save(tmp_path / "clear.png")
    clear = read_picture(tmp_path / "clear.png")
    np.testing.assert_array_equal(clear.alpha, alpha[..., 0])
    np.testing.assert_array_equal(clear.rgb, RGB)


@pytest.mark.parametrize(("width_px", "height_px"), [(16385, 1), (1, 16385), (60000, 60000)])
def test_a_picture_that_is_too_large_is_refused_from_its_header(tmp_path: Path, width_px: int, height_px: int) -> None:
    path = tmp_path / "large.png"
    path.write_bytes(png(width_px, height_px, 8, PNG_RGB, b""))
    with pytest.raises(InputError, match="16384 px a side"):
        read_picture(path)


@pytest.mark.parametrize("data", [b"", b"TNC?", b"\x89PNG\r\n\x1a\n", png(8, 8, 8, PNG_RGB, b"short")[:-20]])
def test_damaged_pictures_give_an_input_error(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "damaged.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=r"damaged\.png"):
        read_picture(path)


def test_a_folder_is_not_a_picture(tmp_path: Path) -> None:
    with pytest.raises(InputError):
        read_picture(tmp_path)


def test_a_link_stays_and_its_target_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "real.bin", tmp_path / "link.bin"
    link.symlink_to(target)
    for data in (b"made", b"replaced"):
        with atomic_path(link) as temporary:
            temporary.write_bytes(data)
            assert temporary.parent == target.parent
        assert link.is_symlink()
        assert target.read_bytes() == data
    assert [entry.name for entry in target.parent.iterdir()] == ["real.bin"]


def test_a_link_to_itself_is_an_input_error(tmp_path: Path) -> None:
    link = tmp_path / "loop.bin"
    link.symlink_to(link)
    with pytest.raises(InputError, match=r"loop\.bin"):
        write_bytes(link, b"x")
    assert link.is_symlink()


def test_a_pipe_receives_the_bytes_and_stays_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.png"
    os.mkfifo(pipe)
    received: list[bytes] = []
    reader = threading.Thread(target=lambda: received.append(pipe.read_bytes()))
    reader.start()
    write_picture(Picture.from_array(RGB), pipe)
    reader.join()
    assert pipe.is_fifo()
    assert [entry.name for entry in tmp_path.iterdir()] == ["pipe.png"]
    (tmp_path / "copy.png").write_bytes(received[0])
    np.testing.assert_array_equal(read_picture(tmp_path / "copy.png").rgb, RGB)


def test_a_device_is_written_into_and_not_replaced() -> None:
    before = os.stat(os.devnull)
    write_bytes(os.devnull, b"x")
    after = os.stat(os.devnull)
    assert stat.S_ISCHR(after.st_mode)
    assert (before.st_ino, before.st_mode) == (after.st_ino, after.st_mode)


def test_a_large_profile_is_read_back_and_a_huge_one_refused(tmp_path: Path) -> None:
    profile = np.random.default_rng(1).bytes(3 << 20)
    write_picture(Picture.from_array(RGB, icc=profile), tmp_path / "tagged.png")
    assert read_picture(tmp_path / "tagged.png").icc == profile
    with pytest.raises(InputError, match="ICC profile"):
        write_picture(Picture.from_array(RGB, icc=bytes(MAX_ICC_BYTES + 1)), tmp_path / "huge.png")
    assert not (tmp_path / "huge.png").exists()


def test_formats_that_need_an_interpreter_are_not_opened(tmp_path: Path) -> None:
    path = tmp_path / "page.eps"
    Image.fromarray(RGB).save(path)
    with pytest.raises(InputError, match="PostScript is a program"):
        read_picture(path)


@pytest.mark.filterwarnings("ignore")  # Pillow warns of damage that it can live with
@pytest.mark.parametrize("format_", [name for name in READABLE if name != "DIB"])
def test_damage_anywhere_gives_a_picture_or_an_input_error(tmp_path: Path, format_: str) -> None:
    smooth = np.add.outer(np.arange(24), np.arange(32)).astype(np.uint8) * 4
    buffer = io.BytesIO()
    Image.fromarray(np.stack([smooth, smooth + 9, smooth], -1)).save(buffer, format_)
    data = buffer.getvalue()
    rng = np.random.default_rng(7)
    path = tmp_path / "damaged"
    outcomes = set()
    for _ in range(80):
        damaged = bytearray(data)
        for position in rng.integers(0, len(data), rng.integers(1, 6)):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged[: rng.integers(len(data) // 2, len(data) + 1)])
        try:
            outcomes.add(read_picture(path).color)
        except InputError as error:
            outcomes.add(error.where)
    assert outcomes <= {"rgb", "grey", str(path)}
    assert str(path) in outcomes


@pytest.mark.parametrize("error", [RuntimeError("Failed to decode"), NotImplementedError(), KeyError(3)])
def test_whatever_a_decoder_ends_in_is_an_input_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    write_picture(Picture.from_array(RGB), tmp_path / "picture.png")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", fail)
    with pytest.raises(InputError, match=r"picture\.png: cannot be read: \S"):
        read_picture(tmp_path / "picture.png")
