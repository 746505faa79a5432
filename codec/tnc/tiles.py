"""Analysis and synthesis in tiles, so that memory does not grow with the picture.

A tile is computed with a margin of at least the receptive field around it, cut at the edges of the picture: the rest
of it is what the whole picture would give, but for the last bits of floats. Symbols are none of a tile's business: they
come from slices.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch

from codec.errors import SettingsError
from codec.jobs import CancelToken, check
from codec.picture import Picture
from codec.quality import QP_STEPS
from codec.tnc import profile
from codec.tnc.config import PATCH_PX, UNIT_PX, ModelConfig
from codec.tnc.layout import Layout
from codec.tnc.models import LoadedModel
from codec.tnc.tensors import to_tensor

TILE_PX = 2048
"""Side of a tile; a picture within is one tile."""
SMALLEST_TILE_PX = 256


def synthesis_margin(config: ModelConfig) -> int:
    """Receptive field of the synthesis beyond a position of y, in positions: every 3x3 layer reaches one further."""
    at_8 = config.dec8_depth + int(config.head3)
    return config.dec16_depth + -(-at_8 // 2)


def analysis_margin_px(config: ModelConfig) -> int:
    """Receptive field of the analysis, in pixels, rounded up to whole units."""
    return -(-(8 * config.enc8_depth + PATCH_PX * config.enc16_depth) // UNIT_PX) * UNIT_PX


def check_tile(tile_px: int) -> int:
    """Refuse tiles that are no multiple of 64 px or too small to be worth their margins."""
    if tile_px < SMALLEST_TILE_PX or tile_px % UNIT_PX:
        raise SettingsError(f"tiles must be multiples of {UNIT_PX} px from {SMALLEST_TILE_PX} on, not {tile_px}")
    return tile_px


@dataclass(frozen=True)
class Tile:
    """A part of a picture, in positions of y (16x16 px).

    Attributes
    ----------
    rows, cols : slice
        What the tile covers.
    """

    rows: slice
    cols: slice

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of pixels."""
        return tuple(  # type: ignore[return-value]
            slice(part.start * PATCH_PX, part.stop * PATCH_PX) for part in (self.rows, self.cols)
        )


def _parts(size: int, step: int) -> Iterator[slice]:
    return (slice(start, min(start + step, size)) for start in range(0, size, step))


def _grown(part: slice, margin: int, size: int) -> slice:
    return slice(max(part.start - margin, 0), min(part.stop + margin, size))


def synthesise(
    model: LoadedModel, layout: Layout, qp16_map: torch.Tensor, bands: Iterable[torch.Tensor],
    tile_px: int = TILE_PX, cancel: CancelToken | None = None,
) -> Iterator[tuple[Tile, torch.Tensor]]:  # fmt: skip
    """Pixels `(3, h, w)` of every tile, from top to bottom.

    Parameters
    ----------
    bands : iterable of torch.Tensor
        `(C, n, cols)` of decoded y from top to bottom; only as many rows as a row of tiles needs are kept.
    """
    step, margin = tile_px // PATCH_PX, synthesis_margin(model.config)
    source = iter(bands)
    held = next(source)  # rows from `top` on
    top = 0
    for rows in _parts(layout.rows, step):
        wanted = _grown(rows, margin, layout.rows)
        waiting = [held[:, wanted.start - top :]]
        top = wanted.start
        while top + sum(part.shape[1] for part in waiting) < wanted.stop:
            waiting.append(next(source))
        held = waiting[0] if len(waiting) == 1 else torch.cat(waiting, dim=1)
        for cols in _parts(layout.cols, step):
            check(cancel)
            span = _grown(cols, margin, layout.cols)
            y_hat = held[None, :, : wanted.stop - top, span]
            qp_map = qp16_map[None, wanted, span].to(model.device, torch.float32) / QP_STEPS
            with profile.span("synthesis"):
                x = model.net.synthesis(y_hat, qp_map)[0]
            above, left = (rows.start - wanted.start) * PATCH_PX, (cols.start - span.start) * PATCH_PX
            height, width = (rows.stop - rows.start) * PATCH_PX, (cols.stop - cols.start) * PATCH_PX
            yield Tile(rows, cols), x[:, above : above + height, left : left + width]


def latents_of(
    model: LoadedModel, picture: Picture, layout: Layout, tile_px: int = TILE_PX, cancel: CancelToken | None = None
) -> torch.Tensor:
    """Unquantised y of a picture, `(1, C, rows, cols)`."""
    step, margin = tile_px // PATCH_PX, analysis_margin_px(model.config) // PATCH_PX
    if layout.rows <= step and layout.cols <= step:
        return model.net.analysis(to_tensor(picture, model.device))
    y = torch.empty(1, model.config.y_channels, layout.rows, layout.cols, device=model.device)
    bare = Picture(picture.planes, picture.color, picture.bit_depth)
    for rows in _parts(layout.rows, step):
        for cols in _parts(layout.cols, step):
            check(cancel)
            tall, wide = _grown(rows, margin, layout.rows), _grown(cols, margin, layout.cols)
            window = bare.crop(
                tall.start * PATCH_PX, wide.start * PATCH_PX, (tall.stop - tall.start) * PATCH_PX,
                (wide.stop - wide.start) * PATCH_PX,
            )  # fmt: skip
            part = model.net.analysis(to_tensor(window, model.device))
            above, left = rows.start - tall.start, cols.start - wide.start
            y[:, :, rows, cols] = part[
                :, :, above : above + rows.stop - rows.start, left : left + cols.stop - cols.start
            ]
    return y
