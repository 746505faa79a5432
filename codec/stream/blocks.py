"""How a picture is split into the blocks that choose a branch each (FORMAT.md, "Branches"): integers only."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

UNIT_PX = 64
"""Pictures are padded to multiples of this; slices are whole rows of such units, and edges of blocks lie there."""
MIN_BLOCK_PIXELS = 32768
"""No picture is split so far that a block has fewer pixels."""
MAX_BLOCKS = 8


@dataclass(frozen=True)
class Block:
    """One block of a split: its place in the grid of blocks, and in the picture.

    Attributes
    ----------
    index : int
        Number in raster order.
    row, col : int
        Place in the grid of blocks.
    top_px, left_px, height_px, width_px : int
        Window in the picture, which it never leaves; at least one pixel each way.
    """

    index: int
    row: int
    col: int
    top_px: int
    left_px: int
    height_px: int
    width_px: int

    @property
    def pixels(self) -> int:
        """Number of pixels."""
        return self.height_px * self.width_px

    @property
    def size_px(self) -> tuple[int, int]:
        """Height and width."""
        return self.height_px, self.width_px

    @property
    def window(self) -> tuple[slice, slice]:
        """Rows and columns of the picture."""
        return (
            slice(self.top_px, self.top_px + self.height_px),
            slice(self.left_px, self.left_px + self.width_px),
        )


@dataclass(frozen=True)
class Split:
    """Blocks of one picture.

    Attributes
    ----------
    row_edges_px, col_edges_px : tuple of int
        From 0 to the height and width of the picture; all but the last are multiples of 64.
    """

    row_edges_px: tuple[int, ...]
    col_edges_px: tuple[int, ...]

    @property
    def rows(self) -> int:
        """Rows of blocks."""
        return len(self.row_edges_px) - 1

    @property
    def cols(self) -> int:
        """Columns of blocks."""
        return len(self.col_edges_px) - 1

    @property
    def count(self) -> int:
        """Number of blocks, 1, 2, 4 or 8."""
        return self.rows * self.cols

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks in raster order."""
        return tuple(
            Block(
                row * self.cols + col, row, col, top, left,
                self.row_edges_px[row + 1] - top, self.col_edges_px[col + 1] - left,
            )
            for row, top in enumerate(self.row_edges_px[:-1])
            for col, left in enumerate(self.col_edges_px[:-1])
        )  # fmt: skip


def _edges(size_px: int, parts: int) -> tuple[int, ...]:
    """Multiples of 64 that are nearest to equal parts, half a step up, between 0 and the size."""
    inner = (UNIT_PX * ((i * size_px + UNIT_PX // 2 * parts) // (UNIT_PX * parts)) for i in range(1, parts))
    return (0, *(min(edge, size_px) for edge in inner), size_px)


@cache
def split(height_px: int, width_px: int) -> Split:
    """Split a picture into the largest of 8, 4, 2 and 1 blocks that leaves each at least 32,768 px.

    Pictures higher than wide have 4x2 (rows x columns), 2x2 or 2x1 blocks, others 2x4, 2x2 or 1x2.
    """
    high = height_px > width_px
    for rows, cols in ((4, 2) if high else (2, 4), (2, 2), (2, 1) if high else (1, 2)):
        found = Split(_edges(height_px, rows), _edges(width_px, cols))
        if min(block.pixels for block in found.blocks) >= MIN_BLOCK_PIXELS:
            return found
    return Split((0, height_px), (0, width_px))
