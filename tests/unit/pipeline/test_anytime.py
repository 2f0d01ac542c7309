"""The anytime controller, fed with made-up machines."""

from __future__ import annotations

from itertools import pairwise

import pytest

from pose_app.pipeline.anytime import StackController


class Machine:
    """Costs of a frame: `stem` + stacks x `stack` + `other` seconds, with noise that repeats."""

    def __init__(self, stem: float, stack: float, other: float = 0.002) -> None:
        self.stem, self.stack, self.other = stem, stack, other
        self.slowdown = 1.0

    def run(self, controller: StackController, frames: int, noise: float = 0.0) -> list[int]:
        history = []
        for index in range(frames):
            count = controller.stacks
            history.append(count)
            wobble = 1 + noise * ((index * 7919 % 11) / 5 - 1)
            network = (self.stem + count * self.stack) * self.slowdown * wobble
            controller.update(count, network, self.other * self.slowdown)
        return history

    def busy(self, stacks: int) -> float:
        return self.other + self.stem + stacks * self.stack


@pytest.mark.parametrize("stem", [0.6, 0.75, 1.0])
@pytest.mark.parametrize("stack_ms", [1, 3, 4, 5, 6, 8, 12, 20, 60])
@pytest.mark.parametrize("noise", [0.0, 0.05])
def test_settles_on_every_stack_it_can_afford(stem: float, stack_ms: int, noise: float) -> None:
    machine = Machine(stem * stack_ms / 1000, stack_ms / 1000)
    controller = StackController(8, 30)
    machine.run(controller, 300, noise)
    settled = machine.run(controller, 300, noise)
    fits = [k for k in range(1, 9) if machine.busy(k) <= 1 / 30]
    most = max(fits, default=1)
    assert max(settled) <= min(most + 1, 8)
    typical = sorted(settled)[len(settled) // 2]
    assert most - 1 <= typical <= most or typical == 1 == most
    # Without enough room for one more, and none to give up, it stays where it is.
    changes = sum(a != b for a, b in pairwise(settled))
    assert changes <= 4


def test_one_late_frame_changes_nothing() -> None:
    machine = Machine(0.003, 0.004)
    controller = StackController(4, 30)
    machine.run(controller, 60)
    assert controller.stacks == 4
    controller.update(4, 0.5, 0.002)
    assert controller.stacks == 4
    assert set(machine.run(controller, 60)) == {4}


def test_gives_up_within_a_few_frames_and_comes_back() -> None:
    machine = Machine(0.003, 0.004)
    controller = StackController(4, 30)
    machine.run(controller, 60)
    machine.slowdown = 2.5
    under_load = machine.run(controller, 60)
    assert under_load.index(next(k for k in under_load if k < 4)) <= 6
    assert under_load[-1] * 0.004 + 0.003 <= (1 / 30) / 2.5
    machine.slowdown = 1.0
    machine.run(controller, 600)
    assert controller.stacks == 4


def test_additions_in_vain_become_rarer() -> None:
    # Two stacks cost far more than in proportion: the estimate says they fit, the trial fails.
    def cost(stacks: int) -> float:
        return 0.010 if stacks == 1 else 0.060

    controller = StackController(2, 30)
    history = []
    for _ in range(1800):
        history.append(controller.stacks)
        controller.update(controller.stacks, cost(controller.stacks), 0.001)
    trials = [i for i, (a, b) in enumerate(pairwise(history)) if b > a]
    assert len(trials) >= 3
    gaps = [b - a for a, b in pairwise(trials)]
    assert gaps[-1] > 4 * gaps[0]


def test_waits_while_the_new_sub_model_is_compiled() -> None:
    controller = StackController(4, 30)
    for _ in range(3):
        controller.update(4, 0.050)
    wanted = controller.stacks
    assert wanted < 4
    for _ in range(20):  # the pipeline still runs 4
        controller.update(4, 0.050)
    assert controller.stacks == wanted


def test_without_a_target_all_stacks_run() -> None:
    controller = StackController(4, None)
    controller.update(4, 10.0)
    assert controller.stacks == 4
    controller.target = 30
    for _ in range(5):
        controller.update(4, 10.0)
    assert controller.stacks == 1
    controller.target = None
    assert controller.stacks == 4


def test_refuses_a_network_without_stacks() -> None:
    with pytest.raises(ValueError, match="0"):
        StackController(0, 30)


def test_a_stack_that_somebody_looks_at_runs_even_where_it_is_too_slow() -> None:
    controller = StackController(4, 30)
    for _ in range(30):
        controller.update(controller.stacks, controller.stacks * 0.03)
    assert controller.stacks == 1
    controller.fewest = 3
    for _ in range(30):
        assert controller.stacks == 3
        controller.update(3, 0.09)
    controller.fewest = 1
    controller.update(3, 0.09)
    for _ in range(30):
        controller.update(controller.stacks, controller.stacks * 0.03)
    assert controller.stacks == 1


def test_a_busy_first_second_is_made_good_within_seconds() -> None:
    """Something else has the processor while the window opens, compiles or measures."""
    controller = StackController(4, 30)
    history = []
    for index in range(30 * 6):
        busy = 5 if index < 30 else 1
        count = controller.stacks
        history.append(count)
        controller.update(count, busy * (0.75 + count) * 0.004, busy * 0.002)
    assert min(history[:30]) == 1
    assert history[30 * 5 :] == [4] * 30  # 4 s after the busy second at the latest
    assert history.count(1) < 30 * 2.5


def test_room_for_more_than_somebody_looks_at_is_used() -> None:
    controller = StackController(4, 30)
    controller.fewest = 2
    for _ in range(200):
        controller.update(controller.stacks, controller.stacks * 0.001)
    assert controller.stacks == 4


def test_several_people_share_the_time_and_a_newcomer_costs_stacks_at_once() -> None:
    def cost(stacks: int, people: int) -> float:
        return people * (0.75 + stacks) * 0.0042

    def run(controller: StackController, people: int, frames: int) -> list[int]:
        history = []
        for _ in range(frames):
            count = controller.stacks
            history.append(count)
            controller.update(count, cost(count, people), 0.002, people)
        return history

    controller = StackController(4, 30)
    run(controller, 1, 60)
    assert controller.stacks == 4  # 22 of 33 ms
    changed = run(controller, 2, 60)
    assert changed.index(2) <= 4
    assert changed[-1] == 2  # 25 ms; three would take 33.5
    run(controller, 1, 600)
    assert controller.stacks == 4


def test_the_finder_is_paid_for_by_the_frames_between_its_looks() -> None:
    def settled(every: int) -> int:
        controller = StackController(4, 30)
        for index in range(300):
            count = controller.stacks
            find = 0.0 if index % every else 0.012
            controller.update(count, (0.75 + count) * 0.006, 0.001, 1, find)
        return controller.stacks

    assert settled(10) == 4  # 28.5 and 1, with 1.2 on average
    assert settled(1) < 4  # with 12 in every frame
