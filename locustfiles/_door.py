"""Who may speak to the master: workers that have shaken hands, and nobody else."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from time import perf_counter
from typing import Any

from locustfiles import _messages as messages
from locustfiles._handshake import Terms, other_versions

log = logging.getLogger("tailgate")

Say = Callable[[str, Any, str], None]
"""Sends a message: its kind, its data, and the identity of the worker that it is for."""


class Door:
    """Keeps the list of admitted workers, and counts what came from anybody else."""

    def __init__(self, terms: Callable[[str], Terms]) -> None:
        self._terms = terms
        self.nonce = secrets.token_hex(8)
        self.hosts: dict[str, str] = {}
        """By identity: the admitted, and their hosts."""
        self.refused: list[str] = []
        """One line for each worker that was refused."""
        self.strangers = 0
        """Messages and connections of those who have not shaken hands."""
        self.on_admitted: Callable[[str], None] = lambda _: None
        self.on_refused: Callable[[], None] = lambda: None
        self._greeted: dict[str, str] = {}

    def turn_away(self, what: str) -> None:
        """Count a stranger; name the first, and then each tenth power."""
        self.strangers += 1
        if str(self.strangers).strip("0") == "1":
            log.warning("turned away: %s (%d so far)", what, self.strangers)

    def lets_pass(self, identity: str, kind: str, data: Any, say: Say) -> bool:
        """Tell whether a message is for Locust; words of the hand-shake are answered here, strangers' dropped."""
        if kind in messages.HANDSHAKE:
            try:
                self._answer(identity, kind, data, say)
            except (TypeError, KeyError, AttributeError, ValueError):
                self.turn_away(f"a hand-shake that makes no sense, from {identity[:80]!r}")
            return False
        if identity not in self.hosts:
            self.turn_away(f"a message {str(kind)[:40]!r} from {identity[:80]!r}, who has not shaken hands")
            return False
        return True

    def _answer(self, identity: str, kind: str, data: Any, say: Say) -> None:
        if kind == messages.HELLO:
            self._greet(identity, data, say)
        elif identity not in self._greeted:
            self.turn_away(f"a {kind} without greeting from {identity[:80]!r}")
        elif kind == messages.PING:
            say(messages.PONG, {"asked_s": data["asked_s"], "answered_s": perf_counter()}, identity)
        elif kind == messages.REFUSED:
            self._refuse(identity, [str(reason) for reason in data["reasons"]])
        elif data["nonce"] == self.nonce:
            self.hosts[identity] = self._greeted[identity]
            self.on_admitted(identity)
        else:
            self.turn_away(f"an answer to another master's terms from {identity[:80]!r}")

    def _greet(self, identity: str, data: Any, say: Say) -> None:
        host = str(data["host"])
        differing = list(other_versions(data["versions"], f"the worker on {host}"))
        if differing:
            self._refuse(identity, differing)
        else:
            self._greeted[identity] = host
        say(messages.TERMS, self._terms(self.nonce).to_document(), identity)

    def _refuse(self, identity: str, reasons: list[str]) -> None:
        line = f"worker {self._greeted.get(identity, identity[:80])} is refused: {'; '.join(reasons)}"
        if line not in self.refused:
            self.refused.append(line)
            log.error("%s", line)
        self.on_refused()
