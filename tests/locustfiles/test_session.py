"""What a user does when refused: on a real connection to a server that refuses, row by row."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import gevent
import pytest
from nasty_server import NastyServer, Peer, chunked, refusal

from locustfiles._answers import Answers
from locustfiles._client import destination
from locustfiles._clock import RunClock
from locustfiles._gate import Gate
from locustfiles._lane import Lane
from locustfiles._schedule import Schedule
from locustfiles._session import ChatSession
from locustfiles._trace import Trace
from scenarios.records import Attempt, Outcome
from scenarios.scenario import Scenario

Serve = Callable[..., NastyServer]
LIMITED = {"error": {"code": "rate_limit_exceeded", "message": "Slow."}}


@dataclass
class Campaign:
    """What a session needs of a run: it keeps the rows, and the turns' last rows."""

    scenario: Scenario
    run_id: str = "run"
    worker: str = "w0"
    clock: RunClock = field(default_factory=lambda: RunClock(time.time()))
    schedule: Schedule = field(default_factory=Schedule)
    answers: Answers = field(default_factory=lambda: Answers(1))
    rows: list[Attempt] = field(default_factory=list)
    turns: list[Attempt] = field(default_factory=list)
    told: list[tuple[str, float]] = field(default_factory=list)

    def tell_refusal(self, lane: Lane, wait_s: float, _passed_s: float) -> None:
        """Keep what others are told."""
        self.told.append((lane.label, wait_s))

    def record(self, _lane: Lane, attempt: Attempt, _trace: Trace) -> None:
        """Keep a row."""
        self.rows.append(attempt)

    def report_turn(self, _lane: Lane, last: Attempt) -> None:
        """Keep a turn's last row."""
        self.turns.append(last)

    @property
    def outcomes(self) -> list[str]:
        """Give the rows' outcomes in order."""
        return [str(row.outcome) for row in self.rows]


def answering(*responses: bytes) -> Callable[[Peer], None]:
    """Give the script that answers with these in turn, and with the last one for good."""

    def script(peer: Peer) -> None:
        while True:
            peer.request()
            peer.send(responses[min(len(peer.server.requests), len(responses)) - 1])

    return script


def lane_to(server: NastyServer, **throttle: object) -> tuple[Campaign, Lane]:
    """Give a run and its only lane."""
    document = {
        "name": "n",
        "endpoints": {"it": {"url": server.url}},
        "traffic": {"users": 1, "think_time": "0s"},
        "conversation": {"prompts": ["Hello?"], "turns": 1},
        "throttle": throttle,
    }
    scenario = Scenario.from_document(document)
    where = destination("it", scenario.endpoints["it"], server.url, stream=True)
    own = scenario.throttle
    gate = Gate(own.pace) if own.policy == "honor" and own.scope == "key" else None
    return Campaign(scenario), Lane("it", "", scenario, where, gate)


def take_turns(campaign: Campaign, lane: Lane, users: int = 1, turns: int = 1) -> None:
    """Let users take turns side by side."""

    def talk() -> None:
        session = ChatSession(campaign, lane, gevent.sleep)  # type: ignore[arg-type]
        for _ in range(turns):
            if session.may_go_on:
                session.take_turn()
        session.close()

    gevent.joinall([gevent.spawn(talk) for _ in range(users)], raise_error=True)


def waits(rows: Sequence[Attempt]) -> list[float]:
    """Give the seconds from each row's end to the next one's start."""
    return [(after.sent_s or 0.0) - (before.end_s or 0.0) for before, after in itertools.pairwise(rows)]


@pytest.mark.parametrize("scope", ["key", "user"])
def test_a_wait_is_obeyed_and_the_next_row_says_so(serve: Serve, scope: str) -> None:
    """Refused once, a turn waits at least as told and is answered: two rows, whose stamps and waits add up."""
    server = serve(answering(refusal("429 Too Many", LIMITED, "retry-after-ms: 150"), chunked()))
    campaign, lane = lane_to(server, scope=scope)
    take_turns(campaign, lane)
    refused, answered = campaign.rows
    assert campaign.outcomes == ["throttled", "ok"]
    assert campaign.told == ([("it", 0.15)] if scope == "key" else [])
    assert (refused.wait_hint_s, refused.wait_source, answered.waited_s) == (
        0.15,
        "retry-after-ms",
        pytest.approx(waits(campaign.rows)[0], abs=0.02),
    )
    assert (answered.waited_s or 0.0) >= 0.15


def test_a_wait_beyond_max_wait_is_given_up_and_not_cut_short(serve: Serve) -> None:
    """The turn ends at once, counted, and nobody of the key sends anything: the next turn gives up at the gate."""
    server = serve(answering(refusal("429 Too Many", LIMITED, "Retry-After: 30")))
    campaign, lane = lane_to(server, max_wait="100ms")
    take_turns(campaign, lane, turns=3)
    assert campaign.outcomes == ["gave_up"] * 3
    assert [row.sent_s is None for row in campaign.rows] == [False, True, True]
    assert [row.waited_s for row in campaign.rows[1:]] == pytest.approx([0.1, 0.1], abs=0.03)
    assert (len(server.requests), len(campaign.turns)) == (1, 3)


def test_the_waits_of_a_turn_are_bounded_in_all(serve: Serve) -> None:
    """With `max_total_wait` a turn that is refused again and again gives up before its waits exceed it."""
    server = serve(answering(refusal("429 Too Many", LIMITED, "retry-after-ms: 60")))
    campaign, lane = lane_to(server, max_wait="150ms", max_total_wait="150ms", scope="user")
    take_turns(campaign, lane)
    assert campaign.outcomes[-1] == "gave_up"
    assert sum(row.waited_s or 0.0 for row in campaign.rows) <= 0.15 + 2.1  # jitter of up to a second each


def test_attempts_of_a_turn_are_bounded(serve: Serve) -> None:
    """After `max_attempts` the turn gives up."""
    server = serve(answering(refusal("503 Busy", LIMITED, "retry-after-ms: 1")))
    campaign, lane = lane_to(server, max_attempts=3)
    take_turns(campaign, lane)
    assert campaign.outcomes == ["throttled", "throttled", "gave_up"]


@pytest.mark.parametrize("code", ["insufficient_quota", "credit_balance_exhausted"])
def test_a_dead_account_is_asked_once_by_each_user_at_most(serve: Serve, code: str) -> None:
    """The first answer ends the lane; those under way at that moment end with theirs, and nobody asks again."""
    spent = refusal("429 Too Many", {"error": {"code": code, "message": "No."}}, "Retry-After: 1")
    campaign, lane = lane_to(serve(answering(spent)))
    take_turns(campaign, lane, users=20, turns=5)
    assert lane.stop_reason == "the account is out of money or over its spending limit"
    assert set(campaign.outcomes) == {"quota_exhausted"}
    assert len(campaign.rows) <= 20


def test_what_is_too_large_is_not_sent_again(serve: Serve) -> None:
    """A limit that the request exceeds by itself is no throttle."""
    message = "Request too large for m on tokens per min (TPM): Limit 30000, Requested 31538. Try again in 1s."
    large = refusal("429 Too Many", {"error": {"code": "rate_limit_exceeded", "message": message}}, "Retry-After: 1")
    campaign, lane = lane_to(serve(answering(large)))
    take_turns(campaign, lane)
    assert campaign.outcomes == [Outcome.REQUEST_TOO_LARGE]


def test_a_server_may_forbid_the_retry(serve: Serve) -> None:
    """`x-should-retry: false` ends the turn; the wait holds for the next one."""
    server = serve(answering(refusal("429 Too Many", LIMITED, "x-should-retry: false", "retry-after-ms: 200")))
    campaign, lane = lane_to(server)
    take_turns(campaign, lane, turns=2)
    assert campaign.outcomes == ["throttled"] * 2
    assert waits(campaign.rows)[0] >= 0.2


def test_who_waits_alone_keeps_the_next_turn_back_too(serve: Serve) -> None:
    """With `scope: user` a wait that was given up binds its user's next turn."""
    server = serve(answering(refusal("429 Too Many", LIMITED, "retry-after-ms: 300")))
    campaign, lane = lane_to(server, scope="user", max_wait="250ms")
    take_turns(campaign, lane, turns=3)
    assert campaign.outcomes == ["gave_up"] * 3
    assert [row.sent_s is None for row in campaign.rows] == [False, True, False]


def test_a_refusal_whose_body_breaks_off_is_a_refusal(serve: Serve) -> None:
    """Status and headers have said it all: the wait is obeyed."""
    broken = b"HTTP/1.1 429 Too Many\r\nretry-after-ms: 100\r\nContent-Length: 100\r\n\r\nshort"

    def script(peer: Peer) -> None:
        peer.request()
        peer.send(chunked() if len(peer.server.requests) > 1 else broken)

    campaign, lane = lane_to(serve(script))
    take_turns(campaign, lane)
    assert campaign.outcomes == ["throttled", "ok"]
    assert waits(campaign.rows)[0] >= 0.1


@pytest.mark.parametrize(("policy", "rows"), [("none", 1), ("naive", 3)])
def test_other_policies(serve: Serve, policy: str, rows: int) -> None:
    """`none` ends the turn; `naive` comes back after 0.1 s whatever it was told."""
    server = serve(answering(refusal("429 Too Many", LIMITED, "Retry-After: 30")))
    campaign, lane = lane_to(server, policy=policy, max_attempts=3)
    take_turns(campaign, lane)
    assert len(campaign.rows) == rows
    assert [0.1 <= wait < 30 for wait in waits(campaign.rows)] == [True] * (rows - 1)


def test_an_adaptive_pace_follows_the_headers(serve: Serve) -> None:
    """Four requests left for 0.4 s: after a short burst they are spread, without any refusal."""
    left = b"HTTP/1.1 200 OK\r\nx-ratelimit-limit-requests: 20\r\nx-ratelimit-remaining-requests: 4\r\n"
    head = left + b"x-ratelimit-reset-requests: 400ms\r\nContent-Type: text/event-stream\r\n"
    campaign, lane = lane_to(serve(answering(chunked(head=head))), pace="adaptive")
    take_turns(campaign, lane, turns=5)
    assert campaign.outcomes == ["ok"] * 5
    assert min(waits(campaign.rows)[2:]) >= 0.08
