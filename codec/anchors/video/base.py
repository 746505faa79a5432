"""`VideoAnchor`: what every codec of clips looks like from outside, TCM included."""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from codec.anchors.base import Codec
from codec.errors import InputError
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.video.frame import Frame
from codec.video.source import VideoSource

Structure = Literal["low-delay", "default"]
STRUCTURES: tuple[Structure, ...] = ("low-delay", "default")
"""Frames in display order, each from earlier ones; or as the encoder likes best."""


@dataclass(frozen=True)
class Clip:
    """A range of frames of a source: what is coded and measured.

    Attributes
    ----------
    source : VideoSource
    start : int
        First frame.
    count : int or None
        Number of frames; all that follow where None.
    """

    source: VideoSource
    start: int = 0
    count: int | None = None

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.source.name

    @property
    def width_px(self) -> int:
        """Width of luma."""
        return self.source.format.width_px

    @property
    def height_px(self) -> int:
        """Height of luma."""
        return self.source.format.height_px

    @property
    def color(self) -> str:
        """For the list of what was measured."""
        return "4:2:0 video"

    @property
    def bit_depth(self) -> int:
        """Bits per sample."""
        return self.source.format.bit_depth

    @property
    def length(self) -> int | None:
        """Number of frames there are; None where only reading all would tell."""
        there = self.source.frame_count
        if there is None:
            return self.count
        left = max(0, there - self.start)
        return left if self.count is None else min(left, self.count)

    def frames(self) -> Iterator[Frame]:
        """The frames, in a stream; their indices count in the source."""
        return self.source.read(self.start, self.count)

    def digest(self, cancel: CancelToken | None = None) -> tuple[str, int]:
        """SHA-256 over format and samples in hex, and the number of frames; everything is read once."""
        form = self.source.format
        digest = hashlib.sha256(f"{form.width_px}x{form.height_px} {form.bit_depth} {form.fps} {form.color}".encode())
        frames = 0
        for frame in self.frames():
            check(cancel)
            digest.update(frame.source_hash.encode())
            frames += 1
        if not frames:
            raise InputError(f"there is no frame {self.start}", where=str(self.source.path))
        return digest.hexdigest(), frames

    @cached_property
    def _digest(self) -> tuple[str, int]:
        return self.digest()

    @property
    def source_hash(self) -> str:
        """The digest, computed once."""
        return self._digest[0]

    @property
    def frame_count(self) -> int:
        """Number of frames, counted by reading them once."""
        return self._digest[1]


@dataclass(frozen=True)
class CodedFrame:
    """One frame of a coded clip.

    Attributes
    ----------
    index : int
        In display order of the coded clip, from 0.
    type : str
        "I", "P" or "B"; "" where it is not known.
    bits : int
        Of its packet.
    """

    index: int
    type: str
    bits: int


@dataclass(frozen=True)
class CodedClip:
    """What an encoder gave.

    Attributes
    ----------
    path : pathlib.Path
        A file that `VideoAnchor.open` and players read.
    bytes : int
        Size that RD figures count: the elementary stream, without the container of `path`.
    """

    path: Path
    bytes: int


class VideoAnchor(Codec):
    """A codec of clips.

    Attributes
    ----------
    structure : {"low-delay", "default"}
        Order and references of the frames; every label names it, since figures of different ones do not compare.
    """

    suffix = ".mp4"
    structure: Structure = "low-delay"

    def figures(self) -> Mapping[str, float]:
        """What a row of figures says of the codec itself, such as the work of a neural decoder."""
        return {}

    @abstractmethod
    def encode(
        self, clip: Clip, quality: float, output: Path, *, progress: Progress = no_progress,
        cancel: CancelToken | None = None,
    ) -> CodedClip:  # fmt: skip
        """Encode into a file, which is replaced as a whole; raises `CodecError` or `Cancelled`."""

    @abstractmethod
    def open(self, path: Path) -> VideoSource:
        """Decode what `encode` wrote, frame by frame."""

    @abstractmethod
    def coded_frames(self, path: Path) -> list[CodedFrame]:
        """Type and bits of every frame, in display order."""
