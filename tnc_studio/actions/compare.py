"""Commands of the compare area: panes, modes, linked views, blind pairs."""

from __future__ import annotations

from tnc_studio.actions.spec import ActionSpec

MENU = "Compare"


def _spec(
    id_: str, text: str, tip: str, *keys: str, icon: str = "", toolbar: int = 0, group: str = "",
    checkable: bool = False, needs: str = "", separator: bool = False,
) -> ActionSpec:  # fmt: skip
    return ActionSpec(id_, text, MENU, tip, keys, icon, toolbar, group, checkable, needs, separator)


COMPARE_ACTIONS: tuple[ActionSpec, ...] = (
    _spec("panes_1", "One pane", "One rendition", "Ctrl+Alt+1", icon="panes-1", toolbar=30, group="panes"),
    _spec("panes_2", "Two panes", "Two renditions side by side", "Ctrl+2", icon="panes-2", toolbar=31, group="panes"),
    _spec(
        "panes_3", "Three panes", "Three renditions side by side", "Ctrl+3", icon="panes-3", toolbar=32, group="panes"
    ),
    _spec("panes_4", "Four panes", "Four renditions side by side", "Ctrl+4", icon="panes-4", toolbar=33, group="panes"),
    _spec(
        "one_row", "Panes in one row", "Put panes in one row instead of what makes the picture largest", checkable=True
    ),
    _spec("pane_next", "Next pane", "Make the next pane the current one", "N", separator=True),
    _spec("rendition_next", "Next rendition in pane", "Show the next rendition in the current pane", "R"),
    _spec("panes_swap", "Swap the first two panes", "Exchange the renditions of the first two panes", "Shift+R"),
    _spec(
        "open_external",
        "External picture or clip\u2026",
        "Show what was coded elsewhere in the current pane, with its bytes; of an opened TCM stream the original",
        "Ctrl+Shift+O",
        needs="comparable",
    ),
    _spec(
        "mode_side",
        "Side by side",
        "Panes beside each other",
        "Shift+1",
        icon="mode-side",
        toolbar=35,
        group="mode",
        separator=True,
    ),
    _spec(
        "mode_wipe",
        "Wipe",
        "The first two panes in one place, with a line between them to drag",
        "W",
        icon="mode-wipe",
        toolbar=36,
        group="mode",
    ),
    _spec("wipe_turn", "Turn the wipe", "Let the line of the wipe stand upright or lie", "Shift+W", needs="source"),
    _spec(
        "mode_blind",
        "Blind pair",
        "The first two panes without names on random sides; one key votes",
        "V",
        icon="mode-blind",
        toolbar=37,
        group="mode",
    ),
    _spec("vote_left", "Vote: left is better", "Blind pair: the left one looks better", "A", needs="blind"),
    _spec("vote_same", "Vote: no difference", "Blind pair: both look the same", "S", needs="blind"),
    _spec("vote_right", "Vote: right is better", "Blind pair: the right one looks better", "D", needs="blind"),
    _spec("export_votes", "Export votes as CSV\u2026", "Write the counts of all blind pairs, and every vote"),
    _spec(
        "flicker",
        "Show the reference (hold)",
        "While the key is held every pane shows the reference, without a blank frame",
        "X",
        icon="flicker",
        toolbar=38,
        checkable=True,
        needs="source",
        separator=True,
    ),
    _spec(
        "reference_here",
        "Current pane is the reference",
        "Differences and flicker are against the rendition of the current pane",
        "Shift+X",
        needs="source",
    ),
    _spec(
        "difference_off", "No difference", "Panes show their pictures", "Shift+D", group="difference", separator=True
    ),
    _spec(
        "difference_signed",
        "Signed difference",
        "Difference from the reference around middle grey",
        "E",
        icon="difference",
        toolbar=39,
        group="difference",
    ),
    _spec(
        "difference_absolute",
        "Absolute difference",
        "Size of the difference from the reference",
        "Shift+E",
        group="difference",
    ),
    _spec(
        "difference_ssim",
        "SSIM map",
        "Local similarity to the reference: white is equal",
        "Ctrl+Alt+E",
        group="difference",
    ),
    _spec("gain_up", "More gain", "Amplify differences twice as much", "G", needs="source"),
    _spec("gain_down", "Less gain", "Amplify differences half as much", "Shift+G", needs="source"),
    _spec(
        "linked",
        "Link the panes",
        "Pan and zoom act on all panes; an offset found while free survives",
        "L",
        icon="link",
        toolbar=25,
        checkable=True,
        separator=True,
    ),
    _spec("align", "Take offsets away", "All panes look at the same place again", "Shift+L", needs="source"),
    _spec(
        "loupe",
        "Loupe",
        "Enlarge the surroundings of the cursor in every pane",
        "Z",
        icon="loupe",
        toolbar=26,
        checkable=True,
        needs="source",
    ),
    _spec(
        "readout_rgb", "Read out RGB", "Pixel values as 8-bit R, G and B", "Ctrl+Alt+R", group="readout", separator=True
    ),
    _spec(
        "readout_ycbcr", "Read out YCbCr", "Pixel values as 8-bit BT.601 Y, Cb and Cr", "Ctrl+Alt+Y", group="readout"
    ),
    _spec(
        "readout_code",
        "Read out code values",
        "Samples as they are stored, at the depth of the picture",
        "Ctrl+Alt+C",
        group="readout",
    ),
    _spec("metric_next", "Next metric in the plot", "Step through the metrics that points have", "M", separator=True),
)
