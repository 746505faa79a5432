"""Every error that the codec raises on purpose.

A `CodecError` says *what* is wrong, *where* (section and byte offset, or file), and *what to do*. The command line
prints `str(error)` as its one line; the Studio shows it with the details to copy.
"""

from __future__ import annotations


class CodecError(Exception):
    """Something the caller can understand and act on.

    Parameters
    ----------
    what : str
        The problem in one clause, without a full stop.
    where : str, optional
        File, section or argument that it concerns.
    hint : str, optional
        What the user can do about it.
    """

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        self.what = what
        self.where = where
        self.hint = hint
        super().__init__(what)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text} ({self.hint})" if self.hint else text


class InputError(CodecError):
    """A picture or file handed to the codec cannot be used."""


class SettingsError(CodecError):
    """A setting is out of range or contradicts another one."""


class ModelError(CodecError):
    """A model file is missing, damaged, or breaks a guarantee (such as the 2^24 bound)."""


class AnchorError(CodecError):
    """An external codec is missing, failed, or ran out of time."""


class Cancelled(CodecError):
    """The caller asked for the work to stop."""

    def __init__(self) -> None:
        super().__init__("cancelled")


class BitstreamError(CodecError):
    """A stream cannot be decoded.

    Parameters
    ----------
    what : str
        The problem.
    section : str, optional
        Name of the section being read.
    offset : int, optional
        Byte offset in the stream where it was noticed.
    hint : str, optional
        What the user can do about it.
    """

    def __init__(self, what: str, *, section: str = "", offset: int | None = None, hint: str = "") -> None:
        self.section = section
        self.offset = offset
        place = section or "stream"
        super().__init__(what, where=place if offset is None else f"{place} at byte {offset}", hint=hint)


class NotAStream(BitstreamError):
    """The data do not start with the magic number of a TNC or TCM stream."""


class Truncated(BitstreamError):
    """The stream ends before it should."""


class ChecksumMismatch(BitstreamError):
    """A CRC-32C does not match: the bytes were damaged."""


class UnsupportedVersion(BitstreamError):
    """The stream was written by a newer version, or uses a critical section that is unknown here."""


class UnknownModel(BitstreamError):
    """The stream names a model that is not installed."""


class LimitExceeded(BitstreamError):
    """The stream asks for more than the decoder's limits allow."""
