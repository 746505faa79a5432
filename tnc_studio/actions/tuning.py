"""Commands of tuning and of block maps: undo, the QP brush, presets, the command line, overlays."""

from __future__ import annotations

from tnc_studio.actions.spec import ActionSpec

EDIT_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("undo", "Undo", "Edit", "Take the last change or brush stroke back", ("Ctrl+Z",), "undo", 15),
    ActionSpec("redo", "Redo", "Edit", "Make it again", ("Ctrl+Shift+Z", "Ctrl+Y"), "redo", 16),
    ActionSpec(
        "brush", "QP brush", "Edit", "Paint QP offsets with the left button", ("P",), "brush", 42, checkable=True,
        needs="original", separator=True,
    ),
    ActionSpec(
        "brush_erase", "Erase with the brush", "Edit", "Strokes take offsets away", ("Shift+P",), checkable=True,
        needs="original",
    ),
    ActionSpec("brush_smaller", "Smaller brush", "Edit", "Brush 16 px smaller", (",",), needs="original"),
    ActionSpec("brush_larger", "Larger brush", "Edit", "Brush 16 px larger", (".",), needs="original"),
    ActionSpec("brush_finer", "Brush paints finer", "Edit", "Painted offset down by one", ("<",), needs="original"),
    ActionSpec("brush_coarser", "Brush paints coarser", "Edit", "Painted offset up by one", (">",), needs="original"),
    ActionSpec("clear_qp_map", "Clear the QP map", "Edit", "Take all painted offsets away", (), needs="original"),
    ActionSpec(
        "load_qp_map", "Load QP map\u2026", "Edit", "Read a map of QP offsets from a CSV file", ("Ctrl+M",),
        needs="original", separator=True,
    ),
    ActionSpec(
        "save_qp_map", "Save QP map\u2026", "Edit", "Write the QP offsets as a CSV file, adaptive QP included",
        ("Ctrl+Shift+M",), needs="original",
    ),
    ActionSpec(
        "save_preset", "Keep as preset\u2026", "Edit", "Keep the present settings under a name", ("Ctrl+Alt+K",),
        separator=True,
    ),
    ActionSpec(
        "copy_command", "Copy command line", "Edit", "Put the equivalent `tnc encode` line on the clipboard",
        ("Ctrl+Shift+C",), "copy", needs="codable", separator=True,
    ),
    ActionSpec(
        "free_blocks", "Free all blocks", "Edit", "Let the encoder choose the branch of every block", (),
        needs="original",
    ),
)  # fmt: skip

OVERLAY_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec("overlay_off", "No overlay", "View", "Show the pictures alone", ("O",), group="overlay", separator=True),
    ActionSpec(
        "overlay_bits", "Bits per block", "View", "Colour blocks by the bits that they cost", ("B",), "overlay", 41,
        group="overlay",
    ),
    ActionSpec("overlay_qp", "QP per block", "View", "Colour blocks by their QP", ("Q",), group="overlay"),
    ActionSpec(
        "overlay_plan", "Planned QP offsets", "View", "Colour blocks by the offsets that will be coded", ("Shift+Q",),
        group="overlay",
    ),
    ActionSpec("overlay_aq", "Adaptive QP", "View", "Colour blocks by the offsets of adaptive QP", ("Shift+A",),
               group="overlay"),
    ActionSpec("overlay_psnr", "PSNR per block", "View", "Colour blocks by their PSNR", ("Shift+S",), group="overlay"),
    ActionSpec("overlay_branch", "Branch per block", "View", "Colour and hatch blocks by what codes them", ("Shift+B",),
               group="overlay"),
    ActionSpec("overlay_next", "Next block map", "View", "Step through all block maps", ("Shift+O",)),
    ActionSpec("overlay_values", "Values in blocks", "View", "Write values into blocks where there is room", ("T",),
               checkable=True),
    ActionSpec("deselect_block", "Close the block", "View", "No block is looked into", ("Backspace",)),
    ActionSpec(
        "export_maps", "Export block maps\u2026", "View",
        "Write every block map of TNC in the statistics format that YUView reads", ("Ctrl+Alt+X",), needs="tnc",
    ),
)  # fmt: skip
