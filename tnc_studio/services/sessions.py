"""`SessionService`: saves, opens, autosaves and recovers sessions."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QLockFile, QObject, QTimer

import codec
from codec.errors import CodecError, InputError
from codec.files import make_folder, write_bytes
from codec.jobs import CancelToken, Progress
from tnc_studio.model.messages import Severity
from tnc_studio.model.observer import Event
from tnc_studio.model.session import Session
from tnc_studio.model.snapshot import RunRef, SessionDocument, SourceRef, apply_parts, elsewhere, parts_of
from tnc_studio.model.source import Source
from tnc_studio.services.clips import ClipService
from tnc_studio.services.container import MANIFEST, STREAMS, FolderReader, ZipReader, clip_entry, sha256, write_zip
from tnc_studio.services.documents import Documents
from tnc_studio.services.gallery import RUN, Gallery
from tnc_studio.services.history import HistoryService, now
from tnc_studio.services.jobs import FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.past_sessions import CLOSED, PastSession, folder_lock, past_in
from tnc_studio.services.session_files import (
    Loaded,
    load,
    manifest_bytes,
    picture_entry,
    with_externals,
    write_autosave,
)
from tnc_studio.services.tcm_files import TcmFiles
from tnc_studio.services.trouble import report

AUTOSAVE_MS = 2000
KEPT_FOLDERS = 3
"""How many sessions of the past stay to be continued."""
AFTER_PICTURE = ("panes", "compare", "view", "offsets", "clip")
"""Parts that need the picture and its renditions."""


class SessionService(QObject):
    """Owns the files of the session.

    Attributes
    ----------
    docks, set_docks : callable
        Which panels are open; the window sets them.
    """

    def __init__(
        self, session: Session, jobs: JobService, documents: Documents, history: HistoryService, gallery: Gallery,
        clips: ClipService, tcm_files: TcmFiles,
    ) -> None:  # fmt: skip
        super().__init__()
        self._session = session
        self._jobs = jobs
        self._documents = documents
        self._history = history
        self._gallery = gallery
        self._clips = clips
        self._tcm_files = tcm_files
        self.docks: Callable[[], Mapping[str, bool]] = dict
        self.set_docks: Callable[[Mapping[str, bool]], None] = lambda docks: None
        self.restored: Event[[]] = Event()
        self.saved: Event[[Path]] = Event()
        self._root: Path | None = None
        self._folder: Path | None = None
        self._lock: QLockFile | None = None
        self._version = self._written = 0
        self._timer = QTimer(self)
        self._timer.setInterval(AUTOSAVE_MS)
        self._timer.timeout.connect(self.autosave)
        for event in (
            session.source_changed, session.tuning_changed, session.panes_changed, session.overlay_changed,
            session.metric_changed, session.notes_changed, session.history.changed, session.story.changed,
            session.curves_changed, session.view.changed, session.compare_changed,
            session.lab.view_changed, session.lab.plan_changed, session.clip.frame_changed, session.clip.span_changed,
        ):  # fmt: skip
            event.connect(self.touch)

    def touch(self) -> None:
        """Something that is saved has changed."""
        self._version += 1

    def document(self) -> tuple[SessionDocument, dict[str, bytes]]:
        """The session and the streams that it names, by entry."""
        session = self._session
        streams: dict[str, bytes] = {}

        def entry(stream: bytes) -> str:
            digest = sha256(stream)
            streams[STREAMS + digest] = stream
            return digest

        source = session.source
        ref = None
        if source is not None:
            path = str(source.path.absolute()) if source.path is not None else ""
            stream = entry(session.stream) if session.stream and not source.has_original else ""
            ref = SourceRef(source.name, path, source.picture.source_hash, source.has_original, "", stream,
                            source.clip is not None, source.raw.text() if source.raw is not None else "")  # fmt: skip
        document = SessionDocument(
            codec.__version__, now(), ref, parts_of(session),
            tuple(RunRef.of(run, entry(run.stream)) for run in session.history.runs),
            session.story.scenes, session.story.regions, tuple(session.curves.all_rows()), dict(self.docks()),
            tuple(one for one, _ in self._gallery.externals()),
        )  # fmt: skip
        return document, streams

    def save(self, path: Path, *, bundle: bool = False) -> None:
        """Write one file.

        Parameters
        ----------
        bundle : bool
            Whether pictures go in as well, so that the file opens on any machine; else their paths are written.
        """
        source = self._session.source
        if source is None:
            raise InputError("there is nothing to save: no picture is open")
        clip = source.path if bundle and source.clip is not None else None
        document, streams = self.document()
        inside = source.has_original and (bundle or source.path is None)
        externals = [(one, picture) for one, picture in self._gallery.externals() if bundle or not one.path]

        def work(progress: Progress, cancel: CancelToken) -> None:
            final, entries = document, [*streams.items()]
            packed: list[tuple[str, Path]] = []
            if clip is not None and final.source is not None:
                packed.append((clip_entry(clip, cancel), clip))
                final = replace(final, source=replace(final.source, clip_entry=packed[0][0]))
            if inside and document.source is not None:
                digest, entry = picture_entry(source.picture)
                final = replace(final, source=replace(document.source, picture=digest, path=""))
                entries.append(entry)
            final, more = with_externals(elsewhere(final) if bundle else final, externals)
            entries += more
            write_zip(path, manifest_bytes(final), [*entries, *packed])

        def done(_: None) -> None:
            self._session.tell(f"Saved {path}")
            self.saved.emit(path)

        self._jobs.submit(
            FILES, f"session.save.{path}", work, done=done, note=f"Saving {path.name}", priority=Priority.INTERACTIVE,
            failed=lambda error: report(self._session, error, f"Saving {path.name}"),
        )  # fmt: skip

    def open(self, path: Path) -> None:
        """Open a saved session or a bundle."""

        def work(progress: Progress, cancel: CancelToken) -> Loaded:
            reader = ZipReader(path)
            try:
                return load(reader, path.name, cancel, path.with_suffix(""))
            finally:
                reader.close()

        def done(loaded: Loaded) -> None:
            self._restore(loaded)
            self.saved.emit(path)

        self._submit_open(work, done, path.name)

    def continue_past(self, past: PastSession) -> None:
        """Take up a session that an earlier run of the program left behind."""

        def done(loaded: Loaded) -> None:
            self._restore(loaded)
            write_bytes(past.folder / CLOSED, b"")  # taken over: no longer to be recovered

        self._submit_open(
            lambda progress, cancel: load(FolderReader(past.folder), past.picture or "session", cancel), done,
            past.picture or "the last session",
        )  # fmt: skip

    def _submit_open(
        self, work: Callable[[Progress, CancelToken], Loaded], done: Callable[[Loaded], None], name: str
    ) -> None:
        self._jobs.submit(
            FILES, "open", work, done=done, note=f"Opening {name}", priority=Priority.INTERACTIVE,
            failed=lambda error: report(self._session, error, f"Opening {name}"),
        )  # fmt: skip

    def _restore(self, loaded: Loaded) -> None:
        session, document = self._session, loaded.document
        parts = document.parts
        if self._root is not None:
            self._finish_folder()  # what was open stays to be continued
            self._start_folder(self._root)
        session.history.clear()
        session.history.add(*loaded.runs)
        session.story.set(document.scenes, document.regions)
        # The tuning comes before the picture, so that it is coded with it.
        troubles = apply_parts(session, parts, skip=AFTER_PICTURE)
        ref = document.source
        if ref is not None and loaded.picture is not None and loaded.image is not None:
            # Of a bundle's picture no file is known here: the sessions that follow hold it, too.
            self._documents.show_picture(loaded.picture, loaded.image, Path(ref.path) if ref.path else None)
        elif loaded.clip is not None:
            self._clips.show(loaded.clip)
        elif loaded.clip_stream is not None:
            self._tcm_files.open(loaded.clip_stream)
        elif ref is not None and loaded.stream:
            self._documents.open_stream(Path(ref.path or ref.name), loaded.stream, alone=True)
        for row in document.rows:
            session.add_row(row)
        for external, picture in loaded.externals:
            self._gallery.reopen(external, picture)
        troubles += apply_parts(session, {key: parts[key] for key in AFTER_PICTURE if key in parts})
        self.show_runs(parts.get("panes"))
        self.set_docks(document.docks)
        self.restored.emit()
        count = len(loaded.runs)
        text = f"Session of {document.saved[:16].replace('T', ' ')} is back: {count} run{'' if count == 1 else 's'}"
        if troubles:
            details = "\n".join(troubles)
            session.tell(f"{text}, without {len(troubles)} settings", severity=Severity.ERROR, details=details)
        else:
            session.tell(text)

    def show_runs(self, panes: object) -> None:
        """Bring earlier runs back into the panes that showed them, by the plain value of the part "panes"."""
        ids = panes.get("ids") if isinstance(panes, dict) else None
        for index, id_ in enumerate(ids if isinstance(ids, list) else []):
            known = not isinstance(id_, str) or not id_.startswith(RUN) or id_ in self._session.labels
            kept = None if known else self._session.history.with_key(id_[len(RUN) :])
            if kept is not None and index < len(self._session.pane_ids):
                try:
                    self._history.show(kept, index)
                except CodecError as error:
                    report(self._session, error, f"Showing {kept.label}")

    def start_autosave(self, root: Path) -> None:
        """Write the session to a folder of its own below `root` from now on, whenever it has changed."""
        self._root = make_folder(root)
        self._start_folder(self._root)
        self._timer.start()

    def _start_folder(self, root: Path) -> None:
        self._folder = make_folder(root / uuid.uuid4().hex)
        self._lock = folder_lock(self._folder)
        if not self._lock.tryLock(0):
            raise InputError("the folder of the session cannot be locked", where=str(self._folder))

    def autosave(self) -> None:
        """Write what has changed since the last time."""
        version = self._version
        if self._folder is None or version == self._written or self._session.source is None:
            return
        if self._jobs.busy("session.autosave"):
            return
        write = self._autosave_work(self._folder, self._session.source)

        def work(progress: Progress, cancel: CancelToken) -> None:
            write()

        def done(_: None) -> None:
            self._written = version

        def failed(error: BaseException) -> None:
            self._written = version  # the next change tries again
            report(self._session, error, "Autosave")

        self._jobs.submit(FILES, "session.autosave", work, done=done, failed=failed, priority=Priority.INTERACTIVE)

    def _autosave_work(self, folder: Path, source: Source) -> Callable[[], None]:
        """What brings a folder up to date with the session as it is now; pictures that no file holds go in."""
        document, streams = self.document()
        picture = source.picture if source.path is None else None
        externals = [(one, samples) for one, samples in self._gallery.externals() if not one.path]
        return lambda: write_autosave(folder, document, streams, picture, externals)

    def past_sessions(self) -> list[PastSession]:
        """What earlier runs of the program left behind: crashed ones first, then the newest."""
        if self._root is None:
            return []
        found = []
        for folder in self._root.iterdir():
            if folder != self._folder and (past := past_in(folder)) is not None:
                found.append(past)
        return sorted(sorted(found, key=lambda past: past.saved, reverse=True), key=lambda past: not past.crashed)

    def forget_past(self) -> None:
        """Remove closed sessions of the past but the newest few."""
        for past in [past for past in self.past_sessions() if not past.crashed][KEPT_FOLDERS:]:
            shutil.rmtree(past.folder, ignore_errors=True)

    def close(self) -> None:
        """Write the session for the last time and give its folder free."""
        self._timer.stop()
        self._finish_folder()

    def _finish_folder(self) -> None:
        """Leave the present session as one of the past; an empty one goes."""
        self._jobs.cancel("session.autosave")
        if self._folder is None or self._lock is None:
            return
        if self._session.source is not None:
            try:
                self._autosave_work(self._folder, self._session.source)()
                write_bytes(self._folder / CLOSED, b"")
            except CodecError as error:
                report(self._session, error, "Autosave")
        self.forget_past()
        self._lock.unlock()
        if not (self._folder / MANIFEST).is_file():
            shutil.rmtree(self._folder, ignore_errors=True)
        self._folder = None
