"""Reading pictures from disk and writing files so that a failure never leaves half of one."""

from __future__ import annotations

import contextlib
import os
import shutil
import stat
import struct
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from codec.errors import InputError
from codec.picture import MAX_ICC_BYTES, Picture

WRITABLE = {".png": "PNG", ".ppm": "PPM", ".pgm": "PPM", ".bmp": "BMP", ".tif": "TIFF", ".tiff": "TIFF"}


_PNG_UP = 2

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


def read_picture(path: str | Path) -> Picture:
    """Read a picture file of any common format: see `codec.reading.parse_picture`."""
    from codec.reading import parse_picture  # brings decoders that not every command needs

    return parse_picture(read_bytes(path), path)


def write_picture(picture: Picture, path: str | Path) -> None:
    """Write a picture losslessly; the suffix chooses the format.

    PNG and TIFF hold everything. PPM and PGM hold neither alpha nor metadata, BMP no more than 8 bits without alpha:
    what would be lost is refused, but for metadata.
    """
    path = Path(path)
    form = WRITABLE.get(path.suffix.lower())
    if form is None:
        raise InputError(f"cannot write {path.suffix or 'a file without suffix'}", where=str(path), hint="use .png")
    if len(picture.icc) > MAX_ICC_BYTES:
        raise InputError(f"an ICC profile of more than {MAX_ICC_BYTES} bytes", where=str(path))
    if (picture.alpha is not None and form not in ("PNG", "TIFF")) or (picture.bit_depth > 8 and form == "BMP"):
        lost = "transparency" if picture.alpha is not None else f"{picture.bit_depth} bits per sample"
        raise InputError(f"{path.suffix} cannot hold {lost}", where=str(path), hint="use .png")
    with atomic_path(path) as temporary:
        if picture.bit_depth == 8:
            _write_8(picture, temporary, form)
        else:
            temporary.write_bytes(_deep_bytes(picture, form))


def _write_8(picture: Picture, path: Path, form: str) -> None:
    from PIL import Image

    channels = [*picture.planes, *([] if picture.alpha is None else [picture.alpha])]
    image = Image.fromarray(channels[0] if len(channels) == 1 else np.stack(channels, axis=-1))
    metadata = {"icc_profile": picture.icc} if picture.icc else {}
    if picture.exif and form in ("PNG", "TIFF"):
        metadata["exif"] = picture.exif
    image.save(path, format=form, **metadata)


def _deep_bytes(picture: Picture, form: str) -> bytes:
    """PNG, TIFF or PPM of 16 bits per sample; Pillow writes only grey of that kind."""
    scale = 65535 / picture.peak
    planes = [np.floor(plane * scale + 0.5).astype(np.uint16) if scale != 1 else plane for plane in picture.planes]
    if form == "PPM":
        kind, samples = (b"P5", planes[0]) if len(planes) == 1 else (b"P6", np.stack(planes, axis=-1))
        header = b"%s\n%d %d\n65535\n" % (kind, picture.width_px, picture.height_px)
        return header + samples.astype(">u2").tobytes()
    channels = [*planes, *([] if picture.alpha is None else [picture.alpha])]
    if form == "PNG":
        return _png16(channels, picture)
    import cv2

    order = [*planes[::-1], *channels[len(planes) :]]  # B, G, R
    if len(order) == 2:
        order = [order[0]] * 3 + order[1:]  # OpenCV has no grey with alpha
    done, encoded = cv2.imencode(".tiff", np.stack(order, axis=-1))
    if not done:
        raise InputError(f"{form} could not be written")
    return bytes(encoded.tobytes())


def _png16(channels: Sequence[np.ndarray], picture: Picture) -> bytes:
    """PNG of 16 bits with profile and EXIF; every row is stored as its difference to the one above."""
    height, width = channels[0].shape
    rows = np.stack(channels, axis=-1).astype(">u2").view(np.uint8).reshape(height, -1)
    rows = np.diff(rows, axis=0, prepend=np.zeros((1, rows.shape[1]), np.uint8))
    filtered = np.concatenate([np.full((height, 1), _PNG_UP, np.uint8), rows], axis=1)
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[len(channels)]
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))]
    chunks += [(b"iCCP", b"ICC\0\0" + zlib.compress(picture.icc))] if picture.icc else []
    chunks += [(b"eXIf", picture.exif.removeprefix(b"Exif\0\0"))] if picture.exif else []
    chunks += [(b"IDAT", zlib.compress(filtered.tobytes(), 6)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body)) for name, body in chunks
    )
