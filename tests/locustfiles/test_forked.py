"""What is made ready before Locust forks workers on this machine."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from locustfiles import _forked

VARIABLES = ("TAILGATE_SECRET", *_forked.PORT_VARIABLES)


@pytest.fixture(autouse=True)
def _as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give back what `prepare` changes in this process."""
    for name in VARIABLES:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    monkeypatch.setattr(os, "waitpid", os.waitpid)


def ports() -> list[str | None]:
    """Give the ports that Locust would take from the environment."""
    return [os.environ.get(name) for name in _forked.PORT_VARIABLES]


def test_each_run_has_a_secret_and_a_port_of_its_own() -> None:
    """Two runs that fork their workers do not meet."""
    found = []
    for _ in range(2):
        for name in VARIABLES:
            os.environ.pop(name, None)
        _forked.prepare(port_is_chosen=False)
        bind_port, node_port = ports()
        assert bind_port == node_port
        found.append((os.environ["TAILGATE_SECRET"], bind_port))
    assert len({secret for secret, _ in found}) == len({port for _, port in found}) == 2


@pytest.mark.parametrize("known", ["secret", "port", "option"])
def test_what_is_chosen_stays(known: str) -> None:
    """With a secret workers may come from elsewhere, who know Locust's own port; a port that was named is kept."""
    if known == "secret":
        os.environ["TAILGATE_SECRET"] = "s" * 32
    if known == "port":
        os.environ["LOCUST_MASTER_BIND_PORT"] = "7000"
    _forked.prepare(port_is_chosen=known == "option")
    assert ports() == (["7000", None] if known == "port" else [None, None])
    assert (os.environ["TAILGATE_SECRET"] == "s" * 32) == (known == "secret")


def test_a_child_that_nobody_knows_has_ended() -> None:
    """One that is known still tells how."""
    _forked.prepare(port_is_chosen=True)
    child = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"])
    assert os.waitstatus_to_exitcode(os.waitpid(child.pid, 0)[1]) == 3
    child.returncode = 3
    assert os.waitpid(child.pid, os.WNOHANG) == (child.pid, 0)
