"""The Studio's job without a display: the same window and services on Qt's offscreen platform, results in files."""

from __future__ import annotations

import platform
import tempfile
import time
from collections.abc import Callable, Collection
from pathlib import Path

from PySide6.QtCore import QEventLoop, QSettings, QTimer

import codec
from codec.anchors.search import mismatch_percent
from codec.errors import CodecError, InputError
from codec.files import write_bytes
from codec.rd.output import write_rd_folder
from codec.rd.same_bytes import Match
from codec.resources import resource
from codec.run import Run
from codec.tcm.source import is_tcm_file
from tnc_studio.app import SAMPLE, make_application, open_database
from tnc_studio.model.messages import Severity
from tnc_studio.model.renditions import ORIGINAL, TNC, State
from tnc_studio.model.session import Session
from tnc_studio.model.source import CLIP_STREAM_SUFFIXES, CLIP_SUFFIXES
from tnc_studio.services.jobs import limit_torch_threads
from tnc_studio.services.qt_log import QtLog
from tnc_studio.services.store import Store
from tnc_studio.services.studio import Studio
from tnc_studio.views.main_window import MainWindow

SIZE_PX = (1600, 1000)
PANES = (TNC, "bpg", "vvc", ORIGINAL)
PANES_SHOWN = 3
POLL_MS = 100
SLOW_RUNGS = 5
"""Rungs of VVC's ladder: with what the search for the same bytes adds, enough for a BD-rate."""
TIMEOUT_S = 1800.0
"""A 4096x4096 picture on a slow core needs most of it; the sample needs a few minutes."""


def run_headless(
    out_dir: Path,
    picture: Path | None = None,
    *,
    say: Callable[[str], object] = lambda line: None,
    theme: str = "dark",
    studio: Studio | None = None,
) -> int:
    """Open a picture, wait for TNC, for the anchors at the same bytes and for the curves, and write what came out.

    Parameters
    ----------
    out_dir : Path
        Folder for `studio.png`, the streams and the RD report; made if missing.
    picture : Path, optional
        The bundled sample by default.
    say : callable
        Gets lines for the user.
    theme : {"light", "dark"}
        Of the screenshot.
    studio : Studio, optional
        What does the work; the shipped codec and all anchors by default.

    Returns
    -------
    int
        Exit status: 0, or 1 after one clear line.
    """
    path = picture if picture is not None else resource(SAMPLE)
    if path.suffix.lower() in (*CLIP_SUFFIXES, *CLIP_STREAM_SUFFIXES) or is_tcm_file(path):
        say(
            f"tnc-studio: {path.name}: without a display only pictures are coded ('tnc encode' and 'tnc rd' code clips)"
        )
        return 1
    errors: list[str] = []
    limit_torch_threads()
    _qt_log = QtLog()  # keeps the offscreen platform quiet
    make_application(theme)
    studio = studio if studio is not None else Studio(slow_rungs=SLOW_RUNGS, database=open_database()[0])
    studio.session.message.connect(
        lambda message: errors.append(message.text) if message.severity is Severity.ERROR else None
    )
    with tempfile.TemporaryDirectory(prefix="tnc-studio-") as scratch:
        settings = QSettings(str(Path(scratch) / "settings.ini"), QSettings.Format.IniFormat)  # not the user's
        try:
            _run(studio, MainWindow(studio, Store(settings)), path, out_dir, errors, say)
        except (CodecError, OSError) as error:
            say(f"tnc-studio: {error}")
            return 1
        finally:
            studio.close()
    for text in errors:
        say(f"Note: {text}")
    return 0


def _run(
    studio: Studio, window: MainWindow, path: Path, out_dir: Path, errors: list[str], say: Callable[[str], object]
) -> None:
    out_dir.mkdir(parents=True, exist_ok=True)
    window.resize(*SIZE_PX)
    studio.session.pane_ids = PANES
    studio.session.mend_panes()
    studio.session.set_pane_count(PANES_SHOWN)
    studio.session.panes_changed.emit()
    window.show()
    window.default_layout()
    say(f"Coding {path.name} by TNC and, at the same bytes, by the anchors.")
    studio.open(path)
    _wait(studio, say)
    if studio.session.rendition(TNC).state is not State.FINAL:
        raise InputError(errors[-1] if errors else "the TNC encode did not finish", where=path.name)
    window.grab().save(str(out_dir / "studio.png"))
    for line in write_results(studio, out_dir):
        say(line)
    say(f"Wrote {out_dir / 'studio.png'}, the streams and {out_dir / 'report.html'}.")


def _wait(studio: Studio, say: Callable[[str], object]) -> None:
    """Run the event loop until all work is done, saying what is at work now and then."""
    loop, timer = QEventLoop(), QTimer()
    started_s = time.monotonic()
    last = ""

    def poll() -> None:
        nonlocal last
        late = time.monotonic() - started_s > TIMEOUT_S
        if late or studio.idle:
            loop.quit()
            return
        notes = [job.note.partition(" ladder")[0] for _, job, _ in studio.jobs.running() if job.note]
        if notes and notes[-1] != last:
            last = notes[-1]
            say(f"  {time.monotonic() - started_s:5.0f} s  {last}")

    timer.timeout.connect(poll)
    timer.start(POLL_MS)
    loop.exec()
    timer.stop()


def write_results(studio: Studio, out_dir: Path) -> list[str]:
    """Write streams and the RD folder of the open picture; returns one line per codec."""
    session = studio.session
    target = session.rendition(TNC).run
    if target is None or session.source is None:
        raise InputError("there is no finished encode to report")
    stem = Path(session.source.name).stem
    write_bytes(out_dir / f"{stem}.tnc", target.stream)
    lines = [_line(target, "")]
    matches = _matches(session, target, studio.anchors.anchors)
    for match in matches:
        if match.run is None or match.mismatch_percent is None:
            lines.append(f"  {match.label}: {match.error}")
            continue
        write_bytes(out_dir / f"{stem}{studio.anchors.anchors[match.codec].suffix}", match.run.stream)
        lines.append(_line(match.run, f"  ({match.mismatch_percent:+.1f} % bytes, {match.settings})"))
    versions = {"TNC Studio": codec.__version__, "Python": platform.python_version()}
    for rendition in session.renditions.values():
        versions |= dict(rendition.run.versions) if rendition.run is not None else {}
    write_rd_folder(
        session.curves.all_rows(), out_dir, title=f"{session.source.name}: TNC beside BPG, VVC and JPEG",
        target=target, matches=matches, versions=versions,
        conditions={"Picture": f"{session.source.width_px} x {session.source.height_px} px",
                    "Machine": f"{platform.system()} {platform.machine()}"},
    )  # fmt: skip
    return lines


def _matches(session: Session, target: Run, anchors: Collection[str]) -> list[Match]:
    matches = []
    for id_ in session.visible_ids:
        if id_ not in anchors:
            continue
        rendition, run = session.rendition(id_), session.rendition(id_).run
        if run is None:
            matches.append(Match(id_, rendition.label, "", None, None, rendition.note))
        else:
            off = mismatch_percent(run.metrics["bytes"], target.metrics["bytes"])
            matches.append(Match(id_, run.label, rendition.settings_text, run, off))
    return matches


def _line(run: Run, tail: str) -> str:
    metrics = run.metrics
    return (
        f"  {run.label:28s} {metrics['bytes']:9,.0f} B  {metrics['bpp']:.3f} bpp  "
        f"PSNR {metrics['psnr_rgb_db']:.2f} dB{tail}"
    )
