"""The shape of the networks of key frames and of P frames."""

from __future__ import annotations

from dataclasses import dataclass

from codec.tnc.config import ModelConfig

PATCH_SAMPLES = 384
"""Samples of a 16x16 block: 256 of luma, 64 of each chroma plane."""
PATCH8_SAMPLES = 96
"""The same of an 8x8 block."""


@dataclass(frozen=True)
class TcmConfig(ModelConfig):
    """Widths and depths of the network of one kind of frame; what is not listed is as in still pictures.

    Attributes
    ----------
    conditional : bool
        Whether there is a prediction: P frames.
    prior_width : int
        Width of the integer network over what both sides know before any symbol (P frames).
    """

    conditional: bool = False
    prior_width: int = 96

    @classmethod
    def from_json(cls, fields: dict[str, object]) -> TcmConfig:
        """Inverse of `to_json`."""
        return cls(**{**fields, "groups": tuple(fields["groups"])})  # type: ignore[arg-type]


KEY = TcmConfig("key")
INTER = TcmConfig(
    "inter", groups=(24, 72, 224), z_channels=32, enc8_width=64, enc8_depth=2, enc16_width=160, enc16_depth=2,
    dec16_width=128, dec16_depth=2, dec8_width=64, dec8_depth=3, conditional=True,
)  # fmt: skip
TINY_KEY = TcmConfig(
    "tiny-key", groups=(4, 12), z_channels=8, enc8_width=8, enc8_depth=1, enc16_width=16, enc16_depth=1,
    dec16_width=16, dec16_depth=1, dec8_width=8, dec8_depth=1, hyper_width=16, context_width=16,
)  # fmt: skip
TINY_INTER = TcmConfig(
    "tiny-inter", groups=(4, 12), z_channels=8, enc8_width=8, enc8_depth=1, enc16_width=16, enc16_depth=1,
    dec16_width=16, dec16_depth=1, dec8_width=8, dec8_depth=1, hyper_width=16, context_width=16, conditional=True,
    prior_width=16,
)  # fmt: skip
