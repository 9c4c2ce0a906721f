"""Whether the users are where they should be, and no others; where not, Locust is asked to send them anew."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import gevent

from locustfiles._silence import TICK_S

if TYPE_CHECKING:
    from locust.dispatch import UsersDispatcher
    from locust.runners import MasterRunner, WorkerNode

PATIENCE_S = 4.0
"""Workers tell how many users they have once a second, and users that are moved finish their turns first."""

READY, RUNNING, MISSING = "ready", "running", "missing"
"""Locust's names for states of workers and of itself."""

log = logging.getLogger("tailgate")


class Muster:
    """Looks at the users of Locust's master; moves those of workers that are lost or come back.

    Locust itself takes back only a worker whose first word is a heartbeat; any other leaves it with users of its own,
    beyond those that were asked for.
    """

    def __init__(self, runner: MasterRunner) -> None:
        self._runner = runner
        self._wrong_s = 0.0
        self._is_due = False
        self._sending: gevent.Greenlet | None = None

    def tick(self, users: int) -> None:
        """Let `TICK_S` pass; `users` are there now. Those lost in the ramp, or with a message, are sent again."""
        runner = self._runner
        is_right = not self._is_settled or users == runner.target_user_count
        self._wrong_s = 0.0 if is_right else self._wrong_s + TICK_S
        if self._wrong_s >= PATIENCE_S + runner.environment.stop_timeout and runner.worker_count:
            log.warning("%d of %d users are there: sending all of them anew", users, runner.target_user_count)
            self._is_due = True
        self._send()

    def drop(self, identity: str) -> None:
        """Give a lost worker's users to the others, as soon as no ramp is under way."""
        if (client := self._runner.clients.get(identity)) is None:
            return
        client.state, client.user_classes_count = MISSING, {}
        if (dispatcher := self._dispatcher) and _knows(dispatcher, client):
            dispatcher.remove_worker(client)
        self._is_due = True
        self._send()

    def take_back(self, identity: str) -> None:
        """Give a worker that is back its share of the users."""
        if (client := self._runner.clients.get(identity)) is None:
            return
        client.state = READY  # its next heartbeat says more
        if (dispatcher := self._dispatcher) and not _knows(dispatcher, client):
            dispatcher.add_worker(client)
        self._is_due = True
        self._send()

    @property
    def _dispatcher(self) -> UsersDispatcher | None:
        return self._runner._users_dispatcher  # noqa: SLF001 - Locust has no public way to move users

    @property
    def _is_settled(self) -> bool:
        return bool(self._runner.state == RUNNING and self._runner.spawning_completed)

    def _send(self) -> None:
        """Let Locust send each worker the users it should have; two orders at a time would mix."""
        if self._is_due and self._is_settled and not self._sending:
            self._is_due, self._wrong_s = False, 0.0
            self._sending = gevent.spawn(self._order)

    def _order(self) -> None:
        if self._is_settled:  # still: Locust would take it for the start of a run once this one has stopped
            self._runner.start(self._runner.target_user_count, self._runner.spawn_rate)


def _knows(dispatcher: UsersDispatcher, client: WorkerNode) -> bool:
    return any(node.id == client.id for node in dispatcher._worker_nodes)  # noqa: SLF001 - Locust does not tell
