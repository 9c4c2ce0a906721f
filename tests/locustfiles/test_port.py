"""The port between a master and its workers, where it is named."""

from __future__ import annotations

import socket

import pytest

from locustfiles import _port
from scenarios.errors import ExitCode


def test_a_port_that_is_taken_is_refused_before_workers_are_forked(capsys: pytest.CaptureFixture[str]) -> None:
    """One line that names host and port, exit code 2; a port that is free again is not."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(SystemExit) as caught:
            _port.demand_free("127.0.0.1", port)
    said = f"--master-bind-port {port}: nobody can listen on 127.0.0.1:{port} (Address already in use); name a free"
    assert (caught.value.code, capsys.readouterr().err) == (ExitCode.USAGE, f"{said} port\n")
    _port.demand_free("127.0.0.1", port)
