"""Start of the Studio: arguments, display, missing system libraries, window."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Sequence
from ctypes.util import find_library
from pathlib import Path
from typing import TYPE_CHECKING

# Before torch: threads that spin at barriers starve the window and the anchors.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from codec.errors import CodecError
    from codec.rd.database import RdDatabase

APT_LINE = (
    "apt-get install libegl1 libgl1 libxkbcommon-x11-0 libxcb-cursor0 libxcb-icccm4 libxcb-keysyms1 libxcb-shape0"
)
XCB_LIBRARIES = ("xkbcommon-x11", "xcb-cursor", "xcb-icccm", "xcb-keysyms", "xcb-shape")
SAMPLE = "samples/street_768x432.png"


def parse(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tnc-studio", description="The TNC picture codec beside BPG, VVC and JPEG.")
    parser.add_argument("file", nargs="?", type=Path, help="picture, clip, stream or session to open")
    parser.add_argument("--headless", action="store_true", help="no window: write screenshot, streams and RD report")
    parser.add_argument("-o", "--out", type=Path, default=Path("out"), help="folder of a headless run (%(default)s)")
    parser.add_argument("--theme", choices=("light", "dark"), help="window colours")
    return parser.parse_args(argv)


def has_display() -> bool:
    """Whether a window can be shown: always on Windows and macOS, with a display server elsewhere."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return True
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def missing_xcb_libraries() -> list[str]:
    """Libraries that Qt's X11 plugin needs and that are not installed; Qt itself would abort without naming them."""
    platform = os.environ.get("QT_QPA_PLATFORM", "")
    on_x11 = sys.platform.startswith("linux") and bool(os.environ.get("DISPLAY")) and platform in ("", "xcb")
    if not on_x11 or (os.environ.get("WAYLAND_DISPLAY") and platform != "xcb"):
        return []
    return [f"lib{name}" for name in XCB_LIBRARIES if find_library(name) is None]


def missing_library_text(what: str) -> str:
    """One line that says what is missing and what installs it."""
    return f"tnc-studio: a system library is missing: {what}\ninstall it with: {APT_LINE}"


def make_application(theme: str) -> QApplication:
    """Make the QApplication with our style, palette and icon, in a process that keeps its memory together."""
    import pyqtgraph as pg
    from PySide6.QtGui import QIcon
    from PySide6.QtWidgets import QApplication

    from codec.resources import resource
    from tnc_studio.services.memory import share_arenas
    from tnc_studio.theme.palette import apply_theme

    share_arenas()
    existing = QApplication.instance()
    app = existing if isinstance(existing, QApplication) else QApplication(["tnc-studio"])
    app.setApplicationName("TNC Studio")
    app.setDesktopFileName("tnc-studio")
    app.setStyle("Fusion")
    app.setWindowIcon(QIcon(str(resource("icons/app.svg"))))
    pg.setConfigOptions(imageAxisOrder="row-major", antialias=True)
    apply_theme(app, theme)
    return app


def open_database() -> tuple[RdDatabase | None, CodecError | None]:
    """The user's database of measured points; where it cannot be used, None and why."""
    from codec.errors import CodecError
    from codec.rd.database import RdDatabase, default_path

    try:
        return RdDatabase(default_path()), None
    except CodecError as error:
        return None, error


def run_window(file: Path | None, theme: str | None) -> int:
    """Show the window until it is closed; returns the exit status."""
    from tnc_studio.services.jobs import leave, limit_torch_threads
    from tnc_studio.services.store import Store

    limit_torch_threads()
    store = Store()
    app = make_application(theme or store.theme)
    from tnc_studio.services.qt_log import QtLog
    from tnc_studio.services.studio import Studio
    from tnc_studio.services.trouble import report
    from tnc_studio.views.main_window import MainWindow

    database, trouble = open_database()
    window = MainWindow(Studio(database=database), store)
    if trouble is not None:
        report(window.session, trouble, "Measured points are not kept")
    _qt_log = QtLog(window.session)
    sys.excepthook = lambda kind, error, trace: report(window.session, error, "Something went wrong")
    window.show()
    gc.freeze()  # libraries and the window stay; collecting stays quick
    if file is not None:
        window.studio.open(file)
    return leave(int(app.exec()))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the Studio; without a display do the same job headless. Returns the exit status."""
    args = parse(argv)
    headless = args.headless or not has_display()
    if headless:
        os.environ["QT_QPA_PLATFORM"] = "offscreen"
    elif missing := missing_xcb_libraries():
        print(missing_library_text(", ".join(missing)), file=sys.stderr)
        return 1
    try:
        import torch  # noqa: F401  before PySide6: on Windows the other order fails to load c10.dll
        from PySide6 import QtGui, QtWidgets  # noqa: F401
    except ImportError as error:
        if ".so" not in str(error):
            raise
        print(missing_library_text(str(error).split(":")[0]), file=sys.stderr)
        return 1
    if not headless:
        return run_window(args.file, args.theme)
    from tnc_studio.headless import run_headless

    if not args.headless:
        print("No display: running headless.")
    return run_headless(args.out, args.file, say=print, theme=args.theme or "dark")


if __name__ == "__main__":
    sys.exit(main())
