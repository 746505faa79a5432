"""Reading pictures from disk and writing files so that a failure never leaves half of one."""

from __future__ import annotations

import contextlib
import os
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from codec.errors import InputError
from codec.picture import Picture

MAX_SIDE_PX = 4096
"""Largest width or height that the still codec takes."""
WRITABLE = {".png": "PNG", ".ppm": "PPM", ".pgm": "PPM", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF"}


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path beside `path`; rename it over `path` on success, remove it on failure."""
    path = Path(path)
    try:
        handle, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=path.suffix, dir=path.parent)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="choose another output path") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        temporary.replace(path)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: str | Path, data: bytes) -> None:
    """Write a file atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(data)


def read_bytes(path: str | Path) -> bytes:
    """Read a whole file, with a `CodecError` where the system would give an `OSError`."""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error


def _deep_color(image: Image.Image) -> bool:
    """Whether Pillow is about to reduce 16-bit colour to 8 bits; only the arguments of its tiles tell."""
    for codec, _, _, args in getattr(image, "tile", ()):
        first, *rest = args if isinstance(args, tuple) else (args,)
        # PPM's second argument is its largest value; other codecs have strides there.
        if re.search(r";16[BLN]", str(first)) or (codec == "ppm" and rest and int(rest[0]) > 255):
            return True
    return False


def read_picture(path: str | Path) -> Picture:
    """Read an 8-bit grey or RGB picture; palettes are expanded and EXIF orientation applied.

    Alpha and more than 8 bits are refused with a clear line rather than dropped.
    """
    path = Path(path)
    try:
        with Image.open(path) as image:
            if max(image.size) > MAX_SIDE_PX:
                raise InputError(f"{image.size[0]}x{image.size[1]} is over {MAX_SIDE_PX} px a side", where=str(path))
            if image.mode.startswith(("I", "F")) or _deep_color(image):
                raise InputError(f"more than 8 bits per sample ({image.mode})", where=str(path))
            image.load()
            icc = b"" if image.mode == "CMYK" else image.info.get("icc_profile") or b""
            upright = ImageOps.exif_transpose(image)
            has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
            if has_alpha and np.asarray(upright.convert("RGBA").getchannel("A")).min() < 255:
                raise InputError("the picture has transparency", where=str(path), hint="flatten it first")
            array = np.array(upright.convert("L" if upright.mode in ("L", "LA", "1") else "RGB"))
    except Image.DecompressionBombError as error:
        raise InputError(f"over {MAX_SIDE_PX} px a side", where=str(path)) from error
    except UnidentifiedImageError as error:
        raise InputError("not a picture that can be read", where=str(path)) from error
    except (OSError, ValueError, SyntaxError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot be read: {reason}", where=str(path)) from error
    return Picture.from_array(array, name=path.name, icc=icc)


def write_picture(picture: Picture, path: str | Path) -> None:
    """Write a grey or RGB picture losslessly; the suffix chooses the format."""
    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        raise InputError(f"cannot write {path.suffix or 'a file without suffix'}", where=str(path), hint="use .png")
    array = picture.planes[0] if picture.color == "grey" else picture.rgb
    image = Image.fromarray(array)
    with atomic_path(path) as temporary:
        metadata = {"icc_profile": picture.icc} if picture.icc else {}
        image.save(temporary, format=WRITABLE[path.suffix.lower()], **metadata)
