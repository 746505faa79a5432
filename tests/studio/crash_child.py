"""A Studio that is killed by the test that started it: codes for real, autosaves, and says on stdout how far it is.

usage: crash_child.py PICTURE AUTOSAVE_FOLDER encode|write
"""

from __future__ import annotations

import os
import sys
import traceback
from pathlib import Path
from types import TracebackType

import torch  # noqa: F401  before PySide6
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from tnc_studio.app import make_application
from tnc_studio.services.jobs import limit_torch_threads
from tnc_studio.services.studio import Studio

POLL_MS = 5
TARGET_BPP = 0.7


class Child:
    def __init__(self, picture: Path, folder: Path, what: str) -> None:
        self.studio = Studio(anchors={})
        self.folder, self.what = folder, what
        self.step = self.wait_for_the_first_run
        self.rounds = 0
        self.studio.sessions.start_autosave(folder)
        self.studio.set_qp(28.25)
        self.studio.open(picture)
        self.timer = QTimer()
        self.timer.timeout.connect(lambda: self.step())
        self.timer.start(POLL_MS)

    def saved(self, text: str) -> bool:
        return any(text in path.read_text() for path in self.folder.glob("*/session.json"))

    def wait_for_the_first_run(self) -> None:
        if self.studio.session.source is not None and self.studio.settled:
            self.studio.session.set_notes("written before the crash")
            if self.what == "write":
                print("READY", flush=True)
                self.step = self.write_all_the_time
            else:
                self.studio.set_target(bpp=TARGET_BPP)
                self.step = self.wait_for_mid_encode

    def wait_for_mid_encode(self) -> None:
        self.studio.sessions.autosave()
        encoding = [job for _, job, _ in self.studio.jobs.running() if job.channel == "tnc.settle" and job.fraction]
        if encoding and self.saved(f'"target_bpp": {TARGET_BPP}'):
            print("READY", flush=True)
            self.step = self.wait_for_death
        elif not self.studio.jobs.busy("tnc.settle"):
            self.studio.tnc.settle()  # that was too quick: once more, now that the target is saved

    def wait_for_death(self) -> None:
        if self.studio.settled:
            print("TOO LATE", flush=True)

    def write_all_the_time(self) -> None:
        self.rounds += 1
        self.studio.session.set_notes(f"round {self.rounds}")
        self.studio.sessions.autosave()


def give_up(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """An exception in a slot would leave the test waiting."""
    traceback.print_exception(kind, error, trace)
    os._exit(3)


if __name__ == "__main__":
    sys.excepthook = give_up
    limit_torch_threads()
    app: QApplication = make_application("dark")
    child = Child(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3])
    app.exec()
