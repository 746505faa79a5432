from __future__ import annotations

from tnc_studio.model.observer import Event


def test_slots_run_in_order_until_disconnected() -> None:
    event: Event[[int]] = Event()
    seen: list[tuple[str, int]] = []
    stop = event.connect(lambda value: seen.append(("a", value)))
    event.connect(lambda value: seen.append(("b", value)))
    event.emit(1)
    stop()
    stop()
    event.emit(2)
    assert seen == [("a", 1), ("b", 1), ("b", 2)]


def test_a_slot_may_disconnect_itself() -> None:
    event: Event[[]] = Event()
    seen: list[int] = []
    stop = event.connect(lambda: (seen.append(1), stop()))
    event.connect(lambda: seen.append(2))
    event.emit()
    event.emit()
    assert seen == [1, 2, 2]
