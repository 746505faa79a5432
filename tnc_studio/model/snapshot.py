"""The session as plain values: what is saved, declared part by part.

A part that a later version adds is one row of `PARTS`. Parts with `look` make up a scene.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from codec.errors import CodecError, InputError
from codec.quality import QP_MAX, QP_MIN, snap_qp
from codec.rd.rows import RdRow
from tnc_studio.model.compare import Compare, next_gain
from tnc_studio.model.curves import Metric
from tnc_studio.model.history import KeptRun, RunFacts
from tnc_studio.model.lab import LabPlan, RdView
from tnc_studio.model.overlay import Overlay
from tnc_studio.model.plain import from_plain, to_plain
from tnc_studio.model.renditions import ORIGINAL
from tnc_studio.model.scenes import Region, Scene
from tnc_studio.model.session import Session
from tnc_studio.model.settings import Tuning
from tnc_studio.model.viewstate import SCALE_MAX, SCALE_MIN

FORMAT, VERSION = "tnc-studio-session", 1
NOTES_MAX = 1 << 20


@dataclass(frozen=True)
class Panes:
    """What stands in the panes."""

    ids: tuple[str, ...]
    count: int
    active: int = 0


@dataclass(frozen=True)
class View:
    """Which part of the picture is seen."""

    fitting: bool = True
    scale: float = 1.0
    center_x: float = 0.0
    center_y: float = 0.0


@dataclass(frozen=True)
class Offset:
    """How far one pane looks beside the others."""

    x_px: float = 0.0
    y_px: float = 0.0
    zoom_ratio: float = 1.0


@dataclass(frozen=True)
class Offsets:
    """Whether panes are linked, and where each of them looks."""

    linked: bool
    panes: tuple[Offset, ...]


@dataclass(frozen=True)
class ClipPlace:
    """Where in a clip one is, and the range."""

    frame: int = 0
    first: int = 0
    last: int = 0
    looping: bool = True


@dataclass(frozen=True)
class Part:
    """One part of a session.

    Attributes
    ----------
    id : str
        Key in the file; never changes.
    kind : type
        As `from_plain` takes it.
    get, set : callable
        Read it from a session, and put it back; values that make no sense there are bounded by `set`.
    look : bool
        Whether it belongs to a scene.
    """

    id: str
    kind: Any
    get: Callable[[Session], object]
    set: Callable[[Session, Any], None]
    look: bool = False


def _set_panes(session: Session, panes: Panes) -> None:
    known = [id_ if id_ in session.labels else "" for id_ in panes.ids]
    if len(known) == len(session.pane_ids):
        session.pane_ids = tuple(known)
        session.mend_panes()
        session.panes_changed.emit()
    session.set_pane_count(panes.count)


def _get_view(session: Session) -> View:
    view = session.view
    return View(view.fitting, view.scale, view.center_x, view.center_y)


def _set_view(session: Session, saved: View) -> None:
    view = session.view
    if saved.fitting:
        view.fit()
        return
    view.center_x, view.center_y = saved.center_x, saved.center_y
    view.set_scale(saved.scale)


def _get_offsets(session: Session) -> Offsets:
    views = session.views
    return Offsets(session.view.linked, tuple(Offset(view.offset_x, view.offset_y, view.zoom_ratio) for view in views))


def _set_offsets(session: Session, saved: Offsets) -> None:
    for view, offset in zip(session.views, saved.panes, strict=False):
        view.offset_x, view.offset_y = offset.x_px, offset.y_px
        view.zoom_ratio = min(max(offset.zoom_ratio, SCALE_MIN), SCALE_MAX)
    session.set_linked(saved.linked)
    session.view.changed.emit()


def _get_clip(session: Session) -> ClipPlace:
    clip = session.clip
    return ClipPlace(clip.frame, *clip.span, clip.looping)


def _set_clip(session: Session, place: ClipPlace) -> None:
    if session.on_clip:
        session.clip.set_playing(False)
        session.clip.set_looping(place.looping)
        session.clip.set_span(place.first, place.last)
        session.clip.go(place.frame)


def _set_compare(session: Session, compare: Compare) -> None:
    share = min(max(compare.wipe_share, 0.0), 1.0)
    compare = replace(compare, flicker=False, wipe_share=share, gain=next_gain(compare.gain, 0))
    if compare.reference not in session.labels:
        compare = replace(compare, reference=ORIGINAL)
    session.set_compare(**{one.name: getattr(compare, one.name) for one in fields(Compare)})


def _set_tuning(session: Session, tuning: Tuning) -> None:
    values = {one.name: getattr(tuning, one.name) for one in fields(Tuning) if one.init}
    values["qp"] = snap_qp(min(max(tuning.qp, QP_MIN), QP_MAX))
    replace(tuning, qp=values["qp"]).encode_settings()  # raises for what no encoder takes
    session.tune(**values)
    session.tuning_restored = True


def _set_rd_view(session: Session, view: RdView) -> None:
    session.lab.set_view(**{one.name: getattr(view, one.name) for one in fields(RdView)})


def _set_overlay(session: Session, overlay: Overlay) -> None:
    overlay = replace(overlay, opacity=min(max(overlay.opacity, 0.0), 1.0))
    session.set_overlay(**{one.name: getattr(overlay, one.name) for one in fields(Overlay)})


PARTS: tuple[Part, ...] = (
    Part("tuning", Tuning, lambda session: session.tuning, _set_tuning),
    Part("notes", str, lambda session: session.notes, lambda session, text: session.set_notes(text[:NOTES_MAX])),
    Part("metric", Metric, lambda session: session.metric, Session.set_metric, look=True),
    Part("rd_view", RdView, lambda session: session.lab.view, _set_rd_view, look=True),
    Part("lab", LabPlan, lambda session: session.lab.plan, lambda session, plan: session.lab.set_plan(plan)),
    Part("overlay", Overlay, lambda session: session.overlay, _set_overlay, look=True),
    Part(
        "panes", Panes, lambda session: Panes(session.pane_ids, session.pane_count, session.active_pane), _set_panes,
        look=True,
    ),
    Part("compare", Compare, lambda session: session.compare, _set_compare, look=True),
    Part("view", View, _get_view, _set_view, look=True),
    Part("offsets", Offsets, _get_offsets, _set_offsets, look=True),
    Part("clip", ClipPlace, _get_clip, _set_clip, look=True),
)  # fmt: skip
"""In the order in which they are put back."""


@dataclass(frozen=True)
class SourceRef:
    """Which document is open, and where its data are.

    Attributes
    ----------
    name : str
    path : str
        Where it was read from; "" if nowhere.
    source_hash : str
        Of the picture's samples.
    has_original : bool
        False for a stream opened alone.
    picture, stream : str
        SHA-256 of an entry of the container, "" where the file at `path` is meant.
    clip : bool
        Whether it is a clip.
    raw : str
        Format of a clip's samples, where the file itself does not tell it.
    clip_entry : str
        Name of the entry that holds the clip's file, "" where that at `path` is meant.
    """

    name: str
    path: str
    source_hash: str
    has_original: bool = True
    picture: str = ""
    stream: str = ""
    clip: bool = False
    raw: str = ""
    clip_entry: str = ""


@dataclass(frozen=True)
class RunRef(RunFacts):
    """A kept run whose stream is an entry of the container."""

    stream: str = field(kw_only=True)

    @classmethod
    def of(cls, run: KeptRun, stream: str) -> RunRef:
        """Make the reference of a run."""
        return cls(stream=stream, **{one.name: getattr(run, one.name) for one in fields(RunFacts)})

    def kept(self, stream: bytes) -> KeptRun:
        """Make the run again."""
        return KeptRun(stream=stream, **{one.name: getattr(self, one.name) for one in fields(RunFacts)})


@dataclass(frozen=True)
class ExternalRef:
    """A picture from disk that a pane shows.

    Attributes
    ----------
    id : str
        Of its rendition.
    name, path : str
        Of the file; the path is "" where it means nothing to the reader.
    size_bytes : int or None
        What it took as coded, as far as the user knew.
    picture : str
        SHA-256 of an entry of the container, "" where the file at `path` is meant.
    """

    id: str
    name: str
    path: str = ""
    size_bytes: int | None = None
    picture: str = ""


@dataclass(frozen=True)
class SessionDocument:
    """All of a session but streams and pictures.

    Attributes
    ----------
    program, saved : str
        Version that wrote it, and when (ISO 8601, local time).
    source : SourceRef or None
    parts : mapping
        Plain values by part id.
    runs, scenes, regions, rows, externals : tuple
    docks : mapping of str to bool
        Which panels are open, by id.
    """

    program: str = ""
    saved: str = ""
    source: SourceRef | None = None
    parts: Mapping[str, object] = field(default_factory=dict)
    runs: tuple[RunRef, ...] = ()
    scenes: tuple[Scene, ...] = ()
    regions: tuple[Region, ...] = ()
    rows: tuple[RdRow, ...] = ()
    docks: Mapping[str, bool] = field(default_factory=dict)
    externals: tuple[ExternalRef, ...] = ()


def elsewhere(document: SessionDocument) -> SessionDocument:
    """The same for somebody else's machine: without paths of this one."""
    plain = document.parts.get("lab")
    parts = {**document.parts, "lab": {**plain, "pictures": []}} if isinstance(plain, dict) else document.parts
    source = document.source
    return replace(document, parts=parts, source=replace(source, path="") if source is not None else None)


def parts_of(session: Session, *, look_only: bool = False) -> dict[str, object]:
    """Plain values of the parts of a session."""
    return {part.id: to_plain(part.get(session)) for part in PARTS if part.look or not look_only}


def look_of(session: Session) -> dict[str, object]:
    """What a scene keeps."""
    return parts_of(session, look_only=True)


def apply_parts(
    session: Session, plain: Mapping[str, object], *, skip: tuple[str, ...] = (), look_only: bool = False
) -> list[str]:
    """Put parts back.

    Returns
    -------
    list of str
        One line for each part that made no sense; it stays as it is.
    """
    troubles = []
    for part in PARTS:
        if part.id not in plain or part.id in skip or (look_only and not part.look):
            continue
        try:
            part.set(session, from_plain(part.kind, plain[part.id], part.id))
        except CodecError as error:
            troubles.append(str(error))
    return troubles


def document_to_plain(document: SessionDocument) -> dict[str, object]:
    """JSON of a document."""
    return {"format": FORMAT, "version": VERSION, **to_plain(document)}


def document_from_plain(plain: object, where: str) -> SessionDocument:
    """Document of a JSON value; raises `InputError` for anything else."""
    if not isinstance(plain, dict) or plain.get("format") != FORMAT:
        raise InputError("this is not a session of TNC Studio", where=where)
    version = plain.get("version")
    if not isinstance(version, int) or not 1 <= version <= VERSION:
        raise InputError(f"a session of version {version} cannot be read", where=where, hint="update the program")
    return from_plain(SessionDocument, plain, where)
