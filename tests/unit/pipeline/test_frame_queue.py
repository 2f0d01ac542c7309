"""The frame queue: newest wins, or wait for room; nothing is ever lost without being told."""

from __future__ import annotations

import threading

from pose_app.pipeline.frame_queue import FrameQueue


def test_the_newest_wins_and_the_others_are_told() -> None:
    dropped: list[int] = []
    box: FrameQueue[int] = FrameQueue(dropped.append)
    for number in range(5):
        assert box.put(number, wait=False)
    assert box.get(0) == 4
    assert box.get(0) is None
    assert dropped == [0, 1, 2, 3]


def test_waiting_keeps_everything_in_order() -> None:
    dropped: list[int] = []
    box: FrameQueue[int] = FrameQueue(dropped.append, room=3)
    got: list[int] = []

    def read() -> None:
        while (item := box.get(5)) is not None:
            got.append(item)
            if item == 199:
                return

    thread = threading.Thread(target=read)
    thread.start()
    assert all(box.put(number, wait=True) for number in range(200))
    thread.join()
    assert got == list(range(200))
    assert dropped == []


def test_a_full_mailbox_holds_the_sender_until_it_is_closed() -> None:
    box: FrameQueue[int] = FrameQueue(lambda _: None, room=1)
    box.put(1, wait=True)
    answers: list[bool] = []
    thread = threading.Thread(target=lambda: answers.append(box.put(2, wait=True)))
    thread.start()
    thread.join(0.1)
    assert thread.is_alive()
    assert box.close() == [1]
    thread.join(5)
    assert answers == [False]
    assert not box.put(3, wait=False)
    assert box.get(0) is None


def test_closing_wakes_the_reader() -> None:
    box: FrameQueue[int] = FrameQueue(lambda _: None)
    thread = threading.Thread(target=box.get, args=(60,))
    thread.start()
    box.close()
    thread.join(5)
    assert not thread.is_alive()


def test_what_comes_next_can_be_looked_at_without_taking_it() -> None:
    box: FrameQueue[int] = FrameQueue(lambda _: None)
    box.put(1, wait=True)
    assert box.peek(2, 0.01) == [1]
    thread = threading.Thread(target=box.put, args=(2,), kwargs={"wait": True})
    thread.start()
    assert box.peek(2, 20) == [1, 2]
    thread.join()
    assert (box.get(0), box.get(0)) == (1, 2)
    box.close()
    assert box.peek(1, 20) == []
