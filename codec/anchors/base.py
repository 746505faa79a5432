"""`Codec`, and `Anchor`: what every codec of pictures that TNC is compared with looks like from outside."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from codec.errors import AnchorError
from codec.jobs import CancelToken
from codec.picture import Picture

CHROMA_FORMATS = {"444": "4:4:4", "420": "4:2:0"}
"""As options of a codec's name, and as people write them."""


@dataclass(frozen=True)
class QualityRange:
    """The quality axis of one codec.

    Attributes
    ----------
    low, high, step : float
        Smallest and largest value the encoder takes, and their spacing.
    lower_is_better : bool
        True for QPs.
    name : str
        "QP" or "quality", for labels.
    usual : tuple of float
        Smallest value, largest value and spacing of the points worth having on an RD curve.
    """

    low: float
    high: float
    step: float
    lower_is_better: bool
    name: str
    usual: tuple[float, float, float]

    def snap(self, quality: float) -> float:
        """Nearest value that the encoder takes."""
        steps = round((min(max(quality, self.low), self.high) - self.low) / self.step)
        return min(self.low + steps * self.step, self.high)

    def check(self, quality: float) -> None:
        """Raise `AnchorError` for a value outside the range or between the encoder's steps."""
        if not self.low <= quality <= self.high:
            raise AnchorError(f"{self.name} must lie in {self.low:g}..{self.high:g}, got {quality:g}")
        if (nearest := self.snap(quality)) != quality:
            raise AnchorError(f"{self.name} goes in steps of {self.step:g}, got {quality:g}", hint=f"{nearest:g}")

    def points(self) -> list[float]:
        """The usual points, ascending; the last one is always the upper end."""
        low, high, step = self.usual
        values = [low + i * step for i in range(int((high - low) / step) + 1)]
        return values if values[-1] == high else [*values, high]


class Codec(ABC):
    """What codecs of pictures and of clips have in common: fixed settings, and a quality that varies.

    Attributes
    ----------
    id : str
        Stable identifier ("bpg", "vvc", "x265", "tcm").
    suffix : str
        Of a file that holds a stream, such as ".hevc".
    in_process : bool
        Whether it runs on this process's threads, and hence never beside others.
    """

    id: str
    suffix: str
    in_process: bool = False

    @property
    @abstractmethod
    def label(self) -> str:
        """What panes and legends show; says when it stands in for something else."""

    @property
    @abstractmethod
    def settings_text(self) -> str:
        """The settings that matter for a comparison, in one line."""

    @property
    @abstractmethod
    def quality(self) -> QualityRange:
        """The quality axis."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Version of the program that encodes; "" where it cannot be found."""

    @abstractmethod
    def availability(self) -> str | None:
        """Return None if it can run here, else why not and how to get it."""

    def settings(self, quality: float) -> Mapping[str, object]:
        """JSON-ready settings of one encode: part of a run's key."""
        return {"quality": float(quality), "settings": self.settings_text}

    def versions(self) -> Mapping[str, str]:
        """Programs and versions behind this codec: part of a run's key."""
        return {self.id: self.version}


class Anchor(Codec):
    """A codec of pictures."""

    @abstractmethod
    def encode(self, picture: Picture, quality: float, *, cancel: CancelToken | None = None) -> bytes:
        """Encode an 8-bit RGB or grey picture of any size; raises `AnchorError` or `Cancelled`."""

    @abstractmethod
    def decode(self, stream: bytes, *, cancel: CancelToken | None = None) -> Picture:
        """Decode what `encode` returned to the same size and colour; raises `AnchorError` or `Cancelled`."""

    def rd_bytes(self, stream: bytes) -> int:
        """Size that RD figures count. Larger than the stream where a container has to be added for fairness."""
        return len(stream)


def check_input(picture: Picture) -> None:
    """Refuse what no anchor takes: more than 8 bits, and YCbCr planes."""
    if picture.color == "ycbcr" or picture.bit_depth != 8:
        raise AnchorError(f"anchors take 8-bit RGB or grey, not {picture.bit_depth}-bit {picture.color}")
