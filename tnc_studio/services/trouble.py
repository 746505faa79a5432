"""Errors as the user sees them: one line, and details to copy."""

from __future__ import annotations

import platform
import traceback

import codec
from codec.errors import CodecError
from tnc_studio.model.messages import Severity
from tnc_studio.model.session import Session


def report(session: Session, error: BaseException, doing: str) -> None:
    """Show an error in the message bar; an unexpected one says so and carries its traceback."""
    text = str(error) if isinstance(error, CodecError) else f"unexpected {type(error).__name__}: {error}"
    session.tell(f"{doing}: {text}", severity=Severity.ERROR, details=details(error, doing))


def details(error: BaseException, doing: str) -> str:
    """Text for a bug report: what, where, versions, traceback."""
    trace = "".join(traceback.format_exception(type(error), error, error.__traceback__))
    versions = f"TNC Studio {codec.__version__}, Python {platform.python_version()}, {platform.platform()}"
    return f"{versions}\n{doing}\n{trace}"
