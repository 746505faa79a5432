"""The table of actions: menus, toolbar, shortcuts and the keyboard table are read from it."""

from __future__ import annotations

from dataclasses import dataclass

MENUS = ("File", "Encode", "View", "Compare", "Help")


@dataclass(frozen=True)
class ActionSpec:
    """One command.

    Attributes
    ----------
    id : str
        Stable snake_case name; the window has one handler per id.
    text : str
        Menu text.
    menu : str
        Which menu it stands in.
    tip : str
        Tooltip and status text: what it does, in one sentence.
    keys : tuple of str
        Shortcuts in Qt's portable notation; the first is shown.
    icon : str
        Icon name, or empty.
    toolbar : int
        Place in the toolbar, 0 for none; a line stands between tens.
    group : str
        Actions of one group are exclusive choices with a check mark.
    checkable : bool
        Whether it is a switch.
    needs : str
        "" always enabled; "source" with a document; "original" with a picture to encode; "tnc" with a TNC stream.
    separator : bool
        Whether a line precedes it.
    """

    id: str
    text: str
    menu: str
    tip: str
    keys: tuple[str, ...] = ()
    icon: str = ""
    toolbar: int = 0
    group: str = ""
    checkable: bool = False
    needs: str = ""
    separator: bool = False


ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("open", "Open\u2026", "File", "Open a picture or a .tnc stream", ("Ctrl+O",), "open", 11),
    ActionSpec(
        "save_stream",
        "Save stream\u2026",
        "File",
        "Save the TNC stream as a .tnc file",
        ("Ctrl+S",),
        "save-stream",
        12,
        needs="tnc",
        separator=True,
    ),
    ActionSpec(
        "save_picture",
        "Save decoded picture\u2026",
        "File",
        "Save what the TNC stream decodes to as PNG",
        ("Ctrl+Shift+S",),
        "save-picture",
        13,
        needs="tnc",
    ),
    ActionSpec(
        "export_csv",
        "Export RD points as CSV\u2026",
        "File",
        "Write every measured point of the plot as a table",
        ("Ctrl+E",),
        "table",
        needs="original",
        separator=True,
    ),
    ActionSpec(
        "export_png",
        "Export RD plot as PNG\u2026",
        "File",
        "Write the RD plot as a picture",
        ("Ctrl+Shift+E",),
        "plot",
        needs="original",
    ),
    ActionSpec("quit", "Quit", "File", "Close the window", ("Ctrl+Q",), separator=True),
    ActionSpec(
        "encode",
        "Encode again",
        "Encode",
        "Run the TNC encode and the anchors again",
        ("F5",),
        "encode",
        needs="original",
    ),
    ActionSpec(
        "cancel",
        "Cancel",
        "Encode",
        "Stop every running and waiting job",
        ("Esc",),
        "cancel",
    ),
    ActionSpec(
        "qp_down",
        "Finer (QP \u2212 1/4)",
        "Encode",
        "More bits, better picture: QP down by a quarter",
        ("[",),
        needs="original",
        separator=True,
    ),
    ActionSpec(
        "qp_up",
        "Coarser (QP + 1/4)",
        "Encode",
        "Fewer bits: QP up by a quarter",
        ("]",),
        needs="original",
    ),
    ActionSpec(
        "qp_down_big",
        "Much finer (QP \u2212 2)",
        "Encode",
        "QP down by two",
        ("Shift+[", "{"),
        needs="original",
    ),
    ActionSpec(
        "qp_up_big",
        "Much coarser (QP + 2)",
        "Encode",
        "QP up by two",
        ("Shift+]", "}"),
        needs="original",
    ),
    ActionSpec(
        "follow_bytes",
        "Anchors at the same bytes",
        "Encode",
        "Anchors are coded to the size of the TNC stream",
        ("Alt+1",),
        group="follow",
        separator=True,
    ),
    ActionSpec(
        "follow_psnr",
        "Anchors at the same PSNR",
        "Encode",
        "Anchors are coded to the PSNR of the TNC picture",
        ("Alt+2",),
        group="follow",
    ),
    ActionSpec(
        "follow_fixed",
        "Anchors at fixed quality",
        "Encode",
        "Anchors keep the quality set in the panel",
        ("Alt+3",),
        group="follow",
    ),
    ActionSpec(
        "fit",
        "Fit",
        "View",
        "Show the whole picture in every pane",
        ("F", "Ctrl+0"),
        "fit",
        21,
        needs="source",
    ),
    ActionSpec(
        "actual",
        "100 %",
        "View",
        "One picture pixel per screen pixel",
        ("1", "Ctrl+1"),
        "actual",
        22,
        needs="source",
    ),
    ActionSpec("zoom_200", "200 %", "View", "Two screen pixels per picture pixel", ("2",), needs="source"),
    ActionSpec("zoom_400", "400 %", "View", "Four screen pixels per picture pixel", ("4",), needs="source"),
    ActionSpec("zoom_800", "800 %", "View", "Eight screen pixels per picture pixel", ("8",), needs="source"),
    ActionSpec(
        "zoom_in",
        "Zoom in",
        "View",
        "Enlarge all panes",
        ("+", "=", "Ctrl++", "Ctrl+="),
        "zoom-in",
        23,
        needs="source",
    ),
    ActionSpec("zoom_out", "Zoom out", "View", "Shrink all panes", ("-", "Ctrl+-"), "zoom-out", 24, needs="source"),
    ActionSpec(
        "overlay_off",
        "No overlay",
        "View",
        "Show the TNC picture alone",
        ("O",),
        group="overlay",
        separator=True,
    ),
    ActionSpec(
        "overlay_bits",
        "Bits per block",
        "View",
        "Colour the TNC pane by the bits that each block costs",
        ("B",),
        "overlay",
        41,
        group="overlay",
    ),
    ActionSpec(
        "overlay_qp",
        "QP per block",
        "View",
        "Colour the TNC pane by the QP of each block",
        ("Q",),
        group="overlay",
    ),
    ActionSpec("theme_dark", "Dark", "View", "Dark window colours", ("Ctrl+Shift+D",), group="theme", separator=True),
    ActionSpec("theme_light", "Light", "View", "Light window colours", ("Ctrl+Shift+L",), group="theme"),
    ActionSpec(
        "theme_toggle",
        "Switch light and dark",
        "View",
        "Switch between the light and the dark theme",
        ("Ctrl+T",),
        "theme",
        51,
    ),
    ActionSpec(
        "full_screen",
        "Full screen",
        "View",
        "Use the whole screen",
        ("F11",),
        checkable=True,
        separator=True,
    ),
    ActionSpec("panes_2", "Two panes", "Compare", "Two renditions side by side", ("Ctrl+2",), "panes-2", 31, "panes"),
    ActionSpec(
        "panes_3", "Three panes", "Compare", "Three renditions side by side", ("Ctrl+3",), "panes-3", 32, "panes"
    ),
    ActionSpec("panes_4", "Four panes", "Compare", "Four renditions side by side", ("Ctrl+4",), "panes-4", 33, "panes"),
    ActionSpec(
        "pane_next",
        "Next pane",
        "Compare",
        "Make the next pane the current one",
        ("N",),
        separator=True,
    ),
    ActionSpec(
        "rendition_next",
        "Next rendition in pane",
        "Compare",
        "Show the next rendition in the current pane",
        ("R",),
    ),
    ActionSpec(
        "metric_next",
        "Next metric in the plot",
        "Compare",
        "Step through PSNR-RGB, PSNR-Y and MS-SSIM",
        ("M",),
        separator=True,
    ),
    ActionSpec("keyboard", "Keyboard\u2026", "Help", "List every command with its keys", ("F1",), "keyboard", 52),
    ActionSpec("about", "About TNC Studio\u2026", "Help", "Versions of the program and of the codecs", (), "info"),
)
BY_ID = {spec.id: spec for spec in ACTIONS}


def keyboard_rows() -> list[tuple[str, str, str, str]]:
    """(menu, command, keys, what it does) of every action, in menu order."""
    return [(spec.menu, spec.text.rstrip("\u2026"), "  or  ".join(spec.keys), spec.tip) for spec in ACTIONS]
