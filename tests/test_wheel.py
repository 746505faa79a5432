"""The wheel is complete: installed alone, away from the source tree, it codes a picture."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
ENVIRONMENT = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}


def run(*args: str | Path, cwd: Path) -> str:
    """Run a program away from the source tree; its stdout."""
    result = subprocess.run(args, cwd=cwd, env=ENVIRONMENT, capture_output=True, text=True, timeout=240)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built with the installed hatchling."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check")
    run(*pip, "wheel", "--no-build-isolation", "--no-deps", "--wheel-dir", folder, ROOT, cwd=folder)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def programs(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of the programs of an environment that has the wheel; dependencies come from the running one."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False)
    scripts = home / ("Scripts" if os.name == "nt" else "bin")
    python = scripts / "python"
    pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python)
    run(*pip, "install", "--no-deps", "--no-index", wheel, cwd=home)
    # After the installation, or pip would find this checkout's own package there. A path file is not followed
    # further, so an editable installation of the running environment stays out.
    site_packages = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=home).strip())
    inherited = {sysconfig.get_path(kind) for kind in ("purelib", "platlib")}
    (site_packages / "dependencies.pth").write_text("\n".join(sorted(inherited)) + "\n")
    return scripts


def test_wheel_holds_both_packages_and_the_resources(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    source = {path.relative_to(ROOT) for folder in ("codec", "tnc_studio") for path in (ROOT / folder).rglob("*.py")}
    assert {path.as_posix() for path in source} <= names
    bundled = {path.relative_to(ROOT) for path in (ROOT / "resources").rglob("*") if path.is_file()}
    assert {f"codec/{path.as_posix()}" for path in bundled} <= names
    assert not [name for name in names if name.startswith("tests/")]


def test_entry_points(programs: Path) -> None:
    assert run(programs / "tnc", "--version", cwd=programs).startswith("tnc ")
    assert (programs / "tnc-studio").exists()


def test_installed_program_codes_its_own_sample_from_another_folder(programs: Path, tmp_path: Path) -> None:
    code = "import codec, codec.resources\nprint(codec.__file__)\nprint(codec.resource('samples/street.png'))"
    module, sample = map(Path, run(programs / "python", "-c", code, cwd=tmp_path).splitlines())
    assert programs.parent in module.parents
    assert sample.parent.parent == module.parent / "resources"
    with Image.open(sample) as picture:
        picture.crop((100, 100, 260, 212)).save(tmp_path / "crop.png")

    encoded = json.loads(run(programs / "tnc", "encode", "crop.png", "-o", "crop.tnc", "--json", cwd=tmp_path))
    assert encoded["bytes"] == (tmp_path / "crop.tnc").stat().st_size
    run(programs / "tnc", "decode", "crop.tnc", "-o", "back.png", cwd=tmp_path)
    compared = json.loads(run(programs / "tnc", "compare", "crop.png", "back.png", "--json", cwd=tmp_path))
    assert compared["psnr_rgb_db"] == pytest.approx(encoded["psnr_rgb_db"], abs=0.1)
