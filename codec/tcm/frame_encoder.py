"""Latents of one frame at the encoder: analysis, rounding, and which blocks are worth any symbols."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from codec.entropy import SymbolEncoder, symbol_bits
from codec.entropy.range_coder import MAX_SYMBOL
from codec.quality import lmbda_of_qp
from codec.tcm.latents import MEAN_FRACTION, Decoded, gather, reconstruct, walk
from codec.tcm.models import FrameModel
from codec.tcm.planes import PEAK, Planes
from codec.tcm.qp_tables import TABLE_FRACTION
from codec.tcm.side import FrameSide, Memory
from codec.tnc.rdoq import round_towards_rate

BLOCK_PX = 256
CAUTION = 6.0
"""Factor on the distortion that rounding towards rate adds: later frames are predicted from this one. On two training
clips (6 frames, QP 28 and 36) factors 1.5, 4, 6, 9 against the 2.5 of still pictures change J by +2.1, -0.9, -1.3,
-1.2 %."""
FLAG_BITS = 0.5
"""What saying that a block is coded costs, roughly."""
SAMPLE_WEIGHTS = torch.cat((torch.full((256,), 6 / 8 / 256), torch.full((128,), 1 / 8 / 64)))
"""Weight of a squared error of each sample of a block in D, `(6 Y + U + V) / 8` of plane means."""


@dataclass(frozen=True, eq=False)
class CodedLatents:
    """What coding the latents of a frame gives.

    Attributes
    ----------
    payload : bytes
    reconstruction : Planes
        What a decoder makes of it, bit for bit.
    memory : Memory
        For the next frame.
    bits : numpy.ndarray
        `(h, w)` float64 ideal bits of y by block.
    z_bits, y_bits : float
        Ideal bits by element.
    """

    payload: bytes
    reconstruction: Planes
    memory: Memory
    bits: np.ndarray
    z_bits: float
    y_bits: float


def block_error(a: Planes, b: Planes) -> torch.Tensor:
    """D of every block on samples in [0, 1], `(h, w)` float32."""
    error = (a.patches() - b.patches()) / PEAK
    return torch.einsum("chw,c->hw", error.square(), SAMPLE_WEIGHTS.to(error.device))


class FrameEncoder:
    """One frame on its way through analysis and rounding; the analysis runs once, whatever is tried afterwards.

    Parameters
    ----------
    model : FrameModel
    current, prediction : Planes
        Working pictures; no prediction in a key frame.
    side : FrameSide
        QPs and motion; its coded flags are only a start.
    memory : Memory or None
        Latents of the frame before.
    effort : int
        0: nearest symbols; 1 and more: rate-distortion optimised.
    """

    def __init__(
        self, model: FrameModel, current: Planes, prediction: Planes | None, side: FrameSide, memory: Memory | None,
        effort: int = 1,
    ) -> None:  # fmt: skip
        self.model, self.current, self.prediction = model, current, prediction
        self.side, self.memory, self.effort = side, memory, effort
        net = model.net
        with torch.inference_mode():
            x = (current.patches()[None] - 512.0) / 1024.0  # (1, 384, h, w)
            known = None if prediction is None else (prediction.patches()[None] - 512.0) / 1024.0
            y = net.analysis(x, known, net.std)  # (1, C, h, w)
            qp16 = side.qp16_map.to(model.device)
            self.qp_map = (qp16.to(torch.float32) / 16.0)[None]
            step = model.tables.unit(qp16) * 2.0 ** (8 - TABLE_FRACTION) / (16.0 * net.std.double())  # (h, w, C)
            self.target = y[0].permute(1, 2, 0).double() * step
            gained = self.target.permute(2, 0, 1)[None].float()
            self.z = net.hyper_analysis(y / net.std[:, None, None], gained, self.qp_map)[0]  # (Cz, h/4, w/4)
            # A squared error of a symbol in units of bits: through the linear path, by the weights of D.
            linear = net_linear(model).square()  # (384, C)
            norm = (SAMPLE_WEIGHTS.to(linear)[:, None] * linear).sum(0)  # (C,)
            lmbda = lmbda_of_qp(32.0) * torch.exp2((32.0 - self.qp_map[0].double()) / 3.0)  # (h, w)
            self.lmbda = lmbda
            self.weight = CAUTION * (lmbda * 255.0**2 * BLOCK_PX)[..., None] * norm / step.square()

    def encode(self, coded: np.ndarray | None = None) -> CodedLatents:
        """Code with these flags (those of the side by default)."""
        side = self.side if coded is None else replace(self.side, coded=coded)
        with torch.inference_mode():
            source, decoded = self._walk(side)
            picture = reconstruct(self.model, decoded, self.prediction, side)
        return CodedLatents(
            source.payload(), picture, decoded.memory, source.block_bits, float(source.z_bits),
            float(source.block_bits.sum()),
        )  # fmt: skip

    def choose_coded(self) -> np.ndarray:
        """Which blocks of a P frame are worth their symbols, `(h, w)` booleans, by J of each with everything coded."""
        every = np.ones_like(self.side.coded)
        if self.prediction is None:
            return every
        with torch.inference_mode():
            side = replace(self.side, coded=every)
            source, decoded = self._walk(side)
            picture = reconstruct(self.model, decoded, self.prediction, side)
            saved = block_error(self.prediction, self.current) - block_error(picture, self.current)
            worth = (self.lmbda * 255.0**2 * BLOCK_PX * saved).cpu().numpy()  # bits
        return worth > source.block_bits + FLAG_BITS

    def _walk(self, side: FrameSide) -> tuple[FromAnalysis, Decoded]:
        source = FromAnalysis(self, side.coded.shape)
        return source, walk(self.model, self.prediction, side, self.memory, source)


def net_linear(model: FrameModel) -> torch.Tensor:
    """`(384, C)` weights of the linear path, of y itself."""
    weight, _ = model.synthesis.linear.dequantised()
    return weight / model.net.std.double()


class FromAnalysis:
    """Rounds z and y, and keeps symbols and tables in coding order."""

    def __init__(self, frame: FrameEncoder, shape: tuple[int, ...]) -> None:
        self.frame = frame
        self.calls: list[tuple[np.ndarray, np.ndarray]] = []
        self.block_bits = np.zeros(shape)
        self.z_bits = 0.0

    def z_symbols(self, tables: np.ndarray) -> torch.Tensor:
        """Round z."""
        symbols = torch.floor(self.frame.z + 0.5).clamp(-MAX_SYMBOL, MAX_SYMBOL).to(torch.int64).cpu()
        symbols = symbols * torch.from_numpy(tables % 64 != 0)
        found = symbols.numpy().astype(np.int32)
        self.calls.append((found.ravel(), tables.ravel()))
        self.z_bits = float(symbol_bits(found, tables).sum())
        return symbols

    def y_symbols(self, mean16: torch.Tensor, tables: torch.Tensor, group: slice, step: torch.Tensor) -> torch.Tensor:
        """Round one pass."""
        residual = (self.frame.target[..., group] - mean16 / MEAN_FRACTION).float()
        if self.frame.effort == 0:
            symbols = torch.floor(residual + 0.5)
        else:
            symbols = round_towards_rate(residual, tables.long(), self.frame.weight[..., group].float())
        symbols = symbols.clamp(-MAX_SYMBOL, MAX_SYMBOL) * (tables % 64 != 0)
        row, row_tables = gather(symbols, step), gather(tables, step)
        self.calls.append((row.astype(np.int32), row_tables))
        bits = symbol_bits(row, row_tables).reshape(symbols.shape[-1], -1).sum(0)  # by position
        self.block_bits[step.cpu().numpy()] += bits
        return symbols.to(mean16)

    def payload(self) -> bytes:
        """Code everything."""
        encoder = SymbolEncoder()
        for symbols, tables in self.calls:
            encoder.encode(symbols, tables)
        return encoder.finish()
