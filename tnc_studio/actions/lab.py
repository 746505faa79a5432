"""Commands of the RD lab and its plot."""

from __future__ import annotations

from tnc_studio.actions.spec import ActionSpec


def _spec(
    id_: str, text: str, tip: str, *keys: str, icon: str = "", needs: str = "", separator: bool = False
) -> ActionSpec:
    return ActionSpec(id_, text, "Lab", tip, keys, icon, needs=needs, separator=separator)


LAB_ACTIONS: tuple[ActionSpec, ...] = (
    _spec("lab_show", "RD lab", "Choose codecs, pictures and qualities to measure", "Ctrl+L", icon="plot"),
    _spec("lab_start", "Start", "Measure what the lab names, in the background", "Ctrl+Return", separator=True),
    _spec("lab_pause", "Pause or resume", "Stop measuring at once, or go on where it stopped", "Ctrl+Shift+Space"),
    _spec("lab_cancel", "End the run", "End the RD run here; what is measured stays"),
    _spec("lab_import", "Import table\u2026", "Add the points of a CSV to plot and table", "Ctrl+I", separator=True),
    _spec("lab_export", "Export points\u2026", "Write the points of the table as CSV"),
    _spec("lab_clear", "Clear", "Take the lab's points off plot and table; the database keeps them"),
    _spec("lab_picture_next", "Next picture in the plot", "Step through the pictures and their mean", "Shift+M",
          separator=True),
    _spec("lab_rate", "Bytes or bits per pixel", "Change the horizontal axis of the plot", "Alt+M"),
)  # fmt: skip
