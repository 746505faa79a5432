"""Sessions as files from anywhere: whatever is in them, nothing is written, nothing large is read, errors are clear."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import pytest

from codec.errors import InputError
from tnc_studio.services import container
from tnc_studio.services.container import FolderReader, ZipReader, sha256, write_folder, write_zip
from tnc_studio.services.session_files import load

MANIFEST = json.dumps({"format": "tnc-studio-session", "version": 1}).encode()


def make_zip(path: Path, entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, data in entries:
            file.writestr(name, data)
    return path


def test_zip_and_folder_give_back_what_was_written(tmp_path: Path) -> None:
    data = b"some stream"
    name = f"streams/{sha256(data)}"
    write_zip(tmp_path / "s.tncs", MANIFEST, [(name, data)])
    write_folder(tmp_path / "s", MANIFEST, [(name, data)])
    write_folder(tmp_path / "s", MANIFEST, [(name, data)])
    for reader in (ZipReader(tmp_path / "s.tncs"), FolderReader(tmp_path / "s")):
        assert reader.read("session.json") == MANIFEST
        assert reader.read(name) == data
        assert load(reader, "s").document.runs == ()


@pytest.mark.parametrize(
    "name", ["../evil", "/etc/passwd", "streams/../../evil", "streams/abc", "C:\\evil", "session.json/x", "a" * 500]
)
def test_foreign_names_are_refused_and_nothing_is_written(tmp_path: Path, name: str) -> None:
    path = make_zip(tmp_path / "evil.tncs", [("session.json", MANIFEST), (name, b"x")])
    with pytest.raises(InputError, match="does not belong"):
        ZipReader(path)
    with pytest.raises(InputError, match="does not belong"):
        FolderReader(tmp_path).read(name)
    assert [entry.name for entry in tmp_path.iterdir()] == ["evil.tncs"]


def test_a_reference_cannot_lead_outside(tmp_path: Path) -> None:
    run = {
        "codec": "tnc", "label": "TNC", "source_hash": "", "stream": "../../secret", "settings": {}, "versions": {},
        "metrics": {},
    }  # fmt: skip
    plain = {"format": "tnc-studio-session", "version": 1, "runs": [run]}
    path = make_zip(tmp_path / "s.tncs", [("session.json", json.dumps(plain).encode())])
    with pytest.raises(InputError, match="does not belong"):
        load(ZipReader(path), "s")


def test_bombs_and_crowds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "LIMITS", {"session.json": 1000, "streams/": 100, "pictures/": 100})
    bomb = make_zip(tmp_path / "bomb.tncs", [("session.json", b" " * 10_000_000)])
    with pytest.raises(InputError, match="over the limit of 1000"):
        ZipReader(bomb).read("session.json")
    monkeypatch.setattr(container, "MAX_TOTAL_BYTES", 1_000_000)
    with pytest.raises(InputError, match="more than a session may"):
        ZipReader(bomb)
    names = [(f"streams/{number:064x}", b"") for number in range(20)]
    monkeypatch.setattr(container, "MAX_ENTRIES", 10)
    with pytest.raises(InputError, match="more than a session may"):
        ZipReader(make_zip(tmp_path / "crowd.tncs", names))


def test_twice_the_same_entry_is_refused(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate"):
        path = make_zip(tmp_path / "twice.tncs", [("session.json", MANIFEST), ("session.json", b"{}")])
    with pytest.raises(InputError, match="twice"):
        ZipReader(path)


def test_damage_is_noticed(tmp_path: Path) -> None:
    data = b"0123456789" * 10
    path = make_zip(tmp_path / "s.tncs", [("session.json", MANIFEST), (f"streams/{sha256(b'other')}", data)])
    with pytest.raises(InputError, match="damaged"):
        ZipReader(path).read(f"streams/{sha256(b'other')}")
    whole = path.read_bytes()
    for cut in (0, 10, len(whole) // 2, len(whole) - 5):
        path.write_bytes(whole[:cut])
        with pytest.raises(InputError):
            load(ZipReader(path), "s")


@pytest.mark.parametrize(
    "manifest",
    [b"", b"[]", b"{}", b"\xff\xfe", b'{"format": "tnc-studio-session", "version": 99}', b"[" * 100_000,
     b'{"format": "tnc-studio-session", "version": "1"}', b'{"format": "tnc-studio-session", "version": 1, "runs": 3}',
     b'{"format": "tnc-studio-session", "version": 1, "source": {"name": 5}}'],
)  # fmt: skip
def test_manifests_that_are_none(tmp_path: Path, manifest: bytes) -> None:
    path = make_zip(tmp_path / "s.tncs", [("session.json", manifest)])
    with pytest.raises(InputError):
        load(ZipReader(path), "s")


def test_pickled_data_are_not_unpickled(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "s.tncs", [("session.pkl", b"cos\nsystem\n(S'touch owned'\ntR.")])
    with pytest.raises(InputError):
        ZipReader(path)


def test_an_entry_that_comes_twice_is_written_once(tmp_path: Path) -> None:
    data = b"samples"
    name = f"pictures/{sha256(data)}.png"
    write_zip(tmp_path / "twice.tncs", MANIFEST, [(name, data), (name, data)])
    assert ZipReader(tmp_path / "twice.tncs").read(name) == data
