"""Who may speak to the master."""

from __future__ import annotations

from typing import Any

import pytest

from locustfiles import _messages as messages
from locustfiles._door import Door
from locustfiles._handshake import Terms, hello, versions


class Talk:
    """A door, and what it answered."""

    def __init__(self) -> None:
        self.door = Door(Terms)
        self.said: list[tuple[str, Any]] = []

    def say(self, kind: str, data: Any = None, identity: str = "host_1") -> bool:
        """Speak to the door; tell whether Locust hears it."""
        return self.door.lets_pass(identity, kind, data, lambda kind, data, _: self.said.append((kind, data)))


def test_nothing_passes_before_the_handshake() -> None:
    """Statistics and hellos in Locust's own words are dropped and counted until hands were shaken."""
    talk = Talk()
    passed = [talk.say(kind, {}) for kind in ("client_ready", "stats", "heartbeat", "quit", messages.ROWS)]
    assert (passed, talk.door.strangers, talk.said) == ([False] * 5, 5, [])


def test_a_worker_is_admitted() -> None:
    """HELLO is answered with the terms, PING with the time; after READY its words pass."""
    talk = Talk()
    admitted: list[str] = []
    talk.door.on_admitted = admitted.append
    talk.say(messages.HELLO, hello())
    talk.say(messages.PING, {"asked_s": 1.0})
    talk.say(messages.READY, {"nonce": talk.door.nonce})
    kinds = [kind for kind, _ in talk.said]
    assert (kinds, talk.say("client_ready", "2.47.0")) == ([messages.TERMS, messages.PONG], True)
    assert (admitted, talk.door.strangers, talk.say("stats", {}, "host_2")) == (["host_1"], 0, False)


def test_another_version_is_refused_by_name() -> None:
    """A worker of another Tailgate is named with both versions, and can't be ready."""
    talk = Talk()
    talk.say(messages.HELLO, {"versions": {**versions(), "tailgate": "0.0.1"}, "host": "old"})
    talk.say(messages.READY, {"nonce": talk.door.nonce})
    ours = versions()["tailgate"]
    line = f"tailgate is {ours} here and 0.0.1 on the worker on old: install the same version on both"
    assert (line in talk.door.refused[0], talk.door.hosts) == (True, {})


@pytest.mark.parametrize("data", [None, [], {}, {"nonce": "of another run"}, {"host": 1}, 7, b"\xff"])
def test_nonsense_is_counted(data: Any) -> None:
    """Words of the hand-shake that make no sense are dropped; the door stays closed and stands."""
    talk = Talk()
    for kind in sorted(messages.HANDSHAKE):
        talk.say(kind, data)
    assert (talk.door.hosts, talk.door.strangers > 0) == ({}, True)


def test_an_old_answer_is_no_admission() -> None:
    """READY must name this master's nonce: one that was heard elsewhere is of no use."""
    talk = Talk()
    talk.say(messages.HELLO, hello())
    talk.say(messages.READY, {"nonce": "of another run"})
    assert (talk.door.hosts, talk.door.strangers) == ({}, 1)
