"""The roll, who was away when, and what that does to figures."""

from __future__ import annotations

from typing import Any

import pytest

from locustfiles._disturbance import notes, reasons
from locustfiles._muster import Muster
from locustfiles._report import WorkerReport
from locustfiles._roll import LOST_S, Roll
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


def test_a_lost_worker_may_come_back() -> None:
    """Its absence ends with its first word."""
    roll = a_roll()
    for _ in range(NEVER):
        roll.tick((), 11.0)
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


@pytest.mark.parametrize(
    "report",
    [absent("left", 50, None, 0.1), absent("lost", 1, 4), absent("left", 119, None), absent("lost", 112, 118)],
)
def test_what_did_no_harm_is_a_note(report: WorkerReport) -> None:
    """A small share that moved, or an absence outside the steady phases with all rows there, is only noted."""
    assert list(reasons([report], SPANS, 125.0)) == []
    assert "its rows are complete" in next(notes([report], SPANS, 125.0))


class Runner:
    """As much of Locust's master as the muster looks at."""

    def __init__(self, state: str = "running") -> None:
        self.state = state
        self.spawning_completed = True
        self.target_user_count, self.spawn_rate, self.worker_count = 20, 5.0, 1
        self.started: list[tuple[int, float]] = []

    def start(self, users: int, rate: float) -> None:
        """Note what was asked for."""
        self.started.append((users, rate))


@pytest.mark.parametrize(
    ("state", "users", "expected"), [("running", 10, [(20, 5.0)]), ("running", 20, []), ("spawning", 10, [])]
)
def test_missing_users_are_sent_again(state: str, users: int, expected: list[tuple[int, float]]) -> None:
    """Users that stay away after the ramp are asked for once per patience; those still to come are not."""
    runner, muster = Runner(state), Muster()
    for _ in range(9):
        muster.tick(runner, users)  # type: ignore[arg-type]
    assert runner.started == expected
