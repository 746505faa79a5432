from __future__ import annotations

import gc
import threading
import weakref

from pytestqt.qtbot import QtBot

from tnc_studio.services.collector import UiThreadCollector


class Node:
    def __init__(self) -> None:
        self.me = self


def test_cycles_die_on_the_ui_thread_only(qtbot: QtBot) -> None:
    collector = UiThreadCollector()
    threads: list[int] = []
    try:
        assert not gc.isenabled()
        node = Node()
        weakref.finalize(node, lambda: threads.append(threading.get_ident()))
        del node
        worker = threading.Thread(target=lambda: [Node() for _ in range(5000)])
        worker.start()
        worker.join()
        assert threads == []
        collector.collect()
        assert threads == [threading.get_ident()]
    finally:
        collector.stop()
    assert gc.isenabled()
