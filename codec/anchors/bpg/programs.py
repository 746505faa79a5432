"""BPG by bpgenc and bpgdec, for users who have installed them."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

from codec.anchors.base import Anchor, QualityRange, check_input
from codec.anchors.process import run_process
from codec.errors import AnchorError
from codec.files import read_picture, write_picture
from codec.jobs import CancelToken
from codec.picture import Picture

HOW_TO_GET = "bpgenc and bpgdec must be on PATH; libbpg builds them"


class BpgAnchor(Anchor):
    """4:4:4, 8 bit, BT.601; the JCTVC encoder where bpgenc has it, else x265. Grey as bpgenc makes it (4:0:0).

    Parameters
    ----------
    encoder : {"", "jctvc", "x265"}
        "" takes the best that this bpgenc has.
    """

    id = "bpg"
    suffix = ".bpg"
    quality = QualityRange(0, 51, 1, True, "QP", (16, 46, 3))

    def __init__(self, encoder: str = "") -> None:
        self._encoder = encoder

    @property
    def encoder(self) -> str:
        """HEVC encoder inside bpgenc."""
        return self._encoder or ("jctvc" if "jctvc" in _help_text() else "x265")

    @property
    def label(self) -> str:
        """Names the encoder, for the two differ by 2 %."""
        return f"BPG ({self.encoder})"

    @property
    def settings_text(self) -> str:
        """Options of bpgenc."""
        return f"bpgenc {self.encoder} 4:4:4 8 bit -m 8"

    @property
    def version(self) -> str:
        """Version as bpgenc prints it."""
        return next((line.strip() for line in _help_text().splitlines() if "version" in line.lower()), "")

    def availability(self) -> str | None:
        """Whether both programs are on PATH."""
        lacking = [name for name in ("bpgenc", "bpgdec") if shutil.which(name) is None]
        return f"{' and '.join(lacking)} not found ({HOW_TO_GET})" if lacking else None

    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode to a BPG file."""
        check_input(picture)
        self.quality.check(quality)
        with tempfile.TemporaryDirectory(prefix="bpg-") as folder:
            source, target = Path(folder, "in.png"), Path(folder, "out.bpg")
            bare = Picture(picture.planes, picture.color, picture.bit_depth)  # metadata would count as bytes
            write_picture(bare, source)
            options = ["-e", self.encoder, "-q", f"{quality:g}", "-f", "444", "-m", "8", "-o", str(target), str(source)]
            run_process([_program("bpgenc"), *options], timeout_s=60 + 120e-6 * picture.pixels, cancel=cancel)
            return _result(target)

    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode a BPG file."""
        with tempfile.TemporaryDirectory(prefix="bpg-") as folder:
            source, target = Path(folder, "in.bpg"), Path(folder, "out.png")
            source.write_bytes(stream)
            run_process([_program("bpgdec"), "-o", str(target), str(source)], timeout_s=120, cancel=cancel)
            _result(target)
            decoded = read_picture(target)
            return Picture(decoded.planes, decoded.color, decoded.bit_depth)


def _program(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise AnchorError(f"{name} was not found", hint=HOW_TO_GET)
    return path


def _result(path: Path) -> bytes:
    if not path.is_file() or not path.stat().st_size:
        raise AnchorError(f"no {path.suffix[1:]} file was written")
    return path.read_bytes()


@cache
def _help_text_of(program: str) -> str:
    out, err = run_process([program, "-h"], timeout_s=10, any_exit_code=True)
    return out.decode(errors="replace") + err


def _help_text() -> str:
    path = shutil.which("bpgenc")
    return _help_text_of(path) if path else ""
