"""What the compare commands do, and the key that works while it is held."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QAction, QKeyEvent, QKeySequence

from codec.errors import CodecError
from tnc_studio.model.blind import Side
from tnc_studio.model.compare import CompareMode, Difference, Readout, next_gain
from tnc_studio.model.session import PANES_MAX, Session
from tnc_studio.model.settings import OWN, anchor_of
from tnc_studio.services.trouble import report
from tnc_studio.views.dialogs import ask_external, ask_external_clip

if TYPE_CHECKING:
    from tnc_studio.views.main_window import MainWindow


def compare_handlers(window: MainWindow) -> dict[str, Callable[[], object]]:
    """One handler per row of `COMPARE_ACTIONS`, but for the plot's."""
    session = window.session

    def mode(chosen: CompareMode) -> Callable[[], object]:
        return lambda: session.set_compare(mode=chosen, flicker=False)

    def difference(chosen: Difference) -> Callable[[], object]:
        """Choose a difference; the one that is on goes off again."""
        return lambda: session.set_compare(
            difference=Difference.OFF if session.compare.difference is chosen else chosen
        )

    def gain(steps: int) -> Callable[[], object]:
        return lambda: session.set_compare(gain=next_gain(session.compare.gain, steps))

    handlers: dict[str, Callable[[], object]] = {
        f"panes_{count}": lambda count=count: _panes(session, count)  # type: ignore[misc]
        for count in range(1, PANES_MAX + 1)
    }
    return handlers | {
        "one_row": lambda: session.set_compare(one_row=not session.compare.one_row),
        "pane_next": lambda: window.compare.activate((session.active_pane + 1) % session.visible_count),
        "rendition_next": lambda: next_rendition(session),
        "panes_swap": lambda: swap_panes(session),
        "open_external": lambda: open_external(window),
        "mode_side": mode(CompareMode.SIDE),
        "mode_wipe": mode(CompareMode.WIPE),
        "mode_blind": mode(CompareMode.BLIND),
        "wipe_turn": lambda: session.set_compare(
            mode=CompareMode.WIPE,
            wipe_upright=not session.compare.wipe_upright or session.compare.mode is not CompareMode.WIPE,
        ),
        "vote_left": lambda: session.vote(Side.LEFT),
        "vote_same": lambda: session.vote(Side.SAME),
        "vote_right": lambda: session.vote(Side.RIGHT),
        "export_votes": lambda: window.save_as("Export votes", ".csv", window.studio.documents.export_votes, "-votes"),
        "flicker": lambda: session.set_compare(flicker=not session.compare.flicker),
        "reference_here": lambda: session.set_compare(reference=session.pane_ids[session.active_pane]),
        "difference_off": lambda: session.set_compare(difference=Difference.OFF),
        "difference_signed": difference(Difference.SIGNED),
        "difference_absolute": difference(Difference.ABSOLUTE),
        "difference_ssim": difference(Difference.SSIM),
        "gain_up": gain(1),
        "gain_down": gain(-1),
        "linked": lambda: session.set_linked(not session.view.linked),
        "align": session.align_panes,
        "loupe": lambda: session.set_compare(loupe=not session.compare.loupe),
        "readout_rgb": lambda: session.set_compare(readout=Readout.RGB),
        "readout_ycbcr": lambda: session.set_compare(readout=Readout.YCBCR),
        "readout_code": lambda: session.set_compare(readout=Readout.CODE),
    }


def check_compare(session: Session, actions: Mapping[str, QAction]) -> None:
    """Check marks of the compare actions."""
    compare = session.compare
    for id_ in (
        f"panes_{session.pane_count}", f"mode_{compare.mode.value}", f"difference_{compare.difference.value}",
        f"readout_{compare.readout.value}",
    ):  # fmt: skip
        actions[id_].setChecked(True)
    for id_, on in (
        ("one_row", compare.one_row), ("flicker", compare.flicker), ("linked", session.view.linked),
        ("loupe", compare.loupe),
    ):  # fmt: skip
        actions[id_].setChecked(on)


def _panes(session: Session, count: int) -> None:
    session.set_compare(mode=CompareMode.SIDE)
    session.set_pane_count(count)


def next_rendition(session: Session) -> None:
    """Show the next rendition in the current pane."""
    ids, index = [id_ for id_ in session.labels if OWN not in id_], session.active_pane
    shown = anchor_of(session.pane_ids[index])
    place = ids.index(shown) if shown in ids else -1
    session.set_pane(index, ids[(place + 1) % len(ids)])


def swap_panes(session: Session) -> None:
    """Exchange the renditions of the first two panes."""
    first, second, *rest = session.pane_ids
    session.pane_ids = (second, first, *rest)
    session.panes_changed.emit()


def open_external(window: MainWindow) -> None:
    """Ask for a picture that was coded elsewhere and for its byte count, and show it; or for a clip."""
    if window.session.on_clip:
        clip = ask_external_clip(window, window.store.folder, raw=window.studio.tcm_files.path is not None)
        if clip is not None:
            window.store.folder = str(clip.parent)
            window.studio.open_external_clip(clip)
        return
    answer = ask_external(window, window.store.folder)
    if answer is None:
        return
    path, size_bytes = answer
    window.store.folder = str(Path(path).parent)
    try:
        window.studio.gallery.open_external(path, size_bytes)
    except CodecError as error:
        report(window.session, error, f"Opening {path.name}")


class HoldKey(QObject):
    """Ends what a key began, when it is released or the window loses the keyboard.

    Parameters
    ----------
    action : QAction
        Triggered by the press.
    release : callable
        Called at the release.
    """

    def __init__(self, action: QAction, release: Callable[[], object], parent: QObject) -> None:
        super().__init__(parent)
        action.setAutoRepeat(False)
        self._action, self._release = action, release

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Watch for the release."""
        if event.type() is QEvent.Type.KeyRelease and isinstance(event, QKeyEvent):
            names = {shortcut.toString() for shortcut in self._action.shortcuts()}
            if not event.isAutoRepeat() and QKeySequence(event.key()).toString() in names:
                self._release()
        elif event.type() is QEvent.Type.ApplicationDeactivate:
            self._release()
        return False
