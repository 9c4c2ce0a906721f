"""How a line between master and worker is watched: one that is dead is closed, and opened anew at once.

TCP alone doubles its pauses while a cable is out, each side for itself: after ten seconds without network it may take
another twenty until both hear each other again. What a closed line held is lost, and is asked for or said again.
"""

from __future__ import annotations

from typing import Any

import zmq

PING_MS = 1000
DEAD_MS = 6000
CONNECT_MS = 2000


def watch(socket: Any) -> None:
    """Ping the other side, from the socket's own thread; call before connecting or binding."""
    socket.setsockopt(zmq.HEARTBEAT_IVL, PING_MS)
    socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, DEAD_MS)
    socket.setsockopt(zmq.CONNECT_TIMEOUT, CONNECT_MS)
