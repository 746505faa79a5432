"""Commands of clips: playing, stepping, the range."""

from __future__ import annotations

from tnc_studio.actions.spec import ActionSpec


def _spec(
    id_: str, text: str, tip: str, *keys: str, icon: str = "", checkable: bool = False, separator: bool = False
) -> ActionSpec:
    return ActionSpec(id_, text, "Clip", tip, keys, icon, checkable=checkable, needs="clip", separator=separator)


CLIP_ACTIONS: tuple[ActionSpec, ...] = (
    _spec("clip_play", "Play", "Play all panes in step, or pause", "Space", icon="play", checkable=True),
    _spec("clip_loop", "Loop the range", "Go round in the range instead of on to the end of the clip", "Ctrl+Shift+R",
          icon="loop", checkable=True),
    _spec("clip_next", "Next frame", "One frame on", "Right", icon="frame-next", separator=True),
    _spec("clip_previous", "Previous frame", "One frame back", "Left", icon="frame-previous"),
    _spec("clip_ahead", "Ten frames on", "Ten frames on", "Shift+Right"),
    _spec("clip_back", "Ten frames back", "Ten frames back", "Shift+Left"),
    _spec("clip_first", "First frame", "To the beginning of the clip", "Home"),
    _spec("clip_last", "Last frame", "To the end of the clip", "End"),
    _spec("clip_cut_next", "Next scene", "To the first frame of the next scene", "Ctrl+Right", icon="cut-next",
          separator=True),
    _spec("clip_cut_previous", "Previous scene", "To the first frame of this scene, or of the one before", "Ctrl+Left",
          icon="cut-previous"),
    _spec("clip_worst", "Worst frame", "To the frame with the lowest PSNR of the current pane's rendition", "U",
          icon="worst"),
    _spec("clip_go", "Go to frame\u2026", "To a frame by its number", "Ctrl+G"),
    _spec("clip_range_first", "Range begins here", "The range that is looped and coded begins at this frame", "I",
          icon="range-first", separator=True),
    _spec("clip_range_last", "Range ends here", "The range that is looped and coded ends at this frame", "Shift+I",
          icon="range-last"),
    _spec("clip_range_scene", "Range is this scene", "The range is the scene around this frame", "Ctrl+Shift+I"),
    _spec("clip_match", "Match TCM", "Find the QP, in steps of 1/16, at which TCM has the bytes (or PSNR) of the codec "
          "in the current pane, and code the range with it", "Ctrl+F5", separator=True),
    _spec("clip_raw_format", "Raw format\u2026", "Say again of what size and format the samples of a .yuv file are",
          separator=True),
)  # fmt: skip
"""Space and the arrows act on the clip, except where a control that has the focus needs them itself."""
