"""Every picture: depth, alpha, palettes, inks, turns, profiles, animations, and files that lie."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from codec.errors import InputError
from codec.files import read_picture, write_picture
from codec.picture import MAX_EXIF_BYTES, Picture
from codec.reading import READABLE

RAMP = np.add.outer(np.arange(24), np.arange(32) * 2)
RGB = np.stack([RAMP * 2, 255 - RAMP, RAMP], axis=-1).astype(np.uint8)
DEEP = RGB.astype(np.uint16) * 257 + np.arange(32, dtype=np.uint16)[:, None] * 3
ALPHA = (RAMP * 2).astype(np.uint8)


def save(path: Path, array: np.ndarray = RGB, **options: object) -> Path:
    Image.fromarray(array).save(path, **options)
    return path


@pytest.mark.parametrize("suffix", [".png", ".tiff", ".ppm"])
@pytest.mark.parametrize("grey", [False, True], ids=["rgb", "grey"])
@pytest.mark.parametrize("alpha", [False, True], ids=["opaque", "alpha"])
def test_16_bits_come_back(tmp_path: Path, suffix: str, grey: bool, alpha: bool) -> None:
    picture = Picture.from_array(DEEP[..., 0] if grey else DEEP)
    if alpha:
        channels = [*picture.planes, DEEP[::-1, :, 1]]
        picture = Picture.from_array(np.stack(channels, axis=-1))
    path = tmp_path / f"deep{suffix}"
    if alpha and suffix == ".ppm":
        with pytest.raises(InputError, match=r"\.ppm cannot hold transparency \(use \.png\)"):
            write_picture(picture, path)
        return
    write_picture(picture, path)
    again = read_picture(path)
    # TIFF by OpenCV has no grey with alpha: it comes back as colour with three equal channels.
    if grey and alpha and suffix == ".tiff":
        np.testing.assert_array_equal(again.planes[0], picture.planes[0])
        np.testing.assert_array_equal(again.alpha, picture.alpha)
    else:
        assert again.source_hash == picture.source_hash
    assert (again.bit_depth, again.notes) == (16, ())


@pytest.mark.parametrize("peak", [1023, 4095])
def test_ppm_of_other_depths_is_spread(tmp_path: Path, peak: int) -> None:
    samples = (RAMP * 7 % (peak + 1)).astype(">u2")
    (tmp_path / "p.pgm").write_bytes(b"P5\n# comment\n32 24\n%d\n" % peak + samples.tobytes())
    picture = read_picture(tmp_path / "p.pgm")
    expected = np.round(samples.astype(np.float64) * 65535 / peak)
    assert np.abs(picture.planes[0] - expected).max() <= 1
    assert picture.bit_depth == 16
    assert picture.notes == (f"samples up to {peak} are spread over 16 bits",)


def test_10_bit_heic_and_avif(tmp_path: Path) -> None:
    heif = pillow_heif.from_bytes("RGB;16", (32, 24), DEEP.tobytes())
    heif.save(tmp_path / "d.heic", quality=100)
    picture = read_picture(tmp_path / "d.heic")
    assert picture.bit_depth == 16
    assert picture.notes == ("10-bit samples are spread over 16 bits",)
    assert np.abs(picture.rgb.astype(int) - DEEP).mean() < 1500
    ten = (DEEP >> 6)[..., ::-1]
    done, data = cv2.imencode(".avif", ten, [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100])
    assert done
    (tmp_path / "d.avif").write_bytes(data.tobytes())
    picture = read_picture(tmp_path / "d.avif")
    assert picture.notes == ("10-bit samples are spread over 16 bits",)
    assert picture.rgb.max() > 60000
    assert np.abs(picture.rgb.astype(int) - DEEP).mean() < 1500


@pytest.mark.parametrize("suffix", [".png", ".webp", ".avif", ".jxl", ".heic", ".tiff"])
def test_alpha(tmp_path: Path, suffix: str) -> None:
    save(
        tmp_path / f"a{suffix}", np.dstack([RGB, ALPHA]), **({"lossless": True} if suffix in (".webp", ".jxl") else {})
    )
    picture = read_picture(tmp_path / f"a{suffix}")
    assert picture.alpha is not None
    assert np.abs(picture.alpha.astype(int) - ALPHA).mean() < 6


def test_grey_with_alpha_and_palette_with_a_clear_colour(tmp_path: Path) -> None:
    save(tmp_path / "la.png", np.dstack([RGB[..., 0], ALPHA]))
    picture = read_picture(tmp_path / "la.png")
    assert (picture.color, picture.alpha is not None) == ("grey", True)
    indexed = Image.fromarray(RGB).quantize(16)
    indexed.info["transparency"] = 3
    indexed.save(tmp_path / "p.png", transparency=3)
    picture = read_picture(tmp_path / "p.png")
    np.testing.assert_array_equal(picture.alpha == 0, np.array(indexed) == 3)


def test_cmyk_becomes_rgb_and_says_so(tmp_path: Path) -> None:
    Image.fromarray(RGB).convert("CMYK").save(tmp_path / "inks.tiff")
    picture = read_picture(tmp_path / "inks.tiff")
    assert picture.notes == ("CMYK is converted to RGB",)
    assert picture.icc == b""
    assert np.abs(picture.rgb.astype(int) - RGB).max() <= 2


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("deep", [False, True], ids=["8", "16"])
def test_every_orientation(tmp_path: Path, turn: int, deep: bool) -> None:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = turn, "maker"
    stored = DEEP if deep else RGB
    if deep:
        write_picture(Picture.from_array(stored, exif=exif.tobytes()), tmp_path / "t.png")
    else:
        save(tmp_path / "t.png", exif=exif)
    expected = {1: stored, 2: stored[:, ::-1], 3: stored[::-1, ::-1], 4: stored[::-1], 5: stored.swapaxes(0, 1),
                6: np.rot90(stored, -1), 7: stored[::-1, ::-1].swapaxes(0, 1), 8: np.rot90(stored)}  # fmt: skip
    picture = read_picture(tmp_path / "t.png")
    np.testing.assert_array_equal(picture.rgb, expected[turn])
    kept = Image.Exif()
    kept.load(picture.exif)
    assert kept.get(0x0112, 1) == 1  # what has been applied must not be applied again
    assert kept.get(0x010F) == "maker"


def test_profile_and_exif_survive_a_file(tmp_path: Path) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[0x010F] = "maker"
    for pixels in (RGB, DEEP):
        write_picture(Picture.from_array(pixels, icc=profile, exif=exif.tobytes()), tmp_path / "m.png")
        again = read_picture(tmp_path / "m.png")
        assert again.icc == profile
        assert b"maker" in again.exif


def test_huge_exif_is_left_out_and_said_so(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x927C] = bytes(MAX_EXIF_BYTES)
    save(tmp_path / "x.png", exif=exif)
    picture = read_picture(tmp_path / "x.png")
    assert picture.exif == b""
    assert "EXIF of" in picture.notes[0]


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".tiff"])
def test_first_frame_of_an_animation(tmp_path: Path, suffix: str) -> None:
    second = Image.fromarray(255 - RGB)
    options = {"lossless": True} if suffix == ".webp" else {}
    save(tmp_path / f"m{suffix}", save_all=True, append_images=[second], **options)
    picture = read_picture(tmp_path / f"m{suffix}")
    assert picture.notes == ("the first of 2 frames or pages is read",)
    assert np.abs(picture.rgb.astype(int) - RGB).mean() < 12


def test_deep_jpeg_xl_says_that_it_is_read_at_8_bits(tmp_path: Path) -> None:
    # 16 bits, 32x24, as libjxl's header has it; the plugin decodes to 8 bits without a word.
    save(tmp_path / "x.jxl")
    assert read_picture(tmp_path / "x.jxl").notes == ()
    from codec.reading import _jxl_depth

    def header(*fields: tuple[int, int]) -> bytes:
        value = at = 0
        for number, bits in fields:
            value |= number << at
            at += bits
        return b"\xff\x0a" + value.to_bytes(30, "little")

    size = ((1, 1), (2, 5), (4, 3))
    assert _jxl_depth(header(*size, (1, 1))) == 8
    assert _jxl_depth(header(*size, (0, 1), (0, 1), (0, 1), (1, 2))) == 10
    assert _jxl_depth(header(*size, (0, 1), (0, 1), (0, 1), (3, 2), (15, 6))) == 16
    assert _jxl_depth(header((0, 1), (1, 2), (4000, 13), (0, 3), (0, 2), (70, 9), (0, 1), (0, 1), (1, 1))) == 32
    assert _jxl_depth(b"nothing of that kind") == 8


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.exr", b"v/1\x01" + bytes(40), "OpenEXR"),
        ("x.hdr", b"#?RADIANCE\n", "Radiance"),
        ("x.png", b"\x8bTNC\x02", "no source"),
        ("x.bpg", b"BPG\xfb\x60\x00", "coded already"),
        ("x.pdf", b"%PDF-1.7", "document"),
        ("x.png", b"", "not a picture"),
    ],
)
def test_what_is_refused_for_a_reason(tmp_path: Path, name: str, data: bytes, reason: str) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(InputError, match=reason) as caught:
        read_picture(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_names_that_lie_about_the_type(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "JPEG")
    (tmp_path / "x.png").write_bytes(buffer.getvalue())
    with pytest.raises(InputError, match=r"x\.png: it is JPEG, but its name says PNG \(rename it\)"):
        read_picture(tmp_path / "x.png")
    for name in ("x", "x.jpg", "x.unknown", "x.jpeg"):
        (tmp_path / name).write_bytes(buffer.getvalue())
        assert read_picture(tmp_path / name).width_px == 32


def test_headers_that_lie_about_the_size(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "PNG")
    data = bytearray(buffer.getvalue())
    for width, height in ((16000, 16000), (33, 24), (31, 24), (32, 4000), (32, 23), (32, 25)):
        data[16:24] = struct.pack(">II", width, height)
        data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
        (tmp_path / "x.png").write_bytes(data)
        with pytest.raises(InputError) as caught:
            read_picture(tmp_path / "x.png")
        assert "\n" not in str(caught.value)
    (tmp_path / "x.ppm").write_bytes(b"P6 900 900 65535\n" + bytes(100))
    with pytest.raises(InputError, match="ends within the samples"):
        read_picture(tmp_path / "x.ppm")
    (tmp_path / "x.ppm").write_bytes(b"P6 900 900 255\n" + bytes(100))
    with pytest.raises(InputError):
        read_picture(tmp_path / "x.ppm")


def test_samples_that_never_end_are_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    buffer = io.BytesIO()
    Image.fromarray(RGB).save(buffer, "PNG")
    data = buffer.getvalue()
    body = zlib.compress(bytes(8 << 20))
    chunk = struct.pack(">I", len(body)) + b"IDAT" + body + struct.pack(">I", zlib.crc32(b"IDAT" + body))
    (tmp_path / "x.png").write_bytes(data[:33] + chunk + data[-12:])
    unpacked = 0

    class Counting:
        def __init__(self) -> None:
            self.real = zlib.decompressobj()

        def __getattr__(self, name: str) -> object:
            return getattr(self.real, name)

        def decompress(self, *args: object) -> bytes:
            nonlocal unpacked
            out = self.real.decompress(*args)
            unpacked += len(out)
            return out

    monkeypatch.setattr("codec.reading.zlib", SimpleNamespace(decompressobj=Counting))
    with pytest.raises(InputError, match="its samples are not those"):
        read_picture(tmp_path / "x.png")
    assert 0 < unpacked <= 1 << 20


def test_floats_are_refused(tmp_path: Path) -> None:
    save(tmp_path / "f.tiff", RAMP.astype(np.float32))
    with pytest.raises(InputError, match="32-bit floats"):
        read_picture(tmp_path / "f.tiff")


def test_every_readable_format_is_read(tmp_path: Path) -> None:
    for name in READABLE:
        path = tmp_path / f"{name}.bin"
        Image.fromarray(RGB).save(path, name)
        assert read_picture(path).width_px == 32
