"""The port on which a master listens for its workers, and what is said when it is taken."""

from __future__ import annotations

import os
import socket
from typing import NoReturn

from locustfiles._secret import exit_with

VARIABLE, USUAL = "LOCUST_MASTER_BIND_PORT", 5557


def demand_free(host: str, port: int | None) -> None:
    """End the process where nobody can listen: once workers are forked, they and Locust would wait for each other."""
    port = port or int(os.environ.get(VARIABLE, USUAL))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("" if host == "*" else host, port))
        except OSError as error:
            refuse(host, port, error.strerror or str(error))


def refuse(host: str, port: int, reason: str) -> NoReturn:
    """End the process, since nobody can listen there."""
    exit_with(f"--master-bind-port {port}: nobody can listen on {host}:{port} ({reason}); name a free port")
