"""Where the files that come with the program are, in a source tree and in an installed wheel alike."""

from __future__ import annotations

from pathlib import Path

from codec.errors import ModelError

_PACKAGE = Path(__file__).resolve().parent
# In the wheel `resources/` lies inside the package (hatch force-include), in a checkout beside it.
_ROOTS = (_PACKAGE / "resources", _PACKAGE.parent / "resources")


def resource(name: str) -> Path:
    """Path of a bundled file or folder.

    Parameters
    ----------
    name : str
        Path below `resources/` with forward slashes, such as "samples/street.png".
    """
    for root in _ROOTS:
        if (path := root / name).exists():
            return path
    raise ModelError("this file of the installation is missing", where=f"resources/{name}", hint="reinstall")
