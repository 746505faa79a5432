"""`ReportService`: the whole session as one HTML page that needs nothing else."""

from __future__ import annotations

import platform
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path

import codec
from codec.anchors.search import mismatch_percent
from codec.blockmap import BlockMap
from codec.errors import InputError
from codec.jobs import CancelToken, Progress
from codec.picture import Picture
from codec.rd.report import write_report
from codec.rd.rows import RdRow
from codec.rd.same_bytes import Match
from codec.rd.study import Shot, found_regions, study_parts
from codec.run import Run
from tnc_studio.model.captions import caption
from tnc_studio.model.observer import Event
from tnc_studio.model.plain import to_plain
from tnc_studio.model.renditions import ORIGINAL, TNC, Rendition
from tnc_studio.model.session import Session
from tnc_studio.model.settings import Tuning, anchor_of
from tnc_studio.services.jobs import FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.trouble import report

MAPS = ("bits", "qp", "psnr", "branch")
"""Maps in every report, as far as there are any; the overlay that is on comes first."""
REGIONS_MAX = 12


@dataclass(frozen=True, eq=False)
class ReportData:
    """Values of the session that the worker needs."""

    title: str
    original: Picture
    shots: tuple[Shot, ...]
    anchor: Shot | None
    regions: tuple[tuple[str, tuple[int, int, int, int]], ...]
    maps: tuple[BlockMap, ...]
    settings: dict[str, str]
    notes: str
    rows: tuple[RdRow, ...]
    target: Run
    matches: tuple[Match, ...]
    versions: dict[str, str]


class ReportService:
    """Writes reports off the UI thread."""

    def __init__(self, session: Session, jobs: JobService) -> None:
        self._session = session
        self._jobs = jobs
        self.written: Event[[Path]] = Event()

    def write(self, path: Path) -> None:
        """Write the report of what is shown now."""
        data = self.collect()

        def done(_: None) -> None:
            self._session.tell(f"Report written: {path}")
            self.written.emit(path)

        self._jobs.submit(
            FILES, f"report.{path}", lambda progress, cancel: compose(data, path, progress, cancel), done=done,
            failed=lambda error: report(self._session, error, "Report"), note=f"Writing {path.name}",
            priority=Priority.INTERACTIVE,
        )  # fmt: skip

    def collect(self) -> ReportData:
        """Everything that goes in; raises `InputError` before the first encode is through."""
        session = self._session
        source, tnc = session.source, session.rendition(TNC)
        if source is None or tnc.run is None:
            raise InputError("there is no finished encode to report yet")
        shots, matches = [], []
        for id_ in dict.fromkeys((*session.visible_ids, TNC, ORIGINAL)):
            rendition = session.rendition(id_)
            if id_ == ORIGINAL:
                shots.append(Shot("Original", f"{source.width_px} × {source.height_px} px", "", source.picture))
            elif rendition.run is not None:
                shots.append(_shot(rendition, tnc, session))
                if id_ != TNC:
                    matches.append(_match(rendition, rendition.run, tnc.run))
        shots.sort(key=lambda shot: (shot.label != "Original", shot.label != tnc.label))
        anchors = [shot for shot in shots if shot.label not in ("Original", tnc.label)]
        versions = {"TNC Studio": codec.__version__, "Python": platform.python_version()}
        for rendition in session.renditions.values():
            versions |= dict(rendition.run.versions) if rendition.run is not None else {}
        return ReportData(
            f"{source.name}: TNC and anchors", source.picture, tuple(shots), anchors[0] if anchors else None,
            self._regions(source.height_px, source.width_px), self._maps(tnc), settings_of(session.tuning),
            session.notes, tuple(session.curves.all_rows()), tnc.run, tuple(matches), versions,
        )  # fmt: skip

    def _regions(self, height_px: int, width_px: int) -> tuple[tuple[str, tuple[int, int, int, int]], ...]:
        cut = [(region.name, region.within(height_px, width_px)) for region in self._session.story.regions]
        return tuple((name, window) for name, window in cut if window is not None)[:REGIONS_MAX]

    def _maps(self, tnc: Rendition) -> tuple[BlockMap, ...]:
        ids = dict.fromkeys((self._session.overlay.map_id, *MAPS))
        found = [tnc.block_map(id_) for id_ in ids if id_]
        return tuple(block_map for block_map in found if block_map is not None)


def _shot(rendition: Rendition, tnc: Rendition, session: Session) -> Shot:
    text = caption(rendition, tnc, session.tuning.follow_of(rendition.id))
    figures = " · ".join(part for part in (text.size, text.rate, text.psnr, text.status) if part)
    if rendition.run is None:
        raise InputError("a rendition without a run has no pixels to report", where=rendition.label)
    return Shot(rendition.label, figures, text.settings, rendition.run.reconstruction)


def _match(rendition: Rendition, run: Run, target: Run) -> Match:
    off = mismatch_percent(run.metrics["bytes"], target.metrics["bytes"])
    return Match(anchor_of(rendition.id), rendition.label, rendition.settings_text, run, off)


def settings_of(tuning: Tuning) -> dict[str, str]:
    """What was tuned, one line per field; fields that are off are left out."""
    texts = {}
    for one in fields(Tuning):
        value = getattr(tuning, one.name)
        if one.init and value is not None and value != {} and value != ():
            shown = _text(to_plain(value))
            texts[one.name.replace("_", " ")] = shown if len(shown) <= 200 else f"{shown[:200]} ..."
    return texts | {"lambda": f"{tuning.lmbda:.6g}"}


def _text(plain: object) -> str:
    """A plain value as a person reads it."""
    if isinstance(plain, dict):
        return ", ".join(f"{name} {_text(value)}" for name, value in plain.items())
    return f"{plain:g}" if isinstance(plain, float) else str(plain)


def compose(data: ReportData, path: Path, progress: Progress, cancel: CancelToken) -> None:
    """Write the page."""
    progress(0.1, "crops")
    first = next(shot for shot in data.shots if shot.label != "Original")
    regions = list(data.regions) or found_regions(data.original, first, data.anchor)
    cancel.check()
    extra = study_parts(data.original, data.shots, regions, data.maps, data.settings, data.notes)
    progress(0.5, "plots")
    cancel.check()
    write_report(
        data.rows, path, title=data.title, target=data.target, matches=data.matches, versions=data.versions,
        extra=extra,
        conditions={
            "Picture": f"{data.original.name or 'picture'}, {data.original.width_px} × {data.original.height_px} px",
            "Machine": f"{platform.system()} {platform.machine()}",
            "Date": datetime.now().astimezone().strftime("%Y-%m-%d %H:%M %Z"),
        },
    )  # fmt: skip
