"""Commands of the compare area: panes, modes, linked views, blind pairs."""

from __future__ import annotations

from tnc_studio.actions.spec import ActionSpec

COMPARE_ACTIONS: tuple[ActionSpec, ...] = (
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
)
