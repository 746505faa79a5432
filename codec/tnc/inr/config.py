"""The shape of the over-fitted network: how many grids, which neighbours, how wide."""

from __future__ import annotations

from dataclasses import asdict, dataclass

CONTEXT_OFFSETS = (
    (0, -1), (0, -2),
    (-1, -2), (-1, -1), (-1, 0), (-1, 1),
    (-2, -2), (-2, -1), (-2, 0), (-2, 1), (-2, 2),
    (-3, 0),
)  # fmt: skip
"""Causal neighbours `(dy, dx)` of a latent. No neighbour in the row above lies more than one column to
the right, so all latents with equal `column + 2 * row` can be decoded at the same time."""
WAVE_SLOPE = 2
CONTEXT_MARGIN_PX = 3
"""Zeros around a grid that make every neighbour exist."""
UPSAMPLING_TAPS = 4
SCALE_COUNT = 48


@dataclass(frozen=True)
class InrConfig:
    """Widths of the network; one set of widths for all blocks of a stream.

    Attributes
    ----------
    levels : tuple of int
        Level of every latent grid, finest first; a grid of level k has 1/2^k of the resolution each way. They are
        decoded from the last to the first.
    chroma : tuple of int
        The grids that start as Cb and Cr; the others start as bands of a luma pyramid.
    feature_width : int
        Features that a decoded grid hands to the next one.
    feature_hidden : int
        Hidden units of the network that makes them.
    context_width : int
        Hidden units of both layers of the context network.
    synthesis_widths : tuple of int
        Hidden channels of the two 1x1 layers.
    """

    levels: tuple[int, ...] = (0, 1, 1, 1, 2, 3, 4, 5, 6)
    chroma: tuple[int, int] = (2, 3)
    feature_width: int = 4
    feature_hidden: int = 8
    context_width: int = 16
    synthesis_widths: tuple[int, int] = (18, 10)

    @property
    def grids(self) -> int:
        """Number of grids."""
        return len(self.levels)

    def sizes(self, height_px: int, width_px: int) -> list[tuple[int, int]]:
        """Rows and columns of every grid of a block."""
        return [(-(-height_px // (1 << k)), -(-width_px // (1 << k))) for k in self.levels]

    def to_json(self) -> dict[str, object]:
        """JSON-ready fields."""
        return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(self).items()}

    @classmethod
    def from_json(cls, fields: dict[str, object]) -> InrConfig:
        """Inverse of `to_json`."""
        values = {key: tuple(v) if isinstance(v, list) else v for key, v in fields.items()}
        return cls(**values)  # type: ignore[arg-type]
