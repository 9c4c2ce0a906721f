"""Puts Tailgate's sockets where Locust makes its own, and takes over the limits of its protocol that do harm."""

from __future__ import annotations

import math
from functools import partial

import locust.runners
from locust.rpc import zmqrpc

from locustfiles._door import Door
from locustfiles._master_link import MasterLink
from locustfiles._worker_link import Ear, WorkerLink


def lock_sockets(door: Door) -> None:
    """Let all that Locust says between master and workers pass the hand-shake and the shared secret."""
    zmqrpc.Server = partial(MasterLink, door)
    zmqrpc.Client = partial(WorkerLink, Ear())
    # Locust's worker ends (with exit code 0) when by its wall clock the master was silent for a minute: a step of the
    # clock is enough. Ours does not ask the wall clock, and ends with the path of its rows.
    locust.runners.MASTER_HEARTBEAT_TIMEOUT = math.inf
    # Locust's master stops the test when the last worker falls silent, forgets a lost worker after a minute, and then
    # starts users of all classes, wanted or not. Who is lost is for our own roll to say.
    locust.runners.HEARTBEAT_LIVENESS = math.inf
