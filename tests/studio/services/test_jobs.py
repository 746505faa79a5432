from __future__ import annotations

import subprocess
import sys
import textwrap


def test_a_process_ends_at_once_while_a_lane_cannot_be_interrupted() -> None:
    """Shutting the interpreter down under a thread in PyTorch would abort."""
    program = """
        import atexit, sys, threading
        from PySide6.QtCore import QCoreApplication
        from tnc_studio.services.jobs import DEVICE, JobService, leave
        app, started = QCoreApplication([]), threading.Event()
        jobs = JobService()
        jobs.submit(DEVICE, "deaf", lambda progress, cancel: started.set() or threading.Event().wait(60))
        assert started.wait(20)
        jobs.stop(0.05)
        atexit.register(print, "shut down")
        print("left")
        sys.exit(leave(3))
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=50)
    assert (done.returncode, done.stdout) == (3, "left\n"), done.stderr
