"""Encryption of the sockets between master and workers: ZeroMQ's CURVE, with keys made from the shared secret.

The master's public key is made from the secret too and is never sent in clear, so only who knows the secret can shake
hands at all: a stranger's socket is closed before a single message of it is read.
"""

from __future__ import annotations

from typing import Any

import zmq
from zmq.utils import z85

from locustfiles._secret import derive

FAILED = zmq.EVENT_HANDSHAKE_FAILED_NO_DETAIL | zmq.EVENT_HANDSHAKE_FAILED_PROTOCOL | zmq.EVENT_HANDSHAKE_FAILED_AUTH
AVAILABLE = bool(zmq.has("curve"))
"""Whether this libzmq can encrypt; PyPI's wheels of pyzmq can."""


def lock_master(socket: Any, key: bytes) -> None:
    """Let only those shake hands who know the secret; call before binding."""
    socket.curve_server = True
    socket.curve_secretkey = _secret_key(key, "master")


def lock_worker(socket: Any, key: bytes) -> None:
    """Shake hands with the master who knows the secret, and with no other; call before connecting."""
    own = _secret_key(key, "worker")
    socket.curve_secretkey, socket.curve_publickey = own, zmq.curve_public(own)
    socket.curve_serverkey = zmq.curve_public(_secret_key(key, "master"))


def _secret_key(key: bytes, role: str) -> bytes:
    encoded: bytes = z85.encode(derive(key, f"curve/{role}"))
    return encoded
