"""FORMAT.md, chapter 8, "Over-fitted blocks": the place of their decoder.

The conformance set holds no stream with them yet, because no bases ship that they could start from.
"""

from __future__ import annotations

import numpy as np


def decode_block(payload: bytes, shared: bytes | None, height: int, width: int, qp16: int) -> np.ndarray:
    """Pixels `(3, height, width)` of a block, black -0.5 and white 0.5."""
    raise NotImplementedError("chapter 8 of FORMAT.md")
