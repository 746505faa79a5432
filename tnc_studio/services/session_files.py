"""What a session's files hold: written from values of the session, read and checked before anything is shown."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from codec.errors import InputError
from codec.files import make_folder, read_picture, write_picture
from codec.jobs import CancelToken, check
from codec.picture import Picture
from codec.tcm.source import is_tcm_file
from tnc_studio.model.history import KeptRun
from tnc_studio.model.raw import RawFormat
from tnc_studio.model.renditions import DisplayImage
from tnc_studio.model.snapshot import ExternalRef, SessionDocument, SourceRef, document_from_plain, document_to_plain
from tnc_studio.model.source import CLIP_STREAM_SUFFIXES, CLIP_SUFFIXES, STREAM_SUFFIXES
from tnc_studio.services.clips import LoadedClip, load_clip
from tnc_studio.services.container import (
    MANIFEST,
    PICTURES,
    STREAMS,
    Reader,
    ZipReader,
    clip_entry,
    sha256,
    write_folder,
)

Externals = Sequence[tuple[ExternalRef, Picture]]
NAME_MAX = 128
EXTERNALS_MAX = 64
"""External pictures that a session brings back."""


@dataclass(frozen=True, eq=False)
class Loaded:
    """A session as it was read: everything checked, nothing shown yet."""

    document: SessionDocument
    runs: tuple[KeptRun, ...]
    picture: Picture | None
    image: DisplayImage | None
    stream: bytes
    externals: tuple[tuple[ExternalRef, Picture | None], ...] = ()
    clip: LoadedClip | None = None
    clip_stream: Path | None = None


def write_autosave(
    folder: Path, document: SessionDocument, streams: Mapping[str, bytes], picture: Picture | None,
    externals: Externals = (),
) -> None:  # fmt: skip
    """Bring the folder of an open session up to date; `picture` and `externals` where no file holds them."""
    entries = list(streams.items())
    if picture is not None and document.source is not None and document.source.has_original:
        digest, entry = picture_entry(picture)
        document = replace(document, source=replace(document.source, picture=digest))
        entries.append(entry)
    document, more = with_externals(document, externals)
    entries += more
    write_folder(folder, manifest_bytes(document), entries)


def with_externals(
    document: SessionDocument, externals: Externals
) -> tuple[SessionDocument, list[tuple[str, bytes]]]:  # fmt: skip
    """The document with some external pictures inside instead of their paths, and their entries."""
    packed = {one.id: picture_entry(picture) for one, picture in externals}
    refs = tuple(
        replace(one, path="", picture=packed[one.id][0]) if one.id in packed else one for one in document.externals
    )
    return replace(document, externals=refs), [entry for _, entry in packed.values()]


def manifest_bytes(document: SessionDocument) -> bytes:
    """JSON text of a document."""
    return json.dumps(document_to_plain(document), indent=1, allow_nan=False).encode()


def read_manifest(reader: Reader, where: str) -> SessionDocument:
    """Document of a container."""
    try:
        plain = json.loads(reader.read(MANIFEST).decode())
    except (ValueError, RecursionError) as error:
        raise InputError("its contents are damaged", where=where) from error
    return document_from_plain(plain, where)


def load(reader: Reader, where: str, cancel: CancelToken | None = None, folder: Path | None = None) -> Loaded:
    """Read a session and everything that it names; raises `InputError` for what does not fit together.

    Parameters
    ----------
    folder : Path, optional
        Where the clip of a bundle is unpacked: players need a file.
    """
    document = read_manifest(reader, where)
    runs = []
    for ref in document.runs:
        check(cancel)
        runs.append(ref.kept(reader.read(STREAMS + ref.stream)))
    source = document.source
    if source is None:
        return Loaded(document, tuple(runs), None, None, b"")
    if source.clip and source.clip_entry and folder is not None and isinstance(reader, ZipReader):
        source = replace(source, path=str(unpacked_clip(reader, source, folder, cancel)))
    if source.clip and is_tcm_file(Path(source.path)):
        return Loaded(document, tuple(runs), None, None, b"", clip_stream=Path(source.path))
    if source.clip:
        return Loaded(document, tuple(runs), None, None, b"", clip=_clip_at(source))
    if not source.has_original:
        data = reader.read(STREAMS + source.stream)
        return Loaded(document, tuple(runs), None, None, data)
    picture = _picture_inside(reader, source.picture, source.name) if source.picture else _picture_at(source)
    if picture.source_hash != source.source_hash:
        hint = "" if source.picture else "put the old one back, or open a bundle, which holds it"
        raise InputError("the picture is not the one of the session", where=source.path or source.name, hint=hint)
    externals = []
    for one in document.externals[:EXTERNALS_MAX]:
        check(cancel)
        externals.append((one, _picture_inside(reader, one.picture, one.name) if one.picture else None))
    return Loaded(document, tuple(runs), picture, DisplayImage.of(picture), b"", tuple(externals))


def _picture_inside(reader: Reader, entry: str, name: str) -> Picture:
    data = reader.read(f"{PICTURES}{entry}.png")
    with tempfile.TemporaryDirectory(prefix="tnc-session-") as folder:
        path = Path(folder, "picture.png")
        path.write_bytes(data)
        return replace(read_picture(path), name=name)


def _picture_at(source: SourceRef) -> Picture:
    path = Path(source.path)
    if not source.path or path.suffix.lower() in STREAM_SUFFIXES or not path.is_file():
        raise InputError(
            f"the picture {source.name} of the session is missing", where=source.path or source.name,
            hint="put it back there, or open a bundle, which holds it",
        )  # fmt: skip
    return read_picture(path)


def unpacked_clip(reader: ZipReader, source: SourceRef, folder: Path, cancel: CancelToken | None) -> Path:
    """Clip of a bundle as a file. Of the name that the bundle gives it, only a plain one with a known suffix counts.

    Under any other one it has to be a stream of ours, which is known by how it begins, and gets our suffix.
    """
    known = Path(source.name).suffix.lower() in (*CLIP_SUFFIXES, *CLIP_STREAM_SUFFIXES)
    name = source.name if known else f"{source.name}{CLIP_STREAM_SUFFIXES[0]}"
    plain = re.fullmatch(r"\w[\w .()+-]*", name) is not None and len(name) < NAME_MAX
    path = folder / (name if plain else f"clip{Path(name).suffix.lower()}")
    if path.exists() and clip_entry(path, cancel) != source.clip_entry:
        path = path.with_stem(f"{path.stem}-{source.clip_entry.rpartition('/')[2][:8]}")  # nobody's file is replaced
    if not path.exists():
        make_folder(folder)
        reader.unpack(source.clip_entry, path, cancel)
        if not known and not is_tcm_file(path):
            path.unlink()
            raise InputError(f"{source.name[:80]!r} is no name of a clip", where=folder.name)
    return path


def _clip_at(source: SourceRef) -> LoadedClip:
    path = Path(source.path)
    if not source.path or not path.is_file():
        raise InputError(
            f"the clip {source.name} of the session is missing", where=source.path or source.name,
            hint="put it back there",
        )  # fmt: skip
    loaded = load_clip(path, RawFormat.parse(source.raw))
    if loaded.picture.source_hash != source.source_hash:
        loaded.source.close()
        raise InputError("the clip is not the one of the session", where=source.path, hint="put the old one back")
    return loaded


def picture_entry(picture: Picture) -> tuple[str, tuple[str, bytes]]:
    """Hash of a picture as PNG, and its entry (name, bytes)."""
    png = png_bytes(picture)
    return sha256(png), (f"{PICTURES}{sha256(png)}.png", png)


def png_bytes(picture: Picture) -> bytes:
    """PNG of a picture, with its profile but without EXIF: that may tell more than the sender means to."""
    if picture.bit_depth not in (8, 16):
        raise InputError(f"a picture of {picture.bit_depth} bits per sample cannot be put into a session file")
    with tempfile.TemporaryDirectory(prefix="tnc-session-") as folder:
        path = Path(folder, "picture.png")
        write_picture(replace(picture, exif=b""), path)
        return path.read_bytes()
