"""Workers that Locust forks on this machine (`--processes`): a secret and a port of their own, and a quiet end."""

from __future__ import annotations

import os
import secrets
import socket

from locustfiles._secret import VARIABLE

PORT_VARIABLES = "LOCUST_MASTER_BIND_PORT", "LOCUST_MASTER_NODE_PORT"


def prepare(*, port_is_chosen: bool) -> None:
    """Make ready to fork.

    Where there is no secret in the environment, only those forked know the one made here: then no worker from elsewhere
    can want a port that is known either, and a run of its own may go on beside this one.
    """
    if VARIABLE not in os.environ:
        os.environ[VARIABLE] = secrets.token_urlsafe(32)
        if not port_is_chosen and not any(name in os.environ for name in PORT_VARIABLES):
            os.environ.update(dict.fromkeys(PORT_VARIABLES, str(_free_port())))
    _wait_for_the_forgotten()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for_the_forgotten() -> None:
    """Let `os.waitpid` take a child that nobody knows any more for one that has ended.

    gevent forgets how a child ended a minute after; Locust, when it leaves, asks for each and prints a traceback of
    every try for three seconds.
    """
    waitpid = os.waitpid

    def patient(pid: int, options: int) -> tuple[int, int]:
        try:
            return waitpid(pid, options)
        except ChildProcessError:
            return pid, 0

    os.waitpid = patient
