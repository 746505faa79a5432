"""`PlanService`: block maps of settings before anything is coded: adaptive QP, and all offsets together."""

from __future__ import annotations

import numpy as np

from codec.aq.features import BlockFeatures, analyse
from codec.aq.maps import aq_maps
from codec.aq.offsets import AqOffsets, aq_offsets
from codec.aq.settings import AqScales
from codec.blockmap import BlockMap
from codec.stream.qp_map import OFFSET_MAX, OFFSET_MIN
from tnc_studio.model.offsets import BLOCK_PX, PLAN
from tnc_studio.model.session import Session
from tnc_studio.model.source import Source
from tnc_studio.services.jobs import FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.trouble import report

AqKey = tuple[float, AqScales]


class PlanService:
    """Keeps `session.plan_maps` up to date. The picture is measured once; a brush stroke costs no job at all."""

    def __init__(self, session: Session, jobs: JobService) -> None:
        self._session = session
        self._jobs = jobs
        self._measured: tuple[Source, BlockFeatures] | None = None
        self._aq: tuple[Source, AqKey, AqOffsets] | None = None
        session.source_changed.connect(self._opened)
        session.tuning_changed.connect(self.update)

    def _opened(self) -> None:
        self._measured = self._aq = None
        self.update()

    def update(self) -> None:
        """Show the plan of the present settings; adaptive QP follows as soon as it is computed."""
        source, tuning = self._session.source, self._session.tuning
        if source is None or not source.has_original:
            self._session.set_plan_maps({})
            return
        key = (tuning.aq, tuning.aq_scales)
        if not tuning.aq:
            self._aq = None
            self._jobs.cancel("plan.aq")
        elif self._aq is None or self._aq[:2] != (source, key):
            self._ask(source, key)
        self._show()

    def _ask(self, source: Source, key: AqKey) -> None:
        known = self._measured[1] if self._measured is not None and self._measured[0] is source else None

        def done(aq: AqOffsets) -> None:
            tuning = self._session.tuning
            if self._session.source is source and (tuning.aq, tuning.aq_scales) == key:
                self._measured, self._aq = (source, aq.features), (source, key, aq)
                self._show()

        self._jobs.submit(
            FILES, "plan.aq",
            lambda progress, cancel: aq_offsets(known if known is not None else analyse(source.picture), *key),
            done=done, failed=lambda error: report(self._session, error, "Adaptive QP"), priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def _show(self) -> None:
        grid = self._session.tuning.qp_map
        aq = self._aq[2] if self._aq is not None else None
        maps: dict[str, BlockMap] = {} if aq is None else aq_maps(aq)
        if aq is not None or grid is not None or self._session.brush.on:
            maps[PLAN] = self._plan(grid.array if grid is not None else None, aq)
        self._session.set_plan_maps(maps)

    def _plan(self, hand_made: np.ndarray | None, aq: AqOffsets | None) -> BlockMap:
        height, width = self._session.view.height_px, self._session.view.width_px
        total = np.zeros((-(-height // BLOCK_PX), -(-width // BLOCK_PX)), np.int16)
        for part in (hand_made, None if aq is None else aq.values):
            if part is not None and part.shape == total.shape:
                total += part
        total = np.clip(total, OFFSET_MIN, OFFSET_MAX)
        reach = max(12, int(np.abs(total).max()))
        return BlockMap(
            PLAN, "QP offsets, planned", "QP", (BLOCK_PX, BLOCK_PX), total.astype(np.float32),
            value_range=(-reach, reach), color_map="diverging",
        )  # fmt: skip
