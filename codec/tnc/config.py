"""The shape of a TNC model: one dataclass, one code for every size."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from codec.stream.header import BLOCK_PX, UNIT_PX

PATCH_PX = BLOCK_PX
"""Pixels per latent position, each way; also the grid of QP offsets. A hyper latent covers `UNIT_PX`, 64."""
__all__ = ["CONFIGS", "MAIN", "PATCH_PX", "SMALL", "TINY", "UNIT_PX", "ModelConfig"]


@dataclass(frozen=True)
class ModelConfig:
    """Widths and depths of one model.

    Attributes
    ----------
    name : str
        "small", "main", "tiny".
    groups : tuple of int
        Channels of y in each context group, in coding order; low frequencies first.
    z_channels : int
        Channels of the hyper latent.
    enc8_width, enc8_depth, enc16_width, enc16_depth, enc_expansion : int
        Analysis: inverted residuals at 1/8 and 1/16 resolution.
    dec16_width, dec16_depth, dec8_width, dec8_depth : int
        Synthesis: shuffle units at 1/16 and 1/8 resolution.
    dec8_dense : bool
        Whether the 3x3 inside the units at 1/8 is dense rather than depthwise.
    head3 : bool
        Whether the last layer of the synthesis (to 8x8 pixels) is 3x3 rather than 1x1.
    hyper_width : int
        Width of the integer hyper decoder, and channels of the features it hands to the context.
    context_width : int
        Width of every pass of the context; scales take no more than `SCALE_WIDTH_MAX` of it.
    context_units : int
        Residual units of the means in every pass.
    """

    name: str
    groups: tuple[int, ...] = (16, 32, 64, 208)
    z_channels: int = 64
    enc8_width: int = 64
    enc8_depth: int = 2
    enc16_width: int = 192
    enc16_depth: int = 3
    enc_expansion: int = 2
    dec16_width: int = 192
    dec16_depth: int = 3
    dec8_width: int = 64
    dec8_depth: int = 3
    dec8_dense: bool = True
    head3: bool = True
    hyper_width: int = 96
    context_width: int = 96
    context_units: int = 1

    @property
    def y_channels(self) -> int:
        """Channels of y."""
        return sum(self.groups)

    def to_json(self) -> dict[str, object]:
        """JSON-ready fields."""
        return {**asdict(self), "groups": list(self.groups)}

    @classmethod
    def from_json(cls, fields: dict[str, object]) -> ModelConfig:
        """Inverse of `to_json`."""
        return cls(**{**fields, "groups": tuple(fields["groups"])})  # type: ignore[arg-type]


SMALL = ModelConfig("small")
MAIN = ModelConfig(
    "main", groups=(16, 24, 40, 80, 160), z_channels=96, enc8_width=160, enc8_depth=6, enc16_width=320,
    enc16_depth=6, enc_expansion=3, dec16_width=384, dec16_depth=8, dec8_width=256, dec8_depth=7, hyper_width=192,
    context_width=240, context_units=2,
)  # fmt: skip
TINY = ModelConfig(
    "tiny", groups=(4, 12), z_channels=8, enc8_width=8, enc8_depth=1, enc16_width=16, enc16_depth=1, dec16_width=16,
    dec16_depth=1, dec8_width=8, dec8_depth=1, hyper_width=16, context_width=16,
)  # fmt: skip
CONFIGS = {config.name: config for config in (SMALL, MAIN, TINY)}
