"""What the commands of clips do."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QInputDialog, QWidget

from tnc_studio.model.session import Session
from tnc_studio.services.clips import first_image, guessed
from tnc_studio.views.raw_dialog import RawDialog

if TYPE_CHECKING:
    from tnc_studio.views.main_window import MainWindow

STRIDE = 10


def clip_handlers(window: MainWindow) -> dict[str, Callable[[], object]]:
    """One handler per row of `CLIP_ACTIONS`."""
    session, clip = window.session, window.session.clip
    return {
        "clip_play": lambda: clip.set_playing(not clip.playing),
        "clip_loop": lambda: clip.set_looping(not clip.looping),
        "clip_next": lambda: step(session, 1),
        "clip_previous": lambda: step(session, -1),
        "clip_ahead": lambda: step(session, STRIDE),
        "clip_back": lambda: step(session, -STRIDE),
        "clip_first": lambda: clip.go(0),
        "clip_last": lambda: clip.go(clip.frame_count - 1),
        "clip_cut_next": lambda: to_cut(session, 1),
        "clip_cut_previous": lambda: to_cut(session, -1),
        "clip_worst": lambda: to_worst(session),
        "clip_go": lambda: ask_frame(window),
        "clip_range_first": lambda: clip.set_span(clip.frame, max(clip.frame, clip.span[1])),
        "clip_range_last": lambda: clip.set_span(min(clip.frame, clip.span[0]), clip.frame),
        "clip_range_scene": lambda: clip.set_span(*scene_around(session)),
        "clip_match": window.studio.tcm_match.start,
        "clip_raw_format": lambda: ask_raw_again(window),
    }


def step(session: Session, frames: int) -> None:
    """Stop playing and move by some frames."""
    session.clip.set_playing(False)
    session.clip.go(session.clip.frame + frames)


def to_cut(session: Session, direction: int) -> None:
    """Go to the next or previous scene."""
    target = session.clip.cut_from_here(direction)
    if target is None:
        session.tell("There is no further scene cut that way, as far as the clip has been looked at")
    else:
        session.clip.set_playing(False)
        session.clip.go(target)


def to_worst(session: Session) -> None:
    """Go to the frame with the lowest PSNR, of the current pane's rendition or of ours."""
    for id_ in (session.pane_ids[session.active_pane], session.own_id, *session.visible_ids):
        target = session.clip.worst_frame(id_)
        if target is not None:
            session.clip.set_playing(False)
            session.clip.go(target)
            record = session.clip.record(id_)
            if record is not None and record.psnr_y_db is not None:
                text = f"Worst frame of {session.labels.get(id_, id_)}: {target}, Y {record.psnr_y_db:.2f} dB"
                session.tell(text)
            return
    session.tell("No rendition has been coded yet, so no frame is the worst")


def scene_around(session: Session) -> tuple[int, int]:
    """First and last frame of the scene around the present frame."""
    clip = session.clip
    first = max((cut for cut in (0, *clip.cuts) if cut <= clip.frame), default=0)
    after = next((cut for cut in clip.cuts if cut > clip.frame), clip.frame_count)
    return first, after - 1


def ask_number(parent: QWidget, last: int, frame: int) -> int | None:
    """Ask for a frame; None if the user thinks better of it."""
    number, ok = QInputDialog.getInt(parent, "Go to frame", f"Frame, 0 to {last}", frame, 0, last)
    return number if ok else None


def ask_frame(window: MainWindow) -> None:
    """Go to the frame that the user names."""
    clip = window.session.clip
    number = ask_number(window, clip.frame_count - 1, clip.frame)
    if number is not None:
        clip.set_playing(False)
        clip.go(number)


def ask_raw(window: MainWindow, path: Path) -> RawDialog:
    """Ask for the format of a file of samples; it opens when the user agrees, and the format is remembered."""
    guess = window.store.raw_format(path) or guessed(path)
    dialog = RawDialog(path, guess, first_image, window)

    def accepted() -> None:
        window.store.set_raw_format(path, dialog.format)
        window.studio.clips.open(path, dialog.format)

    dialog.accepted.connect(accepted)
    window.show_dialog(dialog)
    return dialog


def ask_raw_again(window: MainWindow) -> None:
    """Ask for the format of the open file once more."""
    source = window.session.source
    if source is None or source.path is None or source.raw is None:
        window.session.tell("This clip says itself what its size and format are")
    else:
        ask_raw(window, source.path)
