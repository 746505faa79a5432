"""Pictures from files of every common format, as the codec takes them: grey or RGB, 8 or 16 bit, perhaps with alpha.

What a file holds beyond that (more frames, CMYK, a palette's order) is left out and said so in `Picture.notes`.
"""

from __future__ import annotations

import io
import re
import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pillow_heif
import pillow_jxl
from PIL import Image, ImageCms, PngImagePlugin, UnidentifiedImageError

from codec.errors import CodecError, InputError
from codec.picture import MAX_EXIF_BYTES, MAX_ICC_BYTES, MAX_SIDE_PX, Picture

READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "JXL", "HEIF", "TIFF", "BMP", "DIB", "PPM", "GIF", "QOI")
"""Pillow's names of the formats that are read: pictures of samples, none that needs an interpreter (EPS, WMF)."""
_SAME = ({"BMP", "DIB"}, {"JPEG", "MPO"}, {"HEIF", "AVIF"})
"""Formats that go by each other's suffixes."""
_REFUSED = {
    b"v/1\x01": "OpenEXR holds light without bounds, which this codec does not take",
    b"#?RADI": "Radiance HDR holds light without bounds, which this codec does not take",
    b"%!PS": "PostScript is a program, not a picture",
    b"%PDF": "PDF is a document, not a picture",
    b"BPG\xfb": "a BPG file is coded already: `tnc compare` and the panes of the Studio read it, but it is no source",
    b"\x8bTNC": "a TNC stream is no source",
}
"""What files begin with that is refused for a reason of its own."""
_ORIENTATION_TAG = 0x0112
_TURNS: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: a[::-1].swapaxes(0, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: a.swapaxes(0, 1)[::-1],
}
"""What makes a picture upright, by EXIF orientation."""

# Pillow refuses the profile of a PNG beyond 1 MiB, which real ones of printers exceed; reading stays bounded.
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, MAX_ICC_BYTES)
# Sizes are checked here, before anything is decoded.
Image.MAX_IMAGE_PIXELS = MAX_SIDE_PX * MAX_SIDE_PX
Image.init()
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # problems are raised, not printed
pillow_heif.register_heif_opener()
_REGISTERED = (pillow_jxl,)  # importing it is enough


@dataclass
class _Read:
    """Samples `(H, W)` or `(H, W, channels)` and what was left out."""

    array: np.ndarray
    notes: list[str]


def parse_picture(data: bytes, path: str | Path) -> Picture:
    """Make a picture of what a file holds: palettes are expanded, it is turned upright, ICC profile and EXIF are kept.

    Sources of 10 to 16 bits give 16-bit pictures. Of animations the first frame is read, CMYK becomes RGB; `notes` say
    so. Transparency that hides nothing is left out.

    Raises
    ------
    InputError
        If the file is no picture or not of the type that its name says, or is too large; one line.
    """
    path = Path(path)
    for magic, reason in _REFUSED.items():
        if data.startswith(magic):
            raise InputError(reason, where=str(path))
    try:
        with Image.open(io.BytesIO(data), formats=READABLE) as image:
            return _picture(image, data, path)
    except Image.DecompressionBombError as error:
        raise InputError(f"over {MAX_SIDE_PX} px a side", where=str(path)) from error
    except UnidentifiedImageError as error:
        raise InputError("not a picture that can be read", where=str(path)) from error
    except CodecError:
        raise
    except Exception as error:  # decoders end in whatever they stumble over, RuntimeError and KeyError too
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"cannot be read: {reason.splitlines()[0]}", where=str(path)) from error


def _picture(image: Image.Image, data: bytes, path: Path) -> Picture:
    if max(image.size) > MAX_SIDE_PX:
        raise InputError(f"{image.size[0]}x{image.size[1]} is over {MAX_SIDE_PX} px a side", where=str(path))
    _check_suffix(image.format or "", path)
    if image.mode == "F" or (image.mode == "I" and not _is_grey16(image)):
        raise InputError(f"samples of {'32-bit floats' if image.mode == 'F' else '32 bits'}", where=str(path))
    if image.format == "PNG":
        _check_png(data, path)
    frames = getattr(image, "n_frames", 1)
    icc = image.info.get("icc_profile") or b""
    depth = _depth(image, data)  # what tells it is gone once the samples are decoded
    read = _deep(image, data, depth, path) if depth > 8 else _shallow(image)
    orientation = image.getexif().get(_ORIENTATION_TAG, 1)
    exif = image.info.get("exif") or b""
    if frames > 1 and image.format != "MPO":
        read.notes.append(f"the first of {frames} frames or pages is read")
    if depth == _JXL_DEEP:
        read.notes.append("JPEG XL of more than 8 bits per sample is read at 8")
    if image.mode == "CMYK":
        icc = b""  # it describes inks
    array = read.array
    # pillow-heif and pillow-jxl-plugin turn pictures upright themselves.
    if orientation in _TURNS and image.format not in ("HEIF", "JXL"):
        array = _TURNS[orientation](array)
    if array.ndim == 3 and array.shape[2] in (2, 4) and array[..., -1].min() == np.iinfo(array.dtype).max:
        array = array[..., :-1]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    icc, exif = _kept(icc, "ICC profile", MAX_ICC_BYTES, read), _kept(exif, "EXIF", MAX_EXIF_BYTES, read)
    exif = _upright(exif) if orientation != 1 else exif
    return Picture.from_array(np.ascontiguousarray(array), name=path.name, icc=icc, exif=exif, notes=tuple(read.notes))


def _check_suffix(found: str, path: Path) -> None:
    """Refuse a name that says another format than the file has."""
    named = Image.registered_extensions().get(path.suffix.lower())
    if named is None or named == found or any({named, found} <= same for same in _SAME):
        return
    if named in READABLE:
        raise InputError(f"it is {found}, but its name says {named}", where=str(path), hint="rename it")


_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
_ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))
"""First column and row, and steps, of the passes of an interlaced PNG."""


def _check_png(data: bytes, path: Path) -> None:
    """Refuse a PNG whose samples are not as many as its header says: Pillow would fill up with black."""
    width, height, depth, color, _, _, interlaced = struct.unpack(">IIBBBBB", data[16:29])
    bits = depth * _PNG_CHANNELS.get(color, 0)
    passes = _ADAM7 if interlaced else ((0, 0, 1, 1),)
    expected = 0
    for left, top, across, down in passes:
        columns, rows = -(-(width - left) // across), -(-(height - top) // down)
        if columns > 0 and rows > 0:
            expected += rows * (1 + -(-columns * bits // 8))
    inflate, found, at = zlib.decompressobj(), 0, 8
    while at + 8 <= len(data) and found <= expected:
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if kind == b"IDAT":
            piece = data[at + 8 : at + 8 + length]
            while piece and not inflate.eof and found <= expected:
                found += len(inflate.decompress(piece, _PIECE_BYTES))
                piece = inflate.unconsumed_tail
        at += 12 + length
    if found != expected:
        raise InputError(f"cannot be read: its samples are not those of {width}x{height} px", where=str(path))


_PIECE_BYTES = 1 << 20


def _is_grey16(image: Image.Image) -> bool:
    """Whether Pillow has read 16-bit grey into 32 bits, as it does for some PPM and PNG files."""
    return image.format in ("PNG", "PPM")


def _kept(metadata: bytes, name: str, limit: int, read: _Read) -> bytes:
    if len(metadata) <= limit:
        return metadata
    read.notes.append(f"{name} of {len(metadata):,} bytes is left out: over {limit:,}")
    return b""


def _upright(exif: bytes) -> bytes:
    """EXIF without its orientation, which has been applied."""
    parsed = Image.Exif()
    parsed.load(exif)
    parsed.pop(_ORIENTATION_TAG, None)
    return parsed.tobytes()


def _shallow(image: Image.Image) -> _Read:
    """8-bit samples, by Pillow."""
    notes: list[str] = []
    image.load()
    if image.mode == "CMYK":
        notes.append("CMYK is converted to RGB")
        return _Read(np.array(_from_cmyk(image)), notes)
    transparent = image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info
    if image.mode in ("L", "1"):
        mode = "LA" if transparent else "L"
    elif image.mode in ("LA", "La"):
        mode = "LA"
    else:
        mode = "RGBA" if transparent else "RGB"
    return _Read(np.array(image.convert("L") if image.mode == "1" and mode == "L" else image.convert(mode)), notes)


def _from_cmyk(image: Image.Image) -> Image.Image:
    """Through the profile of the inks if there is a usable one, else by plain subtraction."""
    profile = image.info.get("icc_profile")
    if profile:
        try:
            inks = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            converted = ImageCms.profileToProfile(image, inks, ImageCms.createProfile("sRGB"), outputMode="RGB")
            if converted is not None:
                return converted
        except (ImageCms.PyCMSError, OSError):
            pass
    return image.convert("RGB")


_JXL_DEEP = -1
"""Stands for a depth that is read at 8 bits, and said so."""


def _depth(image: Image.Image, data: bytes) -> int:
    """Bits per sample of the file, where they are more than 8; Pillow alone would reduce them without a word."""
    if image.format == "AVIF":
        return _av1_depth(data)
    if image.format == "HEIF":
        return int(image.info.get("bit_depth", 8))
    if image.format == "JXL":
        return _JXL_DEEP if _jxl_depth(data) > 8 else 8
    if image.mode.startswith("I"):
        return 16
    for codec, _, _, args in getattr(image, "tile", ()):
        first, *rest = args if isinstance(args, tuple) else (args,)
        # PPM's second argument is its largest value; other codecs have strides there.
        if ";16" in str(first) or (codec == "ppm" and rest and int(rest[0]) > 255):
            return 16
    return 8


def _deep(image: Image.Image, data: bytes, depth: int, path: Path) -> _Read:
    """More than 8 bits, scaled to 16; by OpenCV but for HEIC."""
    array: np.ndarray
    if image.format == "HEIF":
        heif = pillow_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False)
        array = np.array(np.asarray(heif)) >> (16 - depth)
    elif image.format == "PPM":
        array, peak = _ppm(data, path)
        return _Read(array, [] if peak == 65535 else [f"samples up to {peak} are spread over 16 bits"])
    else:
        found = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
        if found is None or found.dtype != np.uint16:
            raise InputError(f"{image.format} with such samples cannot be read", where=str(path))
        array = found[..., ::-1] if found.ndim == 3 and found.shape[2] == 3 else found
        if found.ndim == 3 and found.shape[2] == 4:
            array = found[..., [2, 1, 0, 3]]
        # Pillow calls 16-bit grey with alpha RGBA; what it is stands in a PNG's header.
        grey = data[25] in (0, 4) if image.format == "PNG" else image.mode in ("LA", "I;16", "I;16B", "I", "L")
        if grey and array.ndim == 3:
            array = array[..., [0, 3]] if array.shape[2] == 4 else array[..., 0]
    if array.shape[:2] != (image.height, image.width):
        raise InputError("its parts disagree about its size", where=str(path))
    if depth == 16:
        return _Read(array, [])
    scaled = (array.astype(np.uint32) * 65535 + (1 << (depth - 1))) // ((1 << depth) - 1)
    return _Read(np.minimum(scaled, 65535).astype(np.uint16), [f"{depth}-bit samples are spread over 16 bits"])


def _ppm(data: bytes, path: Path) -> tuple[np.ndarray, int]:
    """Samples of a binary PPM or PGM with two bytes each, spread over 16 bits, and the largest value that it says."""
    header = re.match(rb"P([56])" + 3 * rb"(?:\s|#[^\n]*\n)+(\d+)" + rb"\s", data)
    if header is None:
        raise InputError("only binary PPM is read with more than 8 bits", where=str(path))
    kind, width, height, peak = (int(group) for group in header.groups())
    channels = 1 if kind == 5 else 3
    count = width * height * channels
    if len(data) < header.end() + 2 * count:
        raise InputError("cannot be read: it ends within the samples", where=str(path))
    samples = np.frombuffer(data, ">u2", count, header.end()).reshape(height, width, channels)
    if peak == 65535:
        return samples.astype(np.uint16), peak
    return np.minimum((samples.astype(np.uint32) * 65535 + peak // 2) // peak, 65535).astype(np.uint16), peak


def _av1_depth(data: bytes) -> int:
    """Depth in the AV1 configuration of an AVIF file."""
    at = data.find(b"av1C")
    if at < 0 or at + 7 > len(data):
        return 8
    flags = data[at + 6]
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def _jxl_depth(data: bytes) -> int:
    """Bits per sample in a JPEG XL header; 8 where it is too unusual to tell."""
    start = data.find(b"\xff\x0a", 0, 1 << 16) if data[:2] != b"\xff\x0a" else 0
    if start < 0:
        return 8
    value, at = int.from_bytes(data[start + 2 : start + 34], "little"), 0

    def take(count: int) -> int:
        nonlocal at
        at += count
        return value >> (at - count) & (1 << count) - 1

    def side() -> None:
        take((9, 13, 18, 30)[take(2)])

    small = take(1)
    take(5) if small else side()
    if take(3) == 0:
        take(5) if small else side()
    if take(1):
        return 8  # all defaults
    if take(1):
        take(3)
        if take(1) or take(1) or take(1):
            return 8
    if take(1):
        return 32  # floats
    selector = take(2)
    return (8, 10, 12)[selector] if selector < 3 else take(6) + 1
