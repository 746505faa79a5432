"""Messages: what the bar below the panes says, and the log keeps."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How a message is coloured."""

    INFO = "info"
    ERROR = "error"


@dataclass(frozen=True)
class Message:
    """One line for the message bar.

    Attributes
    ----------
    text : str
        What happened, in one line.
    severity : Severity
        Information or error.
    details : str
        What "Copy details" puts on the clipboard.
    action : str
        Id of the action that a button beside it offers; "" for none.
    """

    text: str
    severity: Severity = Severity.INFO
    details: str = ""
    action: str = ""
