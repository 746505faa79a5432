"""Commands around the work: sessions, scenes, report, panels, palette, settings."""

from __future__ import annotations

from tnc_studio.actions.spec import ActionSpec

FILE_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "save_session",
        "Save session\u2026",
        "File",
        "Save sources, runs, panes, settings, notes and scenes as one file",
        ("Ctrl+Alt+S",),
        needs="source",
        separator=True,
    ),
    ActionSpec(
        "export_bundle",
        "Export bundle\u2026",
        "File",
        "Save the session with the picture or clip inside, for a colleague to open elsewhere",
        ("Ctrl+Alt+B",),
        needs="source",
    ),
    ActionSpec(
        "continue_past",
        "Continue the last session",
        "File",
        "Bring back the newest session of an earlier run of the program, a crashed one first",
        ("Ctrl+Shift+H",),
    ),
    ActionSpec(
        "report",
        "Report\u2026",
        "File",
        "Write pictures, crops, maps, plots, tables, settings and versions as one HTML page",
        ("Ctrl+R",),
        "report",
        14,
        needs="original",
        separator=True,
    ),
    ActionSpec(
        "analyse_file",
        "Analyse a stream\u2026",
        "File",
        "Look into any .tnc or .tcm file, damaged ones too, without decoding it",
        ("Ctrl+Alt+O",),
    ),
    ActionSpec("settings", "Settings\u2026", "File", "Device, threads and memory", ("Ctrl+,",), "settings"),
)
SCENE_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "present",
        "Present",
        "Scenes",
        "Show the scenes full screen with large captions",
        ("Ctrl+P",),
        "present",
        53,
        checkable=True,
        needs="source",
    ),
    ActionSpec(
        "scene_next",
        "Next scene",
        "Scenes",
        "Show the next scene (in a presentation also: space, right)",
        ("PgDown",),
        needs="source",
        separator=True,
    ),
    ActionSpec(
        "scene_previous",
        "Previous scene",
        "Scenes",
        "Show the previous scene (in a presentation also: left)",
        ("PgUp",),
        needs="source",
    ),
    ActionSpec(
        "scene_add",
        "Keep this view as a scene",
        "Scenes",
        "Add panes, zoom, place and overlay as they are now to the scenes",
        ("Ctrl+D",),
        needs="source",
        separator=True,
    ),
    ActionSpec(
        "region_add",
        "Mark this window as a region",
        "Scenes",
        "Show what is visible now as a crop in the report",
        ("Ctrl+Alt+M",),
        needs="source",
    ),
)
WINDOW_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "palette",
        "Command palette\u2026",
        "Window",
        "Find and run any command by a few letters",
        ("Ctrl+Shift+P", "Ctrl+K"),
        "palette",
    ),
    ActionSpec("start_page", "Start page", "Window", "Samples, recent files and past sessions", ("Ctrl+Home",)),
    ActionSpec(
        "dock_tuning",
        "Tuning",
        "Window",
        "Show or hide the tuning panel",
        ("F2",),
        checkable=True,
        separator=True,
    ),
    ActionSpec(
        "dock_rd", "Rate and distortion", "Window", "Show or hide the plot and the BD table", ("F3",), checkable=True
    ),
    ActionSpec(
        "dock_timeline",
        "Timeline",
        "Window",
        "Show or hide the timeline of a clip",
        ("Shift+F3",),
        checkable=True,
        needs="clip",
    ),
    ActionSpec(
        "dock_maps", "Block maps", "Window", "Show or hide block maps and the block inspector", ("F7",), checkable=True
    ),
    ActionSpec("dock_stream", "Stream", "Window", "Show or hide the stream analyser", ("F4",), checkable=True),
    ActionSpec("dock_runs", "Runs", "Window", "Show or hide the runs that are kept", ("F6",), checkable=True),
    ActionSpec("dock_scenes", "Scenes", "Window", "Show or hide scenes and regions", ("F8",), checkable=True),
    ActionSpec("dock_notes", "Notes", "Window", "Show or hide the notes of the session", ("F9",), checkable=True),
    ActionSpec("dock_log", "Log", "Window", "Show or hide what happened so far", ("F12",), checkable=True),
)
HELP_ACTIONS: tuple[ActionSpec, ...] = (
    ActionSpec(
        "codecs",
        "Codecs on this machine\u2026",
        "Help",
        "Which codecs can run here, and how to get the others",
    ),
)
