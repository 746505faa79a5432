"""The lookahead itself: frames in one by one, the same frames out with what was found, a window later."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice, takewhile

import numpy as np

from codec.aq.features import BLOCK_PX, BlockFeatures, analyse
from codec.aq.offsets import unit_terms
from codec.errors import InputError
from codec.picture import Picture
from codec.tcm.lookahead.brightness import matched
from codec.tcm.lookahead.cutree import QP_PER_OCTAVE, Reference, TreeFrame, collected, cutree_term, information
from codec.tcm.lookahead.frames import KeyReason, LookaheadFrame
from codec.tcm.lookahead.half import HalfPicture
from codec.tcm.lookahead.intra import intra_costs
from codec.tcm.lookahead.offsets import frame_offsets, padded_grid
from codec.tcm.lookahead.scenecut import FLASH_FRAMES, SceneCuts
from codec.tcm.lookahead.search import HalfMotion, search
from codec.tcm.lookahead.settings import LookaheadSettings
from codec.video.frame import Frame


def look_ahead(
    frames: Iterable[Frame], settings: LookaheadSettings | None = None
) -> Iterator[tuple[Frame, LookaheadFrame]]:
    """Look ahead over a clip of any length; at most `settings.window` frames are held."""
    lookahead = Lookahead(settings)
    for frame in frames:
        yield from lookahead.push(frame)
    yield from lookahead.flush()


@dataclass(eq=False)
class _Entry:
    """A frame on its way through the window."""

    frame: Frame
    position: int
    intra_costs: np.ndarray
    motion: HalfMotion
    features: BlockFeatures
    terms: dict[str, np.ndarray]
    tree: TreeFrame
    saved: float
    key_reason: KeyReason = ""


class Lookahead:
    """Takes frames one by one, in display order, and gives them back with what was found.

    Parameters
    ----------
    settings : LookaheadSettings or None
        The defaults if None.
    """

    def __init__(self, settings: LookaheadSettings | None = None) -> None:
        self.settings = settings or LookaheadSettings()
        self._held = self.settings.window if self.settings.cutree else min(self.settings.window, FLASH_FRAMES + 1)
        self._flash = min(FLASH_FRAMES, self._held - 1)
        self._cuts = SceneCuts(self.settings)
        self._entries: deque[_Entry] = deque()
        self._pictures: dict[int, HalfPicture] = {}
        self._undecided = self._count = self._last_key = 0
        self._offsets: np.ndarray | None = None
        self._like: tuple[int, int, int] | None = None

    def push(self, frame: Frame) -> list[tuple[Frame, LookaheadFrame]]:
        """Take the next frame.

        Returns
        -------
        list of (Frame, LookaheadFrame)
            At most one: the frame `window - 1` before this one.

        Raises
        ------
        InputError
            If the frame has not the size or depth of those before.
        """
        height, width = frame.planes[0].shape
        like = (height, width, frame.bit_depth)
        if self._like not in (None, like):
            raise InputError(
                f"{width}x{height} px of {frame.bit_depth} bits, unlike the frames before", where=f"frame {frame.index}"
            )
        self._like = like
        self._entries.append(self._analysed(frame))
        self._count += 1
        while self._undecided + self._flash < self._count:
            self._decide()
        return [self._next()] if len(self._entries) == self._held else []

    def flush(self) -> list[tuple[Frame, LookaheadFrame]]:
        """Give back all frames that are still held, after the last was pushed."""
        while self._undecided < self._count:
            self._decide()
        return [self._next() for _ in range(len(self._entries))]

    def _analysed(self, frame: Frame) -> _Entry:
        """Measure a frame by itself and against the one before."""
        settings, position = self.settings, self._count
        picture = self._pictures[position] = HalfPicture.of(frame)
        intra = intra_costs(picture)
        if position == 0:
            motion = HalfMotion(np.zeros((*intra.shape, 2), np.int16), intra)
        else:
            start = self._entries[-1].motion.vectors if self._entries else None
            motion = search(picture, matched(self._pictures[position - 1], picture), start)
        # At full size: halving takes half of white noise away, and the finest texture.
        features = analyse(Picture(frame.planes, "ycbcr", frame.bit_depth))
        strengths = {"texture": settings.aq, "flatness": settings.aq, "noise": settings.noise}
        scales = dict(settings.aq_scales.items())
        terms = {name: np.float32(strengths[name] * scales[name]) * term for name, term in unit_terms(features).items()}
        tree = TreeFrame(
            intra, motion.costs, information(intra, sum(terms.values(), np.zeros_like(intra))),
            (Reference(1, motion.vectors),),
        )  # fmt: skip
        return _Entry(frame, position, intra, motion, features, terms, tree, _saved(intra, motion.costs))

    def _decide(self) -> None:
        """Decide whether the next frame of which that is not known is a key frame."""
        position = self._undecided
        entry = self._entries[position - self._entries[0].position]
        if position == 0:
            entry.key_reason = "first"
        elif self._cuts.is_cut(position, min(position + self._flash, self._count - 1), self._saved_between):
            entry.key_reason = "scene cut"
        elif position - self._last_key >= self.settings.key_max:
            entry.key_reason = "interval"
        if entry.key_reason:
            self._last_key = position
            self._cuts.key_at(position)
        self._pictures.pop(position - 1, None)
        self._undecided += 1

    def _saved_between(self, p0: int, p1: int) -> float:
        entry = self._entries[p1 - self._entries[0].position]
        if p0 == p1 - 1:
            return entry.saved
        picture = self._pictures[p1]
        return _saved(entry.intra_costs, search(picture, matched(self._pictures[p0], picture)).costs)

    def _next(self) -> tuple[Frame, LookaheadFrame]:
        """Finish the oldest frame and let it go."""
        terms = dict(self._entries[0].terms)
        terms["cutree"] = cutree_term(self._entries[0].tree, self._amount(), self.settings.cutree)
        entry = self._entries.popleft()
        exact = sum(terms.values(), np.zeros_like(entry.intra_costs))
        self._offsets = frame_offsets(padded_grid(exact), None if entry.key_reason else self._offsets)
        rows, cols = exact.shape
        costs = entry.intra_costs if entry.key_reason else np.minimum(entry.intra_costs, entry.motion.costs)
        effort = (costs * 2.0 ** (-self._offsets[:rows, :cols] / QP_PER_OCTAVE)).sum() / (costs.size * BLOCK_PX**2)
        return entry.frame, LookaheadFrame(
            entry.frame.index, entry.key_reason, entry.intra_costs, entry.motion.costs, entry.motion.vectors,
            entry.features, terms, self._offsets, float(effort), entry.saved,
        )  # fmt: skip

    def _amount(self) -> np.ndarray:
        """What the oldest frame collects from those after it, up to the next key frame."""
        if not self.settings.cutree:
            return np.zeros_like(self._entries[0].intra_costs)
        later = takewhile(lambda entry: not entry.key_reason, islice(self._entries, 1, None))
        return collected([entry.tree for entry in (self._entries[0], *later)])[0]


def _saved(intra: np.ndarray, inter: np.ndarray) -> float:
    """Share of the intra cost that inter prediction saves; blocks at the picture's edges do not count, as in x264."""
    rows, cols = intra.shape
    inner = np.s_[1:-1, 1:-1] if rows > 2 and cols > 2 else np.s_[:, :]
    return 1 - float(np.minimum(intra, inter)[inner].sum() / intra[inner].sum())
