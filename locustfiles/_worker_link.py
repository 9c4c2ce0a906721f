"""A worker's socket: Locust's own, locked with the shared secret; it shakes hands before Locust says a word."""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import gevent
import zmq.green as zmq
from locust.exception import RPCError
from locust.rpc import Message, zmqrpc
from zmq.error import ZMQError

from locustfiles import _curve, _handshake
from locustfiles import _messages as messages
from locustfiles._clock_offset import ClockOffset, Exchange
from locustfiles._line import watch
from locustfiles._seal import TO_MASTER, TO_WORKER, Seal
from locustfiles._secret import VARIABLE, exit_with, key_or_exit
from locustfiles._silence import Silence

HELLO_AGAIN_S = 5.0
WAIT_FOR_MASTER_S = 300.0
"""As long as Locust's own workers try."""
FIRST_WORD = "client_ready"
PINGS = 16
PONG_WAIT_S = 1.0


@dataclass(slots=True)
class Ear:
    """What a worker has heard of its master; it outlives a socket that Locust makes anew."""

    clock: ClockOffset = field(default_factory=ClockOffset)
    silence: Silence = field(default_factory=Silence)
    wall_offset_s: float | None = None
    """Our wall clock minus the master's."""
    attached: bool = False
    """Whether Tailgate's own messages have listeners yet."""
    has_order: bool = False
    """Whether users may come: their run is known."""
    held: list[Message] = field(default_factory=list)

    def is_due(self, message: Message) -> bool:
        """Tell whether a message can be understood now, or must be held until more is known."""
        if message.type == "spawn":
            return self.has_order
        return self.attached or not message.type.startswith(messages.PREFIX)

    def next_held(self) -> Message | None:
        """Give the oldest held message that is due."""
        for number, message in enumerate(self.held):
            if self.is_due(message):
                return self.held.pop(number)
        return None


class WorkerLink(zmqrpc.Client):
    """Shakes hands when it is made, and ends the process when the master's terms are not met."""

    def __init__(self, ear: Ear, host: str, port: int, identity: str) -> None:
        key = key_or_exit(host, f"--master-host {host}")
        self.ear = ear
        self._where = host, port
        self._identity = identity
        self._address = identity.encode()
        self._seal = Seal(key) if key else None
        self._nonce = ""
        zmqrpc.BaseSocket.__init__(self, zmq.DEALER, self.ipv4_only(host, port))
        self.socket.setsockopt(zmq.IDENTITY, self._address)
        watch(self.socket)
        if key and _curve.AVAILABLE:
            _curve.lock_worker(self.socket, key)
        self.socket.connect(f"tcp://{host}:{port}")
        self._shake_hands()

    def send(self, msg: Message) -> None:
        """Queue a message for the master; one that finds the queue full is dropped. Raises RPCError.

        Rows are asked for again, and everything else is said again by itself: the end of the hand-shake with Locust's
        first word, which is repeated until it is answered.
        """
        if msg.type == FIRST_WORD:
            self.send(Message(messages.READY, {"nonce": self._nonce}, self._identity))
        data = msg.serialize()
        try:
            self.socket.send(self._seal.close(TO_MASTER + self._address, data) if self._seal else data, zmq.NOBLOCK)
        except zmq.Again:
            return
        except ZMQError as error:
            raise RPCError("ZMQ network broken") from error

    def recv(self) -> Message:
        """Wait for the next message that Locust should see. Raises RPCError when the socket is broken."""
        while True:
            message = self.ear.next_held() or self._next()
            if message is None or message.type == messages.TERMS:
                continue
            if message.type == messages.PONG:
                self._note(message.data)
            elif self.ear.is_due(message):
                return message
            else:
                self.ear.held.append(message)

    def ask_time(self) -> None:
        """Ask the master for its clock; the answer comes with the other messages."""
        self.send(Message(messages.PING, {"asked_s": perf_counter()}, self._identity))

    def _next(self, timeout_s: float | None = None) -> Message | None:
        """Give the next message, None when there is none in time or it is nobody's who knows the secret."""
        try:
            if timeout_s is not None and not self.socket.poll(int(timeout_s * 1000)):
                return None
            data = self.socket.recv()
        except ZMQError as error:
            raise RPCError("ZMQ network broken") from error
        try:
            message = Message.unserialize(self._seal.open(TO_WORKER + self._address, data) if self._seal else data)
        except Exception:  # noqa: BLE001 - whatever it is, it is not our master's
            return None
        self.ear.silence.hear()
        return message

    def _note(self, pong: dict[str, float]) -> None:
        self.ear.clock.add(Exchange(pong["asked_s"], pong["answered_s"], perf_counter()))

    def _shake_hands(self) -> None:
        terms = self._greet()
        self.ear.wall_offset_s = time.time() - terms.unix_s
        self._compare_clocks()
        if reasons := _handshake.refusals(terms, self._where[0]):
            self.send(Message(messages.REFUSED, {"reasons": reasons}, self._identity))
            gevent.sleep(0.2)  # the socket's own thread sends it
            exit_with("\n".join(f"this worker is refused: {reason}" for reason in reasons))
        self._nonce = terms.nonce

    def _greet(self) -> _handshake.Terms:
        """Say hello until the master answers; ends the process when it does not."""
        began = perf_counter()
        complaints = 0
        while True:
            self.send(Message(messages.HELLO, _handshake.hello(), self._identity))
            message = self._next(HELLO_AGAIN_S)
            if message is not None and message.type == messages.TERMS:
                return _handshake.Terms.from_document(message.data)
            if message is None and not complaints and perf_counter() > began + HELLO_AGAIN_S:
                complaints += 1
                sys.stderr.write(f"{self._silent()} (still trying)\n")
            if perf_counter() > began + WAIT_FOR_MASTER_S:
                exit_with(self._silent())

    def _silent(self) -> str:
        host, port = self._where
        hint = f"is {VARIABLE} the same there?" if self._seal else f"does it have a {VARIABLE}? This worker has none"
        return f"no master answers at {host}:{port}; {hint}"

    def _compare_clocks(self) -> None:
        given_up = perf_counter() + WAIT_FOR_MASTER_S
        while True:
            for _ in range(PINGS):
                self.ask_time()
                message: Any = self._next(PONG_WAIT_S)
                if message is not None and message.type == messages.PONG:
                    self._note(message.data)
            self.ear.clock.end_burst()
            if self.ear.clock.bursts:
                return
            if perf_counter() > given_up:
                exit_with(f"the master at {self._where[0]}:{self._where[1]} does not answer questions for the time")
