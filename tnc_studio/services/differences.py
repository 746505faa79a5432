"""`DifferenceService`: pictures of how the panes differ from the reference, made off the UI thread."""

from __future__ import annotations

from codec.metrics.difference import difference_picture
from codec.picture import Picture
from tnc_studio.model.compare import Compare, Difference
from tnc_studio.model.renditions import DisplayImage, Rendition
from tnc_studio.model.session import Session
from tnc_studio.services.jobs import FILES, JobService
from tnc_studio.services.lanes import Priority
from tnc_studio.services.trouble import report

Wanted = tuple[DisplayImage, DisplayImage, Difference, int]
"""Image, reference, kind and gain: what a difference was made from."""


class DifferenceService:
    """Keeps `session.differences` up to date for the panes on screen."""

    def __init__(self, session: Session, jobs: JobService) -> None:
        self._session = session
        self._jobs = jobs
        self._made: dict[str, Wanted] = {}
        session.compare_changed.connect(self.update)
        session.panes_changed.connect(self.update)
        session.source_changed.connect(self._made.clear)
        session.rendition_changed.connect(lambda _: self.update())
        session.moment_changed.connect(self.update)

    def update(self) -> None:
        """Ask for what is missing."""
        session, compare = self._session, self._session.compare
        if compare.difference is Difference.OFF:
            self._made.clear()
            self._jobs.cancel("difference*")
            return
        reference = session.rendition(compare.reference)
        for id_ in dict.fromkeys(session.visible_ids):
            rendition = session.rendition(id_)
            if id_ != compare.reference and rendition.image is not None and reference.image is not None:
                self._ask(id_, rendition, reference, compare)

    def _ask(self, id_: str, rendition: Rendition, reference: Rendition, compare: Compare) -> None:
        if rendition.image is None or reference.image is None:
            return
        wanted = (rendition.image, reference.image, compare.difference, compare.gain)
        made = self._made.get(id_)
        if made is not None and made[0] is wanted[0] and made[1] is wanted[1] and made[2:] == wanted[2:]:
            return
        self._made[id_] = wanted
        pair = (rendition.picture, rendition.image), (reference.picture, reference.image)
        kind, gain = compare.difference.kind, float(compare.gain)

        def work(*_: object) -> DisplayImage:
            a, b = (_samples(*one) for one in pair)
            if a.bit_depth != b.bit_depth or "ycbcr" in (a.color, b.color):
                a, b = (image.picture() for _, image in pair)
            return DisplayImage.of(difference_picture(b, a, kind, gain))

        def done(image: DisplayImage) -> None:
            if self._made.get(id_) is wanted:
                self._session.show_difference(id_, image)

        def failed(error: BaseException) -> None:
            report(self._session, error, f"Difference of {rendition.label}")

        self._jobs.submit(
            FILES, f"difference.{id_}", work, done=done, failed=failed, priority=Priority.INTERACTIVE,
        )  # fmt: skip


def _samples(picture: Picture | None, image: DisplayImage) -> Picture:
    """Samples where they are known, else what is on screen."""
    return picture if picture is not None else image.picture()
