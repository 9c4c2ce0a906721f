"""A worker's and a master's socket, and what is lost between them while machines are starved."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

PROGRAM = """
from collections import Counter
import gevent
from locust.rpc import Message
from locustfiles import _messages as messages, _worker_link
from locustfiles._door import Door
from locustfiles._handshake import Terms
from locustfiles._master_link import MasterLink

class Forgetful(Door):
    heard = Counter()

    def lets_pass(self, identity, kind, data, say):
        self.heard[kind] += 1
        unheard = {messages.PING: 20, messages.READY: 1}.get(kind, 0)
        return self.heard[kind] > unheard and super().lets_pass(identity, kind, data, say)

_worker_link.PONG_WAIT_S = 0.02
master = MasterLink(Forgetful(Terms), "127.0.0.1", 0)
first = gevent.spawn(master.recv_from_client)
worker = _worker_link.WorkerLink(_worker_link.Ear(), "127.0.0.1", master.port, "host_1")
for _ in range(2):
    worker.send(Message("client_ready", "2.47.0", "host_1"))
identity, message = first.get(timeout=60)
print(identity, message.type, len(worker.ear.clock.bursts))
worker.close(linger=0)
master.close(linger=0)
"""


def test_a_handshake_survives_the_loss_of_words() -> None:
    """A master that does not hear 20 questions for the time, nor the first end of the hand-shake, gets its worker."""
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False)
    told = "turned away: a message 'client_ready' from 'host_1', who has not shaken hands (1 so far)"
    assert (done.stdout, done.stderr.strip()) == ("host_1 client_ready 1\n", told)
