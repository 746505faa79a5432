"""`python -m tnc_studio.bench`: how long the window lets its user wait, and the memory that it takes.

Every figure comes from the real window in a fresh process, driven by the events that a user's hands make.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtCore import QEvent, QPointF
    from PySide6.QtWidgets import QWidget

Figures = dict[str, float | list[float] | None]
"""By name, the unit behind the last underscore; lists are single measurements."""
WINDOW_PX = (2560, 1440)
QPS = (28.0, 36.0, 30.0, 40.0, 33.0)
"""Where the slider goes, one after the other."""
FRAMES, STEP_PX, TURN = 120, (7.0, 5.0), 10
"""Of the drag: it turns round every few frames."""
LIMIT_S = 1200.0
PLAN = (("start-up", "small"), ("slider", "small"), ("slider", "4K"), ("panning", "4K"), ("memory", "8K"))


class Bench:
    """The window with settings of its own in a folder; torch is imported first, as the Studio does."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        started_s = time.perf_counter()
        import torch  # noqa: F401

        self.import_s = time.perf_counter() - started_s
        from PySide6.QtCore import QEvent, QObject, QSettings

        from tnc_studio.app import make_application
        from tnc_studio.services.jobs import limit_torch_threads
        from tnc_studio.services.store import Store
        from tnc_studio.services.studio import Studio
        from tnc_studio.views.main_window import MainWindow

        class Paints(QObject):
            """Counts what is painted, and how often that was a picture."""

            count = pictures = 0

            def eventFilter(self, watched: QObject, event: QEvent) -> bool:
                if event.type() == QEvent.Type.Paint:
                    self.count += 1
                    self.pictures += any(layer.image is not None for layer in getattr(watched, "layers", ()))
                return False

        limit_torch_threads()
        self.app = make_application("dark")
        settings = QSettings(str(folder / "bench.ini"), QSettings.Format.IniFormat)
        self.window = MainWindow(Studio(), Store(settings))
        self.studio, self.session = self.window.studio, self.window.session
        self.paints = Paints()
        for widget in (self.window, *(pane.canvas for pane in self.window.compare.panes)):
            widget.installEventFilter(self.paints)

    def show(self, file: Path | None = None) -> None:
        """Show the window until it is painted; with a file, large and until its stream is there."""
        if file is not None:
            self.window.resize(*WINDOW_PX)
        self.window.show()
        self.wait(lambda: self.paints.count > 0)
        if file is not None:
            self.studio.open(file)
            self.wait(lambda: self.settled)

    def wait(self, until: Callable[[], bool], pause_s: float = 0.001) -> None:
        """Let the window live until something holds."""
        limit_s = time.monotonic() + LIMIT_S
        while not until():
            self.app.processEvents()
            time.sleep(pause_s)
            if time.monotonic() > limit_s:
                raise SystemExit("bench: the window did not get there in time")

    def wait_for_frame(self, panes: int) -> None:
        """Wait until so many panes are painted anew."""
        first = self.paints.count
        self.wait(lambda: self.paints.count >= first + panes, pause_s=0.0)

    @property
    def settled(self) -> bool:
        """Whether TNC shows a measured stream of the present settings."""
        measured = self.session.rendition("tnc").run is not None
        return measured and self.studio.tnc.resting and not self.studio.jobs.busy("tnc.settle")


def start_up(bench: Bench, file: Path, since_s: float) -> Figures:
    """From the start of the process to the window, to the first picture in it, and to its settled stream."""
    bench.show()
    window_s = time.time() - since_s
    bench.studio.open(file)
    bench.wait(lambda: bench.paints.pictures > 0)
    found: Figures = {"torch import_s": bench.import_s, "window_s": window_s, "picture_s": time.time() - since_s}
    bench.wait(lambda: bench.settled)
    return found | {"stream_s": time.time() - since_s}


def slider(bench: Bench, file: Path, since_s: float) -> Figures:
    """From a move of the slider to the labelled preview and to the settled stream."""
    bench.show(file)
    tnc, seen, previews, settles = bench.studio.tnc, list[float](), list[float](), list[float]()
    tnc.previewed.connect(lambda: seen.append(tnc.preview_latency_ms))
    for qp in QPS:
        seen.clear()
        bench.studio.set_qp(qp)
        bench.wait(lambda: bool(seen))
        previews.append(seen[0])
        bench.wait(lambda: bench.settled)
        settles.append(tnc.settle_latency_ms)
    return {"preview_ms": previews, "settled_ms": settles}


def panning(bench: Bench, file: Path, since_s: float) -> Figures:
    """Frames while a picture is dragged in four panes at rest; far in, pixels have their values written in."""
    from PySide6.QtCore import QEvent, QPointF

    from tnc_studio.views.painting import VALUES_FROM_SCALE

    bench.show(file)
    bench.studio.cancel()
    bench.session.set_pane_count(4)
    for pane in range(4):
        bench.session.set_pane(pane, ("tnc", "original")[pane % 2])
    found: Figures = {}
    canvas = bench.window.compare.panes[0].canvas
    for name, scale in (("50 %", 0.5), ("100 %", 1.0), ("400 %", 4.0), ("values", VALUES_FROM_SCALE)):
        bench.session.active_view.set_scale(scale)
        bench.wait_for_frame(4)
        place, times_ms = QPointF(canvas.rect().center()), []
        _mouse(canvas, QEvent.Type.MouseButtonPress, place)
        for frame in range(FRAMES):
            sign = 1 if frame // TURN % 2 else -1
            place += QPointF(sign * STEP_PX[0], sign * STEP_PX[1])
            started_s = time.perf_counter()
            _mouse(canvas, QEvent.Type.MouseMove, place)
            bench.wait_for_frame(4)
            times_ms.append(1000 * (time.perf_counter() - started_s))
        _mouse(canvas, QEvent.Type.MouseButtonRelease, place)
        found[f"{name}_ms"] = times_ms
    return found


def _mouse(widget: QWidget, kind: QEvent.Type, place: QPointF) -> None:
    """What the left button does."""
    from PySide6.QtCore import Qt
    from PySide6.QtGui import QMouseEvent
    from PySide6.QtWidgets import QApplication

    left = Qt.MouseButton.LeftButton
    event = QMouseEvent(kind, place, widget.mapToGlobal(place), left, left, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(widget, event)


def memory(bench: Bench, file: Path, since_s: float) -> Figures:
    """Peaks of the process with an empty window, a picture in it, and its settled stream; None where nobody tells."""
    from tnc_studio.services.memory import peak_mib

    bench.show()
    found: Figures = {"window_MiB": peak_mib()}
    bench.studio.open(file)
    bench.wait(lambda: bench.paints.pictures > 0)
    found["picture_MiB"] = peak_mib()
    bench.wait(lambda: bench.settled)
    return found | {"stream_MiB": peak_mib()}


PARTS: dict[str, Callable[[Bench, Path, float], Figures]] = {
    "start-up": start_up, "slider": slider, "panning": panning, "memory": memory,
}  # fmt: skip


def run_part(part: str, file: Path, since_s: float) -> Figures:
    """Measure one thing in this process, which began at `since_s` (seconds since 1970)."""
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        found = PARTS[part](bench, file, since_s)
        bench.window.close()
    return found


def measure(part: str, file: Path) -> Figures:
    """Measure one thing in a fresh process."""
    command = [sys.executable, "-m", "tnc_studio.bench", "--part", part, "--file", str(file)]
    done = subprocess.run([*command, "--since", repr(time.time())], stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bench: {part} ended with status {done.returncode}")
    return dict(json.loads(done.stdout))


def make_pictures(small: Path | None, large: Path | None, folder: Path) -> dict[str, Path]:
    """Files of a small, a 4K and an 8K picture (four times the second); of samples where none is given."""
    import numpy as np

    from codec.bench.measure import default_picture, large_picture
    from codec.files import read_picture, write_picture
    from codec.picture import Picture

    files = {"small": small or folder / "small.png", "4K": large or folder / "4k.png", "8K": folder / "8k.png"}
    picture = large_picture() if large is None else read_picture(large)
    if small is None:
        write_picture(default_picture(), files["small"])
    if large is None:
        write_picture(picture, files["4K"])
    write_picture(Picture.from_array(np.tile(picture.rgb, (2, 2, 1))), files["8K"])
    return files


def lines(found: Figures) -> Iterator[str]:
    """The figures as text."""
    for key, value in found.items():
        name, unit = key.rsplit("_", 1)
        if isinstance(value, list):
            ordered = sorted(value)
            high = ordered[int(0.95 * len(ordered))]
            text = f"median {statistics.median(value):.1f} {unit}, p95 {high:.1f}, max {ordered[-1]:.1f}"
        else:
            text = "unknown" if value is None else f"{value:.{1 if unit == 's' else 0}f} {unit}"
        yield f"  {name:<14}{text}"


def main(argv: Sequence[str] | None = None) -> int:
    """Measure everything; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tnc_studio.bench", description=__doc__)
    parser.add_argument("--small", type=Path, metavar="FILE", help="small picture (default: 768x512 px of a sample)")
    parser.add_argument("--large", type=Path, metavar="FILE", help="4K picture (default: tiled from the samples)")
    parser.add_argument("--quick", action="store_true", help="start-up and the small picture alone")
    parser.add_argument("--json", action="store_true", help="print JSON")
    for name in ("part", "file", "since"):  # what `measure` says to its process
        parser.add_argument(f"--{name}", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.part:
        from tnc_studio.services.jobs import leave

        print(json.dumps(run_part(args.part, Path(args.file), float(args.since))))
        return leave(0)
    found: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory() as folder:
        files = make_pictures(args.small, args.large, Path(folder))
        measure("start-up", files["small"])  # from here on the program's files are in memory
        for part, size in PLAN[: 2 if args.quick else None]:
            title = f"{part}, {size}"
            found[title] = measure(part, files[size])
            if not args.json:
                print("\n".join([title, *lines(found[title])]), flush=True)
    if args.json:
        print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
