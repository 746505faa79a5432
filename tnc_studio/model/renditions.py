"""`Rendition`: one version of the picture as a pane shows it, with what may be said about it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from codec.blockmap import BlockMap
from codec.display import screen_rgb
from codec.errors import InputError
from codec.picture import Picture
from codec.run import Run
from tnc_studio.model.moment import Moment

ORIGINAL = "original"
TNC = "tnc"
TCM = "tcm"
OWN_CODECS = (TNC, TCM)
"""Our own codecs, for pictures and for clips: the others are compared with them."""
STREAM = "stream"
VARIANT_PREFIX = "tnc-"
"""Of renditions that TNC makes besides, when somebody looks: minutes of work, so nothing chooses them by itself."""
SMALLEST_LEVEL_PX = 128


class State(StrEnum):
    """What a rendition's numbers are worth."""

    EMPTY = "empty"
    PREVIEW = "preview"
    FINAL = "final"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, eq=False)
class DisplayImage:
    """A picture ready to paint: BGRX bytes at full size and at halved sizes for zooming out.

    Attributes
    ----------
    levels : tuple of numpy.ndarray
        `(H, W, 4)` uint8, level k being 2^k times smaller.
    """

    levels: tuple[np.ndarray, ...]

    @property
    def width_px(self) -> int:
        """Width of the full picture."""
        return self.levels[0].shape[1]

    @property
    def height_px(self) -> int:
        """Height of the full picture."""
        return self.levels[0].shape[0]

    def rgb_at(self, x: int, y: int) -> tuple[int, int, int]:
        """8-bit R, G, B of one pixel."""
        b, g, r = (int(v) for v in self.levels[0][y, x, :3])
        return r, g, b

    def picture(self) -> Picture:
        """Make an 8-bit RGB picture of what is shown."""
        return Picture.from_array(self.levels[0][..., 2::-1])

    @classmethod
    def of(cls, picture: Picture) -> DisplayImage:
        """Make the paintable form; costs a few ms per megapixel, so call it in a worker."""
        return cls(_pyramid(_bgrx(picture)))

    @classmethod
    def of_rgb(cls, rgb: np.ndarray) -> DisplayImage:
        """Make the paintable form of `(H, W, 3)` uint8; in a worker, too."""
        array = np.full((*rgb.shape[:2], 4), 255, np.uint8)
        array[..., :3] = rgb[..., ::-1]
        return cls(_pyramid(array))

    def pasted(self, picture: Picture, top: int, left: int) -> DisplayImage:
        """Make a copy with `picture` put over it at (top, left); quick where these are multiples of 64 px."""
        bottom, right = top + picture.height_px, left + picture.width_px
        levels = [self.levels[0].copy()]
        levels[0][top:bottom, left:right] = _bgrx(picture)
        for old in self.levels[1:]:
            level = old.copy()
            top, left, bottom, right = top // 2, left // 2, -(-bottom // 2), -(-right // 2)
            bottom, right = min(bottom, level.shape[0]), min(right, level.shape[1])
            level[top:bottom, left:right] = _halved(levels[-1][2 * top : 2 * bottom, 2 * left : 2 * right])
            levels.append(level)
        return DisplayImage(tuple(levels))


def _bgrx(picture: Picture) -> np.ndarray:
    """As it looks on the screen; plane by plane where that needs no more: a second copy of a large picture is heavy."""
    if picture.color == "ycbcr":
        raise InputError("convert YCbCr explicitly before it is shown", where=picture.name)
    if picture.icc or picture.alpha is not None:
        shown = screen_rgb(picture)
        return np.dstack([shown[..., ::-1], np.full(shown.shape[:2], 255, np.uint8)])
    array = np.full((picture.height_px, picture.width_px, 4), 255, np.uint8)
    planes = picture.planes if picture.color == "rgb" else picture.planes * 3
    for channel, plane in enumerate(reversed(planes)):
        array[..., channel] = plane if picture.bit_depth == 8 else plane >> (picture.bit_depth - 8)
    return array


def _pyramid(level: np.ndarray) -> tuple[np.ndarray, ...]:
    """Halve by 2x2 means while the shorter side stays above SMALLEST_LEVEL_PX: zooming out neither aliases nor lags."""
    levels = [level]
    while min(levels[-1].shape[:2]) >= 2 * SMALLEST_LEVEL_PX:
        height, width = (side // 2 * 2 for side in levels[-1].shape[:2])
        levels.append(_halved(levels[-1][:height, :width]))
    return tuple(levels)


def _halved(level: np.ndarray) -> np.ndarray:
    """2x2 means of an array with even sides."""
    rows = level[0::2].astype(np.uint16) + level[1::2]
    return ((rows[:, 0::2] + rows[:, 1::2] + 2) >> 2).astype(np.uint8)


@dataclass(frozen=True, eq=False)
class Rendition:
    """What one codec (or the original) shows at the moment.

    Attributes
    ----------
    id : str
        "original", "tnc", "stream", an anchor's id, "run:..." for an earlier run, "file:..." for a file from disk.
    label : str
        Name to show.
    state : State
        Whether numbers are final, an estimate, or missing.
    image : DisplayImage or None
        Pixels.
    run : Run or None
        The encode behind it; None for the original and for a preview.
    bpp : float or None
        Bits per pixel; an estimate while `state` is PREVIEW.
    size_bytes : int or None
        Bytes of the stream; an estimate while `state` is PREVIEW.
    psnr_db : float or None
        PSNR over RGB against the original.
    quality_text : str
        Quality used ("QP 31").
    settings_text : str
        Codec settings that make the comparison what it is ("vvenc medium 4:2:0 10 bit").
    note : str
        Why there is nothing to show, or what is going on.
    partial : bool
        Whether a preview covers a window only; its PSNR is that of the window.
    samples : Picture or None
        The samples themselves, where no run holds them.
    maps : mapping of str to BlockMap
        Block maps that no run holds: of a preview, and those of the last encode until there is a new one.
    stale_maps : frozenset of str
        Ids of maps that belong to older settings.
    moment : Moment or None
        Which frame of a clip this is.
    """

    id: str
    label: str
    state: State = State.EMPTY
    image: DisplayImage | None = None
    run: Run | None = None
    bpp: float | None = None
    size_bytes: int | None = None
    psnr_db: float | None = None
    quality_text: str = ""
    settings_text: str = ""
    note: str = ""
    partial: bool = False
    samples: Picture | None = None
    maps: Mapping[str, BlockMap] = field(default_factory=dict)
    stale_maps: frozenset[str] = frozenset()
    moment: Moment | None = None

    @property
    def picture(self) -> Picture | None:
        """Samples behind the pixels; None where only the pixels are known (a preview of a part)."""
        return self.run.reconstruction if self.run is not None else self.samples

    def with_note(self, note: str) -> Rendition:
        """Make the same rendition with another note."""
        return replace(self, note=note)

    @property
    def all_maps(self) -> dict[str, BlockMap]:
        """Every block map: the run's, then what came after it."""
        return {**(self.run.block_maps if self.run is not None else {}), **self.maps}

    def block_map(self, map_id: str) -> BlockMap | None:
        """Block map by its id, if there is one."""
        if map_id in self.maps:
            return self.maps[map_id]
        return self.run.block_maps.get(map_id) if self.run is not None else None
