"""The master's socket: Locust's own, locked with the shared secret and guarded by hand-shakes."""

from __future__ import annotations

from typing import Any

import gevent
import zmq.green as zmq
from locust.exception import RPCError
from locust.rpc import Message, zmqrpc
from zmq.error import ZMQError
from zmq.utils.monitor import parse_monitor_message

from locustfiles import _curve, _port
from locustfiles._door import Door
from locustfiles._line import watch
from locustfiles._seal import TO_MASTER, TO_WORKER, BrokenSealError, Seal
from locustfiles._secret import key_or_exit

NAMELESS = b"\0"
"""Begins the names that ZeroMQ itself gives: to who has none, and to a line whose name a newer one has taken over."""


class MasterLink(zmqrpc.Server):
    """Hands to Locust only what admitted workers say."""

    def __init__(self, door: Door, host: str, port: int) -> None:
        self.door = door
        key = key_or_exit(host, f"--master-bind-host {host}")
        self._seal = Seal(key) if key else None
        self.gone: set[str] = set()
        """Workers whose connection was closed when they were last spoken to."""
        self._is_locked = bool(key and _curve.AVAILABLE)
        zmqrpc.BaseSocket.__init__(self, zmq.ROUTER, self.ipv4_only(host, port))
        self.socket.setsockopt(zmq.ROUTER_MANDATORY, 1)  # or words to the gone would vanish without a sign
        self.socket.setsockopt(zmq.ROUTER_HANDOVER, 1)  # a worker's new line counts, even if its old one seems alive
        watch(self.socket)
        if key and self._is_locked:
            _curve.lock_master(self.socket, key)
            gevent.spawn(self._count_failures, self.socket.get_monitor_socket(_curve.FAILED))
        try:
            self.port = port or self.socket.bind_to_random_port(f"tcp://{host}")
            if port:
                self.socket.bind(f"tcp://{host}:{port}")
        except ZMQError as error:
            _port.refuse(host, port, zmq.strerror(error.errno or 0))

    def _count_failures(self, monitor: Any) -> None:
        while True:
            parse_monitor_message(monitor.recv_multipart())
            self.door.turn_away("a connection that does not know the secret")

    def recv_from_client(self) -> tuple[str, Message]:
        """Wait for the next message that Locust should see. Raises RPCError when the socket is broken."""
        while True:
            try:
                identity, *frames = self.socket.recv_multipart()
            except ZMQError as error:
                raise RPCError("ZMQ network broken") from error
            if self._is_locked and identity.startswith(NAMELESS):
                continue  # from a line that its worker has given up for a new one: it is said again there
            message = self._read(identity, frames)
            if message and self.door.lets_pass(message.node_id, message.type, message.data, self._say):
                return message.node_id, message

    def _read(self, identity: bytes, frames: list[bytes]) -> Message | None:
        try:
            (data,) = frames
            message = Message.unserialize(self._seal.open(TO_MASTER + identity, data) if self._seal else data)
            if message.node_id.encode() == identity:
                return message
            reason = "it bears another's name"
        except BrokenSealError as error:
            reason = str(error)
        except Exception:  # noqa: BLE001 - msgpack raises many kinds, and a stranger may send any bytes
            reason = "it can't be read"
        self.door.turn_away(f"a message of {sum(map(len, frames))} bytes: {reason}")
        return None

    def _say(self, kind: str, data: Any, identity: str) -> None:
        self.send_to_client(Message(kind, data, identity))

    def send_to_client(self, msg: Message) -> None:
        """Send a message to the worker that it is addressed to; one that is gone, or reads none of many, gets none."""
        identity = msg.node_id.encode()
        data = msg.serialize()
        frames = [identity, self._seal.close(TO_WORKER + identity, data) if self._seal else data]
        self.gone.discard(msg.node_id)
        try:
            self.socket.send_multipart(frames, zmq.NOBLOCK)
        except zmq.Again:
            return
        except ZMQError as error:
            if error.errno != zmq.EHOSTUNREACH:
                raise
            self.gone.add(msg.node_id)
