"""What the tests of the load wing share: nasty servers, and the client that talks to them.

Nothing here imports locust, which would patch this process. gevent alone patches nothing: the client's loop runs in the
test's thread, the servers in threads of their own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from nasty_server import NastyServer, Script


@pytest.fixture
def serve() -> Iterator[Callable[..., NastyServer]]:
    """Give a function that starts a server with a script."""
    with ExitStack() as stack:

        def start(script: Script, **options: object) -> NastyServer:
            return stack.enter_context(NastyServer(script, **options))  # type: ignore[arg-type]

        yield start


@pytest.fixture(autouse=True)
def _unpatched() -> Iterator[None]:
    """Make sure that no test of this folder patches the process for the others."""
    before = "locust" in sys.modules
    yield
    assert ("locust" in sys.modules) == before
