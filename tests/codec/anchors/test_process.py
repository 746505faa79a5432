"""External programs: what they return, how they fail, and that they can be stopped."""

from __future__ import annotations

import os
import sys
import threading
import time
from pathlib import Path

import pytest

from codec.anchors.process import last_line, run_process
from codec.errors import AnchorError, Cancelled
from codec.jobs import CancelToken

ECHO = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read()); print('note', file=sys.stderr)"
# A program with a child of its own; both only end when they are killed.
FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1] + ".part", "w").write(str(child.pid))
import os; os.rename(sys.argv[1] + ".part", sys.argv[1])
time.sleep(600)
"""


def python(code: str, *arguments: str) -> list[str]:
    return [sys.executable, "-c", code, *arguments]


def alive(pid: int) -> bool:
    """Whether a process still runs; one that only waits to be reaped by init does not."""
    status = Path(f"/proc/{pid}/stat")
    try:
        os.kill(pid, 0)
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] != "Z"
    except (ProcessLookupError, FileNotFoundError):
        return False


def wait_for(condition: object) -> None:
    end = time.monotonic() + 60
    while not condition():  # type: ignore[operator]
        if time.monotonic() > end:
            raise TimeoutError
        time.sleep(0.02)


def test_data_go_through_both_pipes_at_once() -> None:
    data = os.urandom(3 << 20)  # far more than pipes hold
    out, err = run_process(python(ECHO), stdin=data, timeout_s=60)
    assert out == data
    assert err.strip() == "note"


def test_failure_tells_the_last_line_of_stderr() -> None:
    code = "import sys; print('first', file=sys.stderr); print('the cause', file=sys.stderr); sys.exit(3)"
    with pytest.raises(AnchorError, match=r"^python[^:]*: the cause$"):
        run_process(python(code), timeout_s=60)
    assert run_process(python(code), timeout_s=60, any_exit_code=True)[1].split() == ["first", "the", "cause"]


def test_silent_failure_tells_the_exit_code() -> None:
    with pytest.raises(AnchorError, match="exit code 3"):
        run_process(python("import sys; sys.exit(3)"), timeout_s=60)


def test_missing_program() -> None:
    with pytest.raises(AnchorError, match="no-such-program: cannot be started"):
        run_process(["/nowhere/no-such-program"], timeout_s=60)


def test_too_much_output() -> None:
    with pytest.raises(AnchorError, match="more than 1000 bytes"):
        run_process(python("while True: print('x' * 1000)"), timeout_s=60, max_output_bytes=1000)


def test_a_program_that_does_not_read_is_no_error() -> None:
    assert run_process(python("print('done')"), stdin=bytes(1 << 20), timeout_s=60)[0].strip() == b"done"


@pytest.mark.parametrize("how", ["cancel", "timeout"])
def test_stopping_kills_the_children_too(how: str, tmp_path: Path) -> None:
    file, cancel = tmp_path / "pid", CancelToken()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            run_process(python(FAMILY, str(file)), timeout_s=3 if how == "timeout" else 600, cancel=cancel)
        except (AnchorError, Cancelled) as error:
            failures.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(file.exists)
    pid = int(file.read_text())
    if how == "cancel":
        assert alive(pid)
        cancel.cancel()
    thread.join(60)
    assert not thread.is_alive()
    assert str(failures[0]) == "cancelled" if how == "cancel" else "did not finish within 3 s" in str(failures[0])
    wait_for(lambda: not alive(pid))


def test_nothing_starts_once_cancelled(tmp_path: Path) -> None:
    cancel = CancelToken()
    cancel.cancel()
    with pytest.raises(Cancelled):
        run_process(python("open('started', 'w')"), timeout_s=60, cancel=cancel)


def test_last_line_drops_empty_lines_and_addresses() -> None:
    assert last_line("one\n[enc @ 0x12] [sub @ 0x3] two\n\n") == "two"
    assert last_line("\n") == ""
