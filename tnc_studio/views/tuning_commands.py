"""What the commands of tuning and of block maps do."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtGui import QAction, QGuiApplication
from PySide6.QtWidgets import QMenu

from codec.commands.line import clip_encode_line, encode_line
from tnc_studio.model.offsets import BRUSH_SIZE_MAX_PX, BRUSH_SIZE_MIN_PX, BRUSH_STRENGTH_MAX, PLAN, OffsetGrid
from tnc_studio.model.presets import BUILT_IN
from tnc_studio.model.session import Session
from tnc_studio.model.shown_maps import overlay_maps
from tnc_studio.views.dialogs import ask_name, ask_open_map

if TYPE_CHECKING:
    from tnc_studio.views.main_window import MainWindow

OVERLAYS = {"off": "", "bits": "bits", "qp": "qp", "plan": PLAN, "aq": "aq", "psnr": "psnr", "branch": "branch"}


def tuning_handlers(window: MainWindow) -> dict[str, Callable[[], object]]:
    """One handler per row of `EDIT_ACTIONS` and `OVERLAY_ACTIONS`."""
    session, studio, documents = window.session, window.studio, window.studio.documents

    def size(steps: int) -> Callable[[], object]:
        return lambda: session.set_brush(
            size_px=min(max(session.brush.size_px + 16 * steps, BRUSH_SIZE_MIN_PX), BRUSH_SIZE_MAX_PX)
        )

    def strength(steps: int) -> Callable[[], object]:
        return lambda: session.set_brush(
            strength=min(max(session.brush.strength + steps, -BRUSH_STRENGTH_MAX), BRUSH_STRENGTH_MAX), erase=False
        )

    overlays: dict[str, Callable[[], object]] = {
        f"overlay_{name}": lambda map_id=map_id: toggle_overlay(session, map_id)  # type: ignore[misc]
        for name, map_id in OVERLAYS.items()
    }
    return overlays | {
        "undo": studio.undo,
        "redo": studio.redo,
        "brush": studio.toggle_brush,
        "brush_erase": lambda: session.set_brush(erase=not session.brush.erase),
        "brush_smaller": size(-1),
        "brush_larger": size(1),
        "brush_finer": strength(-1),
        "brush_coarser": strength(1),
        "clear_qp_map": lambda: studio.set_qp_map(None, "clearing the QP map"),
        "load_qp_map": lambda: load_qp_map(window),
        "save_qp_map": lambda: window.save_as("Save the QP map", ".csv", documents.save_qp_map, "-qp"),
        "save_preset": lambda: save_preset(window),
        "copy_command": lambda: copy_command(window),
        "free_blocks": lambda: studio.edit("freeing all blocks", force_blocks=()),
        "overlay_next": lambda: next_overlay(session),
        "overlay_values": lambda: session.set_overlay(values=not session.overlay.values),
        "deselect_block": lambda: session.select(None),
        "export_maps": lambda: window.save_as("Export block maps", ".csv", documents.export_maps, "-maps"),
    }


def check_tuning(window: MainWindow, actions: Mapping[str, QAction]) -> None:
    """Check marks and texts of these actions."""
    session, log = window.session, window.studio.undo_log
    shown = {map_id: name for name, map_id in OVERLAYS.items()}.get(session.overlay.map_id)
    for name in OVERLAYS:
        actions[f"overlay_{name}"].setChecked(name == shown)
    for id_, on in (
        ("brush", session.brush.on), ("brush_erase", session.brush.erase), ("overlay_values", session.overlay.values),
    ):  # fmt: skip
        actions[id_].setChecked(on)
    for id_, verb, text in (("undo", "Undo", log.undo_text), ("redo", "Redo", log.redo_text)):
        actions[id_].setText(f"{verb} {text}".strip())
        actions[id_].setEnabled(bool(text))


def toggle_overlay(session: Session, map_id: str) -> None:
    """Show a map, or nothing where it is shown already."""
    session.set_overlay(map_id="" if session.overlay.map_id == map_id else map_id)


def next_overlay(session: Session) -> None:
    """Step through all block maps and none."""
    ids = ["", *overlay_maps(session)]
    place = ids.index(session.overlay.map_id) if session.overlay.map_id in ids else -1
    session.set_overlay(map_id=ids[(place + 1) % len(ids)])


def load_qp_map(window: MainWindow) -> None:
    """Ask for a map and take it; adaptive QP goes off, as a saved map holds its offsets already."""
    path = ask_open_map(window, window.store.folder)
    if path is None:
        return

    def take(grid: OffsetGrid) -> None:
        window.studio.edit(f"QP map {path.name}", qp_map=grid, aq=0.0)
        window.session.set_overlay(map_id=PLAN)

    window.studio.documents.load_qp_map(path, take)


def command_line(window: MainWindow) -> str:
    """Line of `tnc encode` that makes the stream of the present settings."""
    session = window.session
    path = session.path or Path("picture.png")
    if session.on_clip:
        return clip_command_line(session, path)
    settings = session.tuning.encode_settings()
    if settings.qp_map is not None:
        settings = replace(settings, aq=0.0)  # the map that is saved holds its offsets already
    return encode_line(settings, path, path.with_suffix(".tnc").name, f"{path.stem}-qp.csv")


def clip_command_line(session: Session, path: Path) -> str:
    """The same for the range of a clip."""
    (first, last), source = session.clip.span, session.source
    whole = (first, last) == (0, session.clip.frame_count - 1)
    settings = session.tuning.clip.encode_settings(0 if whole else first, None if whole else last + 1)
    raw = None if source is None else source.raw
    told = {} if raw is None else {
        "--size": f"{raw.width_px}x{raw.height_px}", "--format": raw.pixel_format, "--fps": str(raw.fps),
    }  # fmt: skip
    return clip_encode_line(settings, path, path.with_suffix(".tcm").name, told)


def copy_command(window: MainWindow) -> None:
    """Put the line on the clipboard and say what it needs."""
    QGuiApplication.clipboard().setText(command_line(window))
    grid = window.session.tuning.qp_map
    hint = "" if grid is None or grid.empty else "; it reads the painted map: save that first (Ctrl+Shift+M)"
    window.session.tell(f"The command line is on the clipboard{hint}")


def save_preset(window: MainWindow) -> None:
    """Ask for a name and keep the settings under it."""
    name = ask_name(window, "Keep as preset", "Name of the preset")
    if not name:
        return
    if any(preset.name == name for preset in BUILT_IN):
        window.session.tell(f"{name} is built in and stays as it is: choose another name")
        return
    window.store.save_preset(name, window.session.tuning)
    window.session.tell(f"Kept as {name}")


def fill_presets(window: MainWindow, menu: QMenu) -> None:
    """List the presets, built-in ones first, and what can be done with the user's own."""
    menu.clear()
    presets = window.store.presets
    own = [preset for preset in presets if preset not in BUILT_IN]
    for preset in presets:
        if own and preset is own[0]:
            menu.addSeparator()
        action = menu.addAction(preset.name)
        action.triggered.connect(lambda _checked=False, preset=preset: window.studio.take_preset(preset))
    menu.addSeparator()
    menu.addAction(window.actions_by_id["save_preset"])
    if own:
        delete = menu.addMenu("Delete")
        for preset in own:
            action = delete.addAction(preset.name)
            action.triggered.connect(lambda _checked=False, name=preset.name: window.store.delete_preset(name))
