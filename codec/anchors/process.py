"""Run an external program so that it can always be stopped: by the user, by time, or by what it writes."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO

from codec.errors import AnchorError, Cancelled
from codec.jobs import CancelToken

POLL_S = 0.05
CHUNK_BYTES = 1 << 16
STDERR_KEPT_BYTES = 1 << 16


def run_process(
    arguments: Sequence[str],
    *,
    stdin: bytes | Iterable[bytes] = b"",
    timeout_s: float,
    max_output_bytes: int = 1 << 30,
    any_exit_code: bool = False,
    folder: Path | None = None,
    cancel: CancelToken | None = None,
) -> tuple[bytes, str]:
    """Run a program to its end and return what it wrote to stdout (bytes) and stderr (text).

    The program leads its own process group; cancelling, running out of time and writing too much kill the whole
    group. No shell is involved. `any_exit_code` accepts failure, for programs whose help exits with one. The program
    runs in `folder`. `stdin` may come in parts, which are taken in another thread while there is room in the pipe;
    an exception in making them ends the program and is raised.

    Raises
    ------
    AnchorError
        If it cannot be started, fails (with its last line of stderr), takes longer than `timeout_s`, or writes more
        than `max_output_bytes`.
    Cancelled
        If `cancel` was raised.
    """
    if cancel is not None:
        cancel.check()
    name = Path(arguments[0]).name.split("-linux")[0].split("-win")[0].split("-macos")[0]
    try:
        process = subprocess.Popen(
            list(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            start_new_session=os.name == "posix",
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise AnchorError(f"cannot be started: {error.strerror or error}", where=name) from error

    out, err = _Reader(process.stdout, max_output_bytes, stop_at_limit=True), _Reader(process.stderr, STDERR_KEPT_BYTES)
    feed = _Feeder(process.stdin, [stdin] if isinstance(stdin, bytes) else stdin)
    threads = [out, err, feed]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout_s
    try:
        while True:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(POLL_S)
                break
            if cancel is not None and cancel.cancelled:
                raise Cancelled
            if time.monotonic() > deadline:
                raise AnchorError(f"did not finish within {timeout_s:.0f} s", where=name)
            if out.overflowed:
                raise AnchorError(f"wrote more than {max_output_bytes} bytes", where=name)
            if feed.error is not None:
                raise feed.error
    finally:
        # Also after a normal end: a child that outlived the leader would keep the pipes open.
        _kill_group(process)
        for thread in threads:
            thread.join(1.0)
    if cancel is not None and cancel.cancelled:
        raise Cancelled
    if feed.error is not None:
        raise feed.error
    if out.overflowed:
        raise AnchorError(f"wrote more than {max_output_bytes} bytes", where=name)
    text = err.data.decode(errors="replace")
    if process.returncode != 0 and not any_exit_code:
        raise AnchorError(last_line(text) or f"failed with exit code {process.returncode}", where=name)
    return bytes(out.data), text


def last_line(text: str) -> str:
    """Last line that says something, without ffmpeg's "[part @ address]" in front."""
    lines = (re.sub(r"^(\[[^]]*\]\s*)+", "", line).strip() for line in reversed(text.splitlines()))
    return next((line for line in lines if line), "")


class _Reader(threading.Thread):
    """Drains one pipe; keeps at most `limit` bytes (the last ones, unless told to stop there)."""

    def __init__(self, pipe: IO[bytes] | None, limit: int, *, stop_at_limit: bool = False) -> None:
        super().__init__(daemon=True)
        self._pipe, self._limit, self._bounded = pipe, limit, stop_at_limit
        self.data = bytearray()
        self.overflowed = False

    def run(self) -> None:
        if self._pipe is None:
            return
        with contextlib.suppress(OSError, ValueError), self._pipe as pipe:
            while chunk := os.read(pipe.fileno(), CHUNK_BYTES):
                self.data += chunk
                if len(self.data) > self._limit:
                    if self._bounded:
                        self.overflowed = True
                        return
                    del self.data[: -self._limit]


class _Feeder(threading.Thread):
    """Writes all of stdin; a program that stops reading early is not an error here."""

    def __init__(self, pipe: IO[bytes] | None, parts: Iterable[bytes]) -> None:
        super().__init__(daemon=True)
        self._pipe, self._parts = pipe, parts
        self.error: Exception | None = None

    def run(self) -> None:
        if self._pipe is None:
            return
        with contextlib.suppress(OSError, ValueError), self._pipe as pipe:
            parts = iter(self._parts)
            while True:
                try:
                    part = next(parts, None)
                except Exception as error:
                    self.error = error
                    return
                if part is None:
                    return
                pipe.write(part)


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        if process.poll() is None:
            subprocess.run(["taskkill", "/T", "/F", "/PID", str(process.pid)], capture_output=True, check=False)
    else:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5.0)
