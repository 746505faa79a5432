from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from codec.jobs import CancelToken, Progress
from tnc_studio.services.lanes import Job, Lane, Priority

WAIT_S = 10


@pytest.fixture
def lane() -> Iterator[Lane]:
    made = Lane("test", lambda function: function())
    yield made
    made.stop()


def waiting(event: threading.Event):
    def work(progress: Progress, cancel: CancelToken) -> str:
        while not event.wait(0.005):
            cancel.check()
        return "done"

    return work


def test_jobs_run_by_priority(lane: Lane) -> None:
    gate, order, end = threading.Event(), [], threading.Event()
    lane.submit(Job("gate", waiting(gate)))
    for name, priority in (("low", Priority.BACKGROUND), ("mid", Priority.NORMAL), ("high", Priority.INTERACTIVE)):
        lane.submit(Job(name, lambda p, c, name=name: order.append(name), priority=priority))
    lane.submit(Job("end", lambda p, c: end.set(), priority=Priority.BACKGROUND))
    gate.set()
    assert end.wait(WAIT_S)
    assert order == ["high", "mid", "low"]


def test_the_latest_request_of_a_channel_wins(lane: Lane) -> None:
    gate, answers, end = threading.Event(), [], threading.Event()
    lane.submit(Job("slider", waiting(gate), done=lambda r: answers.append("first")))
    for index in range(5):
        lane.submit(Job("slider", lambda p, c, i=index: i, done=answers.append))
    lane.submit(Job("end", lambda p, c: end.set(), priority=Priority.BACKGROUND))
    assert end.wait(WAIT_S), "the running job was not cancelled"
    assert answers == [4]


def test_an_urgent_job_preempts_and_the_other_starts_over(lane: Lane) -> None:
    started, gate, answers, end = threading.Event(), threading.Event(), [], threading.Event()
    starts: list[int] = []

    def background(progress: Progress, cancel: CancelToken) -> str:
        starts.append(1)
        started.set()
        return waiting(gate)(progress, cancel)

    lane.submit(
        Job(
            "curve",
            background,
            priority=Priority.BACKGROUND,
            preemptible=True,
            done=lambda r: (answers.append(r), end.set()),
        )
    )
    assert started.wait(WAIT_S)
    lane.submit(
        Job(
            "slider",
            lambda p, c: "urgent",
            priority=Priority.INTERACTIVE,
            done=lambda r: (answers.append(r), gate.set()),
        )
    )
    assert end.wait(WAIT_S)
    assert answers == ["urgent", "done"]
    assert len(starts) == 2


def test_a_cancelled_job_never_answers_and_is_not_busy(lane: Lane) -> None:
    started, answers, end = threading.Event(), [], threading.Event()

    def endless(progress: Progress, cancel: CancelToken) -> None:
        started.set()
        waiting(threading.Event())(progress, cancel)

    lane.submit(Job("a", endless, done=answers.append, failed=answers.append))
    assert started.wait(WAIT_S)
    assert lane.busy(lambda job: job.channel == "a")
    lane.cancel()
    assert not lane.busy()
    lane.submit(Job("end", lambda p, c: end.set()))
    assert end.wait(WAIT_S)
    assert answers == []


def test_errors_reach_their_owner_and_the_lane_lives_on(lane: Lane) -> None:
    errors, end = [], threading.Event()

    def broken(progress: Progress, cancel: CancelToken) -> None:
        raise ValueError("no")

    lane.submit(Job("a", broken, failed=errors.append))
    lane.submit(Job("end", lambda p, c: end.set()))
    assert end.wait(WAIT_S)
    assert [str(error) for error in errors] == ["no"]


def test_answers_under_way_are_dropped_when_replaced() -> None:
    posted: list = []
    lane = Lane("test", posted.append)
    answers: list[int] = []
    done = threading.Event()
    lane.submit(Job("a", lambda p, c: 1, done=answers.append))
    lane.submit(Job("end", lambda p, c: done.set(), priority=Priority.BACKGROUND))
    assert done.wait(WAIT_S)
    lane.submit(Job("a", lambda p, c: 2, done=answers.append))
    lane.stop()
    for function in posted:
        function()
    assert 1 not in answers


def test_nothing_starts_after_stop() -> None:
    lane = Lane("test", lambda function: function())
    lane.stop()
    assert lane.submit(Job("a", lambda p, c: 1)).dropped
