"""Raw planes (`.yuv`): the file says nothing about itself, so its name and its size have to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from codec.errors import InputError
from codec.video.frame import Frame, VideoFormat
from codec.video.planar import cut_note, frame_bytes, read_planes
from codec.video.source import VideoSource, check_start

PIXEL_FORMATS = {"yuv420p": 8, "yuv420p10le": 10}
"""Names of the formats that are taken, and their bits per sample."""
ALIASES = {
    "i420": "yuv420p",
    "420p": "yuv420p",
    "420p8": "yuv420p",
    "420p10": "yuv420p10le",
    "yuv420p10": "yuv420p10le",
}
NAMED_SIZES = {
    "sqcif": (128, 96), "qcif": (176, 144), "cif": (352, 288), "4cif": (704, 576), "16cif": (1408, 1152),
    "qvga": (320, 240), "vga": (640, 480), "wvga": (832, 480), "xga": (1024, 768), "wqvga": (416, 240),
    "720p": (1280, 720), "1080p": (1920, 1080), "2160p": (3840, 2160), "4k": (3840, 2160), "uhd": (3840, 2160),
}  # fmt: skip
COMMON_SIZES = (
    (1920, 1080), (1280, 720), (832, 480), (352, 288), (416, 240), (176, 144), (3840, 2160), (1024, 768), (704, 576),
    (720, 576), (720, 480), (640, 480), (640, 360), (480, 270), (320, 240), (2560, 1600), (4096, 2160), (400, 224),
)  # fmt: skip
"""Sizes of test clips, the most likely first."""
MOST_FRAMES = 100_000
"""A guess that makes more frames of a file is no good one."""
HOW_TO_SAY = "give --size WxH and --format yuv420p or yuv420p10le"


@dataclass(frozen=True)
class RawGuess:
    """What a raw file may be.

    Attributes
    ----------
    width_px, height_px : int
        Size of a frame.
    pixel_format : str
        "yuv420p" or "yuv420p10le".
    fps : fractions.Fraction
        From the name; 25 where it says nothing.
    frames : int
        Whole frames that this makes of the file.
    rest_bytes : int
        What is left over after them; 0 for a good guess.
    named : bool
        Whether the size stands in the name of the file.
    """

    width_px: int
    height_px: int
    pixel_format: str
    fps: Fraction
    frames: int
    rest_bytes: int
    named: bool

    @property
    def format(self) -> VideoFormat:
        """The same as a format of frames."""
        return VideoFormat(self.width_px, self.height_px, PIXEL_FORMATS[self.pixel_format], self.fps)

    def __str__(self) -> str:
        rest = f", {self.rest_bytes} bytes left over" if self.rest_bytes else ""
        size = f"{self.width_px}x{self.height_px} {self.pixel_format}"
        return f"{size}, {self.frames} frame{'s' * (self.frames != 1)}{rest}"


class RawSource(VideoSource):
    """Planes of a known format, one frame after the other, little-endian where they have 10 bits."""

    def __init__(self, path: Path, form: VideoFormat) -> None:
        self.path, self.format = path, form
        frames, rest = divmod(_size_of(path), frame_bytes(form))
        if not frames:
            size = f"{form.width_px}x{form.height_px} of {form.bit_depth} bits"
            raise InputError(f"too short for one frame of {size}", where=str(path), hint=HOW_TO_SAY)
        self._count = frames
        self.notes = (cut_note(frames, frame_bytes(form) - rest),) if rest else ()

    @property
    def frame_count(self) -> int:
        """Number of whole frames."""
        return self._count

    def read(self, start: int = 0, count: int | None = None) -> Iterator[Frame]:
        """Frames from `start` on."""
        check_start(start, self.path)
        stop = self._count if count is None else min(start + count, self._count)
        with self.path.open("rb") as file:
            file.seek(start * frame_bytes(self.format))
            for index in range(start, stop):
                yield read_planes(file, self.format, index, self.path)


def open_raw(path: Path, size: tuple[int, int] | None, pixel_format: str | None, fps: Fraction | None) -> RawSource:
    """Open raw planes; what is not given is guessed, and a guess that is none is refused with the candidates."""
    wanted = None if pixel_format is None else _known_format(pixel_format, path)
    guesses = [guess for guess in guess_raw(path, size) if wanted in (None, guess.pixel_format)]
    if size is not None:
        chosen = wanted or (guesses[0].pixel_format if guesses else "yuv420p")
        rate = fps or (guesses[0].fps if guesses else Fraction(25))
        return RawSource(path, VideoFormat(*size, PIXEL_FORMATS[chosen], rate))
    if not guesses or not guesses[0].named:
        found = "; ".join(str(guess) for guess in guesses[:3])
        raise InputError(
            "the name of the file does not say the size of the frames", where=str(path),
            hint=f"{HOW_TO_SAY}; possible: {found}" if found else HOW_TO_SAY,
        )  # fmt: skip
    best = guesses[0]
    return RawSource(
        path, VideoFormat(best.width_px, best.height_px, PIXEL_FORMATS[best.pixel_format], fps or best.fps)
    )


def guess_raw(path: str | Path, size: tuple[int, int] | None = None) -> list[RawGuess]:
    """What a raw file may be, the likeliest first: candidates for a dialog.

    Sizes in the name ("832x480", "cif") come first, then common ones. Formats whose frames fill the file without rest
    come before others; of unnamed sizes only such are listed. 10 bits are ruled out where the first samples
    have more.

    Parameters
    ----------
    path : str or Path
        The file.
    size : (int, int), optional
        Width and height where they are known: only the format is guessed.

    Raises
    ------
    InputError
        If the file cannot be read, or its name says that it is not 4:2:0.
    """
    path = Path(path)
    name = path.stem.lower()
    if (other := re.search(r"(?<!\d)(422|444|400)(?!\d)|nv12|nv21|rgb24", name)) and size is None:
        raise InputError(
            f"its name says {other[0]}, and raw video must be planar 4:2:0", where=str(path), hint=HOW_TO_SAY
        )
    length = _size_of(path)
    depth = _named_depth(name)
    fps = _named_fps(name)
    named = _named_size(name) if size is None else size
    low_bits = _fits_10_bits(path)
    guesses = []
    for width, height in ([named] if named else []) + [common for common in COMMON_SIZES if named is None]:
        for pixel_format, bits in PIXEL_FORMATS.items():
            frames, rest = divmod(length, frame_bytes(VideoFormat(width, height, bits)))
            unlikely = rest or frames > MOST_FRAMES or depth not in (None, bits) or (bits == 10 and not low_bits)
            if frames and not (unlikely and named is None):
                guesses.append((bool(unlikely), depth not in (None, bits), RawGuess(
                    width, height, pixel_format, fps, frames, rest, named is not None and size is None
                )))  # fmt: skip
    # Samples that all fit into 10 bits say 16-bit words, unless the name says otherwise; the sort is stable.
    return [
        guess for *_, guess in sorted(guesses, key=lambda g: (*g[:2], low_bits and g[2].pixel_format == "yuv420p"))
    ]  # fmt: skip


def _known_format(name: str, path: Path) -> str:
    known = ALIASES.get(name.lower(), name.lower())
    if known not in PIXEL_FORMATS:
        raise InputError(f"raw video of {name} is not taken", where=str(path), hint=" or ".join(PIXEL_FORMATS))
    return known


def _named_size(name: str) -> tuple[int, int] | None:
    if found := re.search(r"(?<!\d)(\d{2,5})x(\d{2,5})(?!\d)", name):
        return int(found[1]), int(found[2])
    words = re.split(r"[^a-z0-9]+", name)
    return next((NAMED_SIZES[word] for word in words if word in NAMED_SIZES), None)


def _named_depth(name: str) -> int | None:
    found = re.search(r"(?<!\d)(8|10)[ _-]?(?:bits?|b|bpp)(?![a-z0-9])|420p?_?(8|10)(?:le)?(?!\d)", name)
    return int(found[1] or found[2]) if found else None


def _named_fps(name: str) -> Fraction:
    found = re.search(r"(?<![\d.])(\d{1,3}(?:\.\d+)?) ?(?:fps|hz)", name)
    # "Kimono1_1920x1080_24": test clips have it behind the size.
    found = found or re.search(r"(?:\d+x\d+|cif)[_-](\d{2,3})(?=[_-]|$)", name)
    rate = Fraction(found[1]) if found else Fraction(25)
    exact = {Fraction("23.976"): 24, Fraction("23.98"): 24, Fraction("29.97"): 30, Fraction("59.94"): 60}
    return Fraction(exact[rate] * 1000, 1001) if rate in exact else rate if 1 <= rate <= 480 else Fraction(25)


def _fits_10_bits(path: Path) -> bool:
    """Whether the first samples, taken as 16-bit words, all fit into 10 bits; 8-bit pictures do not, unless black."""
    with path.open("rb") as file:
        data = file.read(1 << 16)
    words = np.frombuffer(data[: len(data) // 2 * 2], "<u2")
    return bool(words.size) and bool(words.max() < 1024) and bool(words.any())


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise InputError(error.strerror or str(error), where=str(path)) from error
