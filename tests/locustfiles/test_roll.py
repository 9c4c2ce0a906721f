"""The roll, who was away when, and what that does to figures."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from locustfiles._disturbance import disturbances, notes, reasons
from locustfiles._muster import Muster
from locustfiles._report import WorkerReport
from locustfiles._roll import GONE_S, LOST_S, NOBODY_S, Roll
from locustfiles._schedule import Span
from locustfiles._silence import TICK_S, Silence

SPANS = [Span("e", "", "warm_up", 0, 10), Span("e", "", "steady", 10, 110), Span("e", "", "drain", 110, 120)]
NEVER = int(LOST_S / TICK_S) + 2


def a_roll(users: int = 10) -> Roll:
    """Give a roll of two workers that have just been heard."""
    roll = Roll()
    for number in range(2):
        roll.enter(f"id{number}", f"w{number}", f"host{number}")
        roll.entries[f"id{number}"].status = {"rows": 5, "users": users, "active": {"e": 3}}
        roll.hear(f"id{number}", 1.0)
    roll.tick((), 11.0)
    return roll


def test_silence_is_counted_while_awake() -> None:
    """A word resets it; a process that slept counts one tick."""
    silence = Silence()
    counted = [silence.tick() for _ in range(3)]
    silence.hear()
    assert (counted, silence.tick(), silence.tick()) == ([0.0, TICK_S, 2 * TICK_S], 0.0, TICK_S)


def test_a_silent_worker_is_lost_with_its_share() -> None:
    """Who says nothing for so long is away from the moment up to which its rows are complete."""
    roll = a_roll()
    roll.entries["id1"].complete_s = 7.5
    for _ in range(NEVER):
        roll.hear("id0", 9.0)
        roll.tick((), 11.0)
    (absence,) = roll.entries["id1"].absences
    told = absence.why, absence.from_s, absence.to_s, absence.users, absence.all_users, absence.in_flight
    assert absence.moved_s == 11.0
    assert (told, absence.share, list(roll.present)) == (("lost", 7.5, None, 10, 20, 3), 0.5, ["id0"])


def test_a_worker_whose_connection_is_closed_is_lost_sooner() -> None:
    """Its process has ended; one whose silence is all there is may only be slow."""
    roll = a_roll()
    for _ in range(int(GONE_S / TICK_S) + 2):
        roll.tick((), 11.0, {"id1"})
    assert (list(roll.present), roll.entries["id1"].has_ended) == (["id0"], True)


def test_a_lost_worker_may_come_back() -> None:
    """Its absence ends with its first word."""
    roll = a_roll()
    for _ in range(NEVER):
        roll.tick((), 11.0)
    assert [entry.has_ended for entry in roll.entries.values()] == [False, False]
    roll.hear("id1", 42.0)
    assert (roll.entries["id1"].absences[0].to_s, list(roll.present)) == (42.0, ["id1"])


def test_who_is_done_is_not_lost() -> None:
    """A worker that has delivered its report may be silent."""
    roll = a_roll()
    for _ in range(NEVER):
        roll.tick(("id0", "id1"), 11.0)
    assert [entry.absences for entry in roll.entries.values()] == [[], []]


def absent(why: str, from_s: float, to_s: float | None, share: float = 0.5, **facts: Any) -> WorkerReport:
    """Give the report of a worker that was away."""
    absence: dict[str, Any] = {
        "why": why,
        "from_s": from_s,
        "to_s": to_s,
        "users": 10,
        "all_users": 20,
        "in_flight": 0,
        "share": share,
    }
    absence["moved_s"] = from_s
    return WorkerReport("w1", "right", absences=[absence], **facts)


@pytest.mark.parametrize(
    ("report", "harm"),
    [
        (absent("lost", 50, None), "rows of attempts that ended after that are missing"),
        (absent("lost", 3, None), "rows of attempts that ended after that are missing"),
        (absent("lost", 50, 60), "7.5% of the user time of a steady phase"),
        (absent("left", 50, None), "2.5% of the user time"),
        (WorkerReport("w1", "right", pauses=[(50, 60)]), "had no users from 50.0 s to 60.0 s"),
        (WorkerReport("w1", "right", clock_offset_s=-0.2), "moved -200 ms against the master's"),
        (WorkerReport("w1", "right", clock_error_s=0.08), "could only be read to within 80 ms"),
    ],
)
def test_harm_is_a_reason(report: WorkerReport, harm: str) -> None:
    """Missing rows, missing users in a steady phase and rows out of place each say so, with the worker's name."""
    (reason,) = reasons([report], SPANS, 125.0)
    assert (harm in reason, "worker w1" in reason, list(notes([report], SPANS, 125.0))) == (True, True, [])


EXCUSED = [absent("lost", 50, None), absent("lost", 50, 60), WorkerReport("w1", "right", pauses=[(50, 60)])]


@pytest.mark.parametrize("report", EXCUSED)
def test_a_disturbance_may_be_left_out(report: WorkerReport) -> None:
    """With on_worker_loss: exclude it is a note, and run.json says from when to when."""
    story = [report], SPANS, 125.0
    (stretch,) = disturbances(*story)
    assert (list(reasons(*story, "exclude")), list(notes(*story, "exclude"))) == ([], [stretch.told])
    assert (stretch.worker, stretch.start_s, stretch.end_s) == (
        "w1",
        50,
        55 if report.absences == EXCUSED[0].absences else 65,
    )


@pytest.mark.parametrize(
    ("reports", "policy"),
    [
        ([absent("lost", 50, 100)], "exclude"),  # 55 of 100 steady seconds
        ([absent("lost", 20, 45), absent("lost", 60, 80)], "exclude"),  # 30 and 25
        ([absent("lost", 50, 60)], "continue"),
    ],
)
def test_a_disturbance_that_leaves_too_little_is_a_reason(reports: list[WorkerReport], policy: str) -> None:
    """Half of a steady phase must be left; and nothing is left out unasked."""
    assert len(list(reasons(reports, SPANS, 125.0, policy))) == len(reports)


def test_disturbances_that_overlap_count_once() -> None:
    """Two workers lost at the same time disturb no more than one."""
    assert list(reasons([absent("lost", 20, 50), absent("lost", 22, 50)], SPANS, 125.0, "exclude")) == []


@pytest.mark.parametrize(
    "report",
    [absent("left", 50, None, 0.1), absent("lost", 1, 4), absent("left", 119, None), absent("lost", 112, 118)],
)
def test_what_did_no_harm_is_a_note(report: WorkerReport) -> None:
    """A small share that moved, or an absence outside the steady phases with all rows there, is only noted."""
    assert list(reasons([report], SPANS, 125.0)) == []
    assert "its rows are complete" in next(notes([report], SPANS, 125.0))


class Runner:
    """As much of Locust's master as the muster looks at: two workers, and its dispatcher in one."""

    def __init__(self, state: str = "running") -> None:
        self.state = state
        self.spawning_completed = True
        self.target_user_count, self.spawn_rate, self.worker_count = 20, 5.0, 2
        self.environment = SimpleNamespace(stop_timeout=0)
        self.clients = {
            name: SimpleNamespace(id=name, state="running", user_classes_count={"E": 10}) for name in ("id0", "id1")
        }
        self._worker_nodes = list(self.clients.values())
        self.asked: list[object] = []
        self._users_dispatcher = self

    def add_worker(self, client: SimpleNamespace) -> None:
        """Note who comes."""
        self._worker_nodes.append(client)
        self.asked.append(("add", client.id))

    def remove_worker(self, client: SimpleNamespace) -> None:
        """Note who goes."""
        self._worker_nodes.remove(client)
        self.asked.append(("remove", client.id))

    def start(self, users: int, rate: float) -> None:
        """Note what was asked for."""
        self.asked.append((users, rate))


@pytest.mark.parametrize(
    ("state", "users", "expected"),
    [("running", 10, [(20, 5.0)]), ("running", 30, [(20, 5.0)]), ("running", 20, []), ("spawning", 10, [])],
)
def test_wrong_numbers_of_users_are_put_right(state: str, users: int, expected: list[tuple[int, float]]) -> None:
    """Too few or too many after the ramp: all are sent anew once per patience; while they still come they are not."""
    runner = Runner(state)
    muster = Muster(runner)  # type: ignore[arg-type]
    for _ in range(9):
        muster.tick(users)
    gevent.sleep(0)
    assert runner.asked == expected


def test_users_move_when_a_worker_goes_or_comes_back() -> None:
    """Once each, whatever Locust takes its state for since its first words."""
    runner = Runner()
    muster = Muster(runner)  # type: ignore[arg-type]
    for move, word in ((muster.drop, "remove"), (muster.take_back, "add")):
        runner.asked.clear()
        move("id1")
        gevent.sleep(0)
        runner.clients["id1"].state = "spawning"
        assert runner.asked == [(word, "id1"), (20, 5.0)]


def test_users_do_not_move_while_others_come() -> None:
    """A ramp, or an order on its way, is let finish first."""
    runner = Runner("spawning")
    muster = Muster(runner)  # type: ignore[arg-type]
    muster.drop("id1")
    muster.take_back("id1")
    muster.tick(10)
    gevent.sleep(0)
    in_the_ramp = list(runner.asked)
    runner.state = "running"
    muster.tick(20)
    gevent.sleep(0)
    muster.tick(20)
    assert (in_the_ramp, runner.asked) == ([("remove", "id1"), ("add", "id1")], [*in_the_ramp, (20, 5.0)])


def test_the_roll_is_empty_when_nobody_will_come() -> None:
    """All silent for long, or gone by themselves; a short silence of all may be the master's own cable."""
    roll = a_roll()
    for _ in range(NEVER):
        roll.tick((), 11.0)
    short = roll.is_empty, roll.to_drop()
    for _ in range(int(NOBODY_S / TICK_S)):
        roll.tick((), 11.0)
    assert (short, roll.is_empty, Roll().is_empty) == ((False, []), True, False)


def test_the_lost_are_dropped_when_others_are_there() -> None:
    """Once; who comes back is no longer."""
    roll = a_roll()
    for _ in range(NEVER):
        roll.hear("id0", 9.0)
        roll.tick((), 11.0)
    assert roll.to_drop() == ["id1"]
    roll.entries["id1"].is_dropped = True
    again = roll.to_drop()
    roll.hear("id1", 12.0)
    assert (again, roll.entries["id1"].is_dropped, roll.to_drop()) == ([], False, [])


def test_who_leaves_says_how_many_users_it_had() -> None:
    """Its users are gone before its last words come: its share is what it had, not what the last status says."""
    roll = a_roll()
    roll.entries["id1"].status["users"] = 0
    roll.tick((), 12.0)
    roll.leave("id1", 11.5, 12.5, 10)
    (absence,) = roll.entries["id1"].absences
    assert (absence.users, absence.all_users, absence.from_s) == (10, 20, 11.5)
