"""The seam to the over-fitted networks: what encoder, decoder and reports need of `codec.tnc.inr`."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, cast

import numpy as np
import torch

from codec.jobs import CancelToken, Progress

Report = Callable[[int, list[float]], None]
"""`report(iteration, costs)`: present J of every block."""


class FittedBlock(Protocol):
    """One fitted block."""

    @property
    def payload(self) -> bytes:
        """Content of its section."""

    @property
    def pixels(self) -> torch.Tensor:
        """`(3, h, w)` as a decoder will show it, but for the last bits."""

    @property
    def bits(self) -> Mapping[str, float]:
        """Bits by part."""

    @property
    def bit_map(self) -> np.ndarray:
        """Ideal bits of the latents per 16x16 px."""

    @property
    def kmac_per_px(self) -> float:
        """Work of its decoder."""


class FitResult(Protocol):
    """All fitted blocks."""

    @property
    def blocks(self) -> Sequence[FittedBlock | None]:
        """As many as targets; None where the fit was given up."""

    @property
    def shared(self) -> bytes:
        """Content of the one section that they share; may be empty."""


class InrBlockInfo(Protocol):
    """What a payload says about itself."""

    @property
    def kmac_per_px(self) -> float:
        """Work of its decoder."""

    @property
    def bits(self) -> Mapping[str, float]:
        """Bits by part."""


class InrCodec(Protocol):
    """Coder and decoder of over-fitted blocks."""

    FitOptions: Callable[..., Any]
    """Takes `iterations`; 0 is the feed-forward start alone."""

    def fit_blocks(
        self, targets: Sequence[torch.Tensor], qps: Sequence[float], weights: Sequence[torch.Tensor | None],
        options: Any, *, device: Any, give_up_j: Sequence[float] | None, progress: Progress,
        cancel: CancelToken | None, report: Report,
    ) -> FitResult:  # fmt: skip
        """Fit one network per target `(3, h, w)`; a raised `cancel` ends the fit early, with valid blocks."""

    def decode_blocks(
        self, payloads: Sequence[bytes], shared: bytes, sizes: Sequence[tuple[int, int]], qps16: Sequence[int], *,
        base_id: bytes, device: Any, cancel: CancelToken | None,
    ) -> list[torch.Tensor]:  # fmt: skip
        """Pixels `(3, h, w)` of every payload; raises `BitstreamError`."""

    def payload_info(
        self, payload: bytes, shared: bytes, size: tuple[int, int], qp16: int, base_id: bytes
    ) -> InrBlockInfo:
        """Work and bits of a payload without decoding its pixels; raises `BitstreamError`."""

    def default_base_id(self) -> bytes:
        """Four bytes that name the base of new streams."""


def installed_inr() -> InrCodec:
    """The one that ships."""
    return cast(InrCodec, importlib.import_module("codec.tnc.inr"))
