"""Reading pictures from disk and writing files so that a failure never leaves half of one."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, PngImagePlugin, UnidentifiedImageError

from codec.errors import CodecError, InputError
from codec.picture import Picture

MAX_SIDE_PX = 4096
"""Largest width or height that the still codec takes."""
WRITABLE = {".png": "PNG", ".ppm": "PPM", ".pgm": "PPM", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF"}


READABLE = ("PNG", "JPEG", "WEBP", "AVIF", "TIFF", "BMP", "DIB", "PPM", "GIF", "QOI")
"""Pillow's names of the formats that are read: pictures of samples, none that needs an interpreter (EPS, WMF)."""
MAX_ICC_BYTES = 16 << 20
"""Largest ICC profile, as large as a stream can carry."""

# Pillow refuses the profile of a PNG beyond 1 MiB, which real ones of printers exceed; reading stays bounded.
PngImagePlugin.MAX_TEXT_CHUNK = max(PngImagePlugin.MAX_TEXT_CHUNK, MAX_ICC_BYTES)

# It can only be read by setting it, which other threads would notice: once, while there are none.
_UMASK = os.umask(0o077)
os.umask(_UMASK)


def resolve_output(path: str | Path) -> tuple[Path, bool]:
    """What writing to `path` would replace, behind symbolic links, and whether that is a device or pipe.

    Raises
    ------
    InputError
        If it is a folder, or cannot be looked at.
    """
    path = Path(path)
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return Path(os.path.realpath(path)), False
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="choose another output path") from error
    if stat.S_ISDIR(mode):
        raise InputError("is a folder", where=str(path), hint="name a file")
    return (Path(os.path.realpath(path)), False) if stat.S_ISREG(mode) else (path, True)


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary path; on success what is there takes the place of `path`, on failure it is removed.

    The temporary file lies beside the file that it replaces. A symbolic link stays one: its target is replaced. Into a
    device or pipe, which cannot be replaced, everything is copied at the end.
    """
    target, special = resolve_output(path)
    folder = None if special else target.parent
    try:
        handle, name = tempfile.mkstemp(prefix=f".{target.name}.", suffix=target.suffix, dir=folder)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path), hint="choose another output path") from error
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        if special:
            with temporary.open("rb") as source, target.open("wb") as sink:
                shutil.copyfileobj(source, sink)
        else:
            temporary.chmod(0o666 & ~_UMASK)
            temporary.replace(target)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
    finally:
        temporary.unlink(missing_ok=True)


def make_folder(folder: str | Path) -> Path:
    """Make a folder, and those that it lies in, if it is missing."""
    folder = Path(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(folder)) from error
    return folder


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
        with Image.open(path, formats=READABLE) as image:
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
    except CodecError:
        raise
    except Exception as error:  # Pillow's decoders end in whatever they stumble over, RuntimeError and KeyError too
        reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
        raise InputError(f"cannot be read: {reason}", where=str(path)) from error
    return Picture.from_array(array, name=path.name, icc=icc)


def write_picture(picture: Picture, path: str | Path) -> None:
    """Write a grey or RGB picture losslessly; the suffix chooses the format."""
    path = Path(path)
    if path.suffix.lower() not in WRITABLE:
        raise InputError(f"cannot write {path.suffix or 'a file without suffix'}", where=str(path), hint="use .png")
    if len(picture.icc) > MAX_ICC_BYTES:
        raise InputError(f"an ICC profile of more than {MAX_ICC_BYTES} bytes", where=str(path))
    array = picture.planes[0] if picture.color == "grey" else picture.rgb
    image = Image.fromarray(array)
    with atomic_path(path) as temporary:
        metadata = {"icc_profile": picture.icc} if picture.icc else {}
        image.save(temporary, format=WRITABLE[path.suffix.lower()], **metadata)
