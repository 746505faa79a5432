"""What a QP means for every channel, as integers: the size of a spread in steps, and back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from codec.entropy.range_coder import MAX_SYMBOL
from codec.errors import ModelError
from codec.integer.fixed import ACTIVATION_EXPONENT, shift_down
from codec.tcm.context import OUT_RANGE
from codec.tcm.model import TcmNet

TABLE_FRACTION = 16
"""Fractional bits that products with the tables are shifted by."""
QPS = 64
PRODUCT_LIMIT = 2**52
"""Below it products, and half a step more, are exact in float64."""


@dataclass(frozen=True, eq=False)
class QpTables:
    """Tables by integer QP, interpolated linearly in sixteenths.

    Attributes
    ----------
    unit_table : torch.Tensor
        `(64, C)` integers: a mean in 1/256 of a spread times this, shifted, is in sixteenths of a step.
    undo_table : torch.Tensor
        `(64, C)` integers: y in sixteenths of a step times this, shifted, is in 1/1024 of a spread.
    """

    unit_table: torch.Tensor
    undo_table: torch.Tensor

    @classmethod
    def of(cls, net: TcmNet) -> QpTables:
        """Tables of a trained network."""
        with torch.no_grad():
            qp = torch.arange(float(QPS))[None, :, None]  # (1, 64, 1): a picture of 64 rows
            gain = net.gains.gain(qp)[0, :, :, 0].T.double()  # (64, C)
            inverse = net.gains.inverse(qp)[0, :, :, 0].T.double()
            std = net.std.double()
        unit = torch.round(gain * std * 16.0 * 2.0 ** (TABLE_FRACTION - 8))
        undo = torch.round(inverse / std * 2.0 ** (TABLE_FRACTION + ACTIVATION_EXPONENT - 4))
        return cls(unit.clamp(1, 2**31 - 1), undo.clamp(1, 2**31 - 1))

    @classmethod
    def load(
        cls, tensors: Mapping[str, torch.Tensor], channels: int, device: torch.device, where: str,
        dtype: torch.dtype = torch.float64,
    ) -> QpTables:  # fmt: skip
        """From a weight file; proves that no product with them reaches 2^52.

        Raises
        ------
        ModelError
            If shapes or types do not fit, or a product could.
        """
        found = [tensors[name] for name in ("unit_table", "undo_table")]
        if any(t.dtype != torch.int32 or t.shape != (QPS, channels) or int(t.min()) < 1 for t in found):
            raise ModelError("the tables of QPs do not fit", where=where, hint="reinstall")
        unit, undo = (torch.maximum(t, t.roll(-1, 0)).long() for t in found)  # what is interpolated lies between two
        mean16 = (-OUT_RANGE[0] * unit >> TABLE_FRACTION) + 1
        if int(((16 * MAX_SYMBOL + mean16) * undo).max()) >= PRODUCT_LIMIT:
            raise ModelError("a product with a table of QPs is out of range", where=where, hint="reinstall")
        return cls(*(t.to(device, dtype) for t in found))

    def tensors(self) -> dict[str, torch.Tensor]:
        """What a weight file holds: int32."""
        return {"unit_table": self.unit_table.to(torch.int32), "undo_table": self.undo_table.to(torch.int32)}

    def unit(self, qp16: torch.Tensor) -> torch.Tensor:
        """`(h, w)` QPs in sixteenths to `(h, w, C)` integers."""
        return _interpolated(self.unit_table, qp16)

    def undo(self, qp16: torch.Tensor) -> torch.Tensor:
        """Likewise."""
        return _interpolated(self.undo_table, qp16)


def _interpolated(table: torch.Tensor, qp16: torch.Tensor) -> torch.Tensor:
    whole, part = qp16 >> 4, (qp16 & 15)[..., None].to(table.dtype)
    low, high = table[whole], table[(whole + 1).clamp(max=QPS - 1)]
    return shift_down(low * (16 - part) + high * part, 4)
