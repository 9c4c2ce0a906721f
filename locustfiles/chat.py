"""The locustfile: chat users who load each endpoint of a scenario, one endpoint after the other.

    locust --scenario scenarios/quickstart.yaml [any option of Locust]

Each endpoint becomes a user class (`small` is `SmallUser`). A user takes turn after turn of conversations: say the next
thing, read the answer, wait and try again when told to, think. Where to read on:

    _session    what a user says, and what it does when refused        _throttle  how long it then waits
    _client     one kept-alive connection                              _exchange  one request, stamped by the kernel
    _director   endpoint after endpoint: ramp, warm-up, steady, drain  _crew      how it speaks with workers
    _recorder   a row for every attempt, on disk twice a second        _entry     Locust's events and options
"""

from __future__ import annotations

import gevent
from locust import LoadTestShape, User, constant, task
from locust.exception import StopUser
from locust.user.users import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from locustfiles._director import Tick
from locustfiles._entry import PROCESS, install, open_session, scenario_from_command_line

A_DAY_S = 86_400.0


class ChatUser(User):
    """A person in a chat: takes a turn, reads the answer, thinks, takes the next."""

    abstract = True
    endpoint = ""
    wait_time = constant(0)
    """Locust asks for it between tasks; there is only one, which sees to the thinking itself."""
    _state: str | None

    def on_start(self) -> None:
        """Come in, at a moment of one's own."""
        self.session = open_session(self)
        self.rest(self.session.think())

    @task
    def chat(self) -> None:
        """Take turn after turn; when the endpoint's time is over, wait to be sent home."""
        session = self.session
        while session.may_go_on:
            session.take_turn()
            self.rest(session.think())
        self.rest(A_DAY_S)

    def on_stop(self) -> None:
        """Leave."""
        self.session.close()

    def rest(self, seconds: float) -> None:
        """Sleep in the state from which Locust stops a user at once; 0 s lets all that has come be read first."""
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser
        self._state = LOCUST_STATE_WAITING
        gevent.sleep(seconds)
        self._state = LOCUST_STATE_RUNNING


class Phases(LoadTestShape):
    """Lets the director say how many users there are, second by second; `-u`, `-r` and `-t` change its plan."""

    use_common_options = True

    def tick(self) -> Tick | None:
        """Give users, spawn rate and the class that they belong to; None ends the run."""
        return PROCESS.director.tick() if PROCESS.director else None


globals().update(install(ChatUser, scenario_from_command_line()))
