"""`UndoLog`: what the tuning was before each edit. One log for sliders, choices and brush strokes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tnc_studio.model.observer import Event
from tnc_studio.model.settings import Tuning

DEPTH = 200
MERGE_S = 1.0
"""Edits of one kind that follow each other within this time are one step: the moves of a slider."""


@dataclass(frozen=True)
class Step:
    """One undoable edit.

    Attributes
    ----------
    text : str
        What the menu says ("Undo QP").
    before, after : Tuning
        The tuning on both sides of it.
    kind : str
        Steps of one kind may merge; "" never does.
    """

    text: str
    before: Tuning
    after: Tuning
    kind: str = ""


class UndoLog:
    """Two stacks of steps.

    Parameters
    ----------
    clock : callable
        Seconds.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._undo: list[Step] = []
        self._redo: list[Step] = []
        self._last_s = float("-inf")
        self.changed: Event[[]] = Event()

    def push(self, step: Step) -> None:
        """Remember an edit; what was undone before it is gone."""
        if step.before == step.after:
            return
        now_s = self._clock()
        last = self._undo[-1] if self._undo else None
        mergeable = last is not None and step.kind and last.kind == step.kind and now_s - self._last_s <= MERGE_S
        if last is not None and mergeable and not self._redo:
            self._undo[-1] = Step(step.text, last.before, step.after, step.kind)
        else:
            self._undo.append(step)
            del self._undo[:-DEPTH]
        self._redo.clear()
        self._last_s = now_s
        self.changed.emit()

    def undo(self) -> Tuning | None:
        """Go one step back; returns the tuning to restore."""
        if not self._undo:
            return None
        step = self._undo.pop()
        self._redo.append(step)
        self._last_s = float("-inf")
        self.changed.emit()
        return step.before

    def redo(self) -> Tuning | None:
        """Go one step forward again."""
        if not self._redo:
            return None
        step = self._redo.pop()
        self._undo.append(step)
        self._last_s = float("-inf")
        self.changed.emit()
        return step.after

    def clear(self) -> None:
        """Forget everything: another picture."""
        self._undo.clear()
        self._redo.clear()
        self.changed.emit()

    @property
    def undo_text(self) -> str:
        """What would be undone, or ""."""
        return self._undo[-1].text if self._undo else ""

    @property
    def redo_text(self) -> str:
        """What would be done again, or ""."""
        return self._redo[-1].text if self._redo else ""
