"""Which decoded frames a P frame may refer to, and where each of them lies by what is known before its motion."""

from __future__ import annotations

import numpy as np

from codec.tcm.motion.field import FAR, KEPT, NEAR, VECTOR_REACH, MotionField
from codec.tcm.planes import Planes


class Chains:
    """Follows motion from frame to frame, so that the vectors into older references can be foreseen.

    Attributes
    ----------
    to : dict of int to numpy.ndarray
        `(H/8, W/8, 2)` int64 by reference other than `NEAR` that the next frame has: the vectors from its frame before.
        A vector of the next frame is about the sum of this and its vector into the frame before.
    """

    def __init__(self) -> None:
        self.to: dict[int, np.ndarray] = {}
        self._kept: np.ndarray | None = None
        self._distance = 1

    def start(self) -> None:
        """A key frame: the only reference of the next frame, and kept."""
        self.to, self._kept, self._distance = {}, None, 1

    def follow(self, field: MotionField, *, kept: bool) -> None:
        """A P frame with this motion; `kept` tells whether it takes the place of the kept frame."""
        near = field.vectors.astype(np.int64)
        before = np.zeros_like(near) if self._kept is None else self._kept
        chain = np.where(field.uses(KEPT)[..., None], field.kept_vectors, before + near)
        self._kept = None if kept else chain.clip(-VECTOR_REACH, VECTOR_REACH)
        self._distance = 1 if kept else self._distance + 1
        self.to = {FAR: near}
        if self._kept is not None and self._distance > 2:
            self.to[KEPT] = self._kept


class Pictures:
    """The decoded frames that stay in memory."""

    def __init__(self) -> None:
        self._by_ref: dict[int, Planes] = {}

    def __bool__(self) -> bool:
        return bool(self._by_ref)

    def clear(self) -> None:
        """Forget all."""
        self._by_ref = {}

    def push(self, planes: Planes, *, key: bool, kept: bool) -> None:
        """Take a decoded frame."""
        old = {} if key else self._by_ref
        held = planes if key or kept else old.get(KEPT, planes)
        self._by_ref = {NEAR: planes, FAR: old.get(NEAR, planes), KEPT: held}

    def of(self, chains: Chains) -> dict[int, Planes]:
        """By reference those that the next frame has."""
        return {ref: self._by_ref[ref] for ref in (NEAR, *chains.to)}
