"""`python -m scenarios.simulator FILE`: serve a scenario's simulated endpoints until told to stop."""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import resource
import signal
import ssl
import sys
from pathlib import Path

from scenarios.errors import ExitCode, TailgateError
from scenarios.prompts import expectations
from scenarios.scenario import Scenario, load
from scenarios.simulator.server import Server, listen
from scenarios.simulator.service import Service
from scenarios.simulator.truth import TruthLog

LOOPBACK, ALL_ADDRESSES = "127.0.0.1", "0.0.0.0"  # noqa: S104 - only where --host asks for it


def main(arguments: list[str] | None = None) -> int:
    """Serve; give the exit code."""
    options = _options(arguments)
    try:
        serve(options)
    except TailgateError as problem:
        sys.stderr.write(f"{problem}\n")
        return int(problem.code)
    return int(ExitCode.PASS)


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m scenarios.simulator", description=__doc__)
    parser.add_argument("scenario", metavar="FILE", help="scenario file, or - for its JSON document on standard input")
    parser.add_argument("--host", default=LOOPBACK, help="IPv4 address or name to listen on; 0.0.0.0 = all addresses")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 = any free one")
    parser.add_argument("--truth", type=Path, help="write the truth log to this CSV file")
    parser.add_argument("--cert", type=Path, help="serve TLS with this PEM certificate")
    parser.add_argument("--key", type=Path, help="its PEM private key")
    parser.add_argument("--parent", action="store_true", help="end when standard input ends")
    return parser.parse_args(arguments)


def serve(options: argparse.Namespace) -> None:
    """Listen, say where, and serve until SIGTERM, SIGINT or the parent's end. Raises TailgateError."""
    scenario = _scenario(options)
    simulated = {name: endpoint for name, endpoint in scenario.endpoints.items() if endpoint.simulated}
    if not simulated:
        raise TailgateError(f"{options.scenario}: no endpoint is simulated: add simulated: {{}} to one")
    expected = expectations(scenario.conversation.prompts)
    services = {name: Service(name, endpoint, scenario.seed, expected) for name, endpoint in simulated.items()}
    context = _tls(options)
    listener = listen(options.port, options.host)
    server = Server(listener, services, _log(options.truth))
    if context:
        server.use_tls(context)
    if options.parent:
        server.watch(sys.stdin.fileno())
    server.watch(_signals())
    _many_files()
    # What exists now lives for ever: a collection need not walk it, and hardly anything here forms cycles.
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    _announce(_reachable(options.host), listener.getsockname()[1], services, "https" if context else "http")
    server.run()


def _scenario(options: argparse.Namespace) -> Scenario:
    if options.scenario != "-":
        return load(options.scenario, check_env=False)
    # With --parent the document is one line and the pipe stays open behind it. os.read, so that nothing lies in a
    # buffer where the poll cannot see it.
    text = _line(sys.stdin.fileno()) if options.parent else sys.stdin.buffer.read()
    try:
        return Scenario.from_document(json.loads(text))
    except ValueError as problem:
        raise TailgateError(f"standard input: not the JSON document of a scenario: {problem}") from None


def _line(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 65536):
        parts.append(part)
        if part.endswith(b"\n"):
            break
    return b"".join(parts)


def _log(path: Path | None) -> TruthLog:
    try:
        return TruthLog(path)
    except OSError as problem:
        raise TailgateError(f"{path}: cannot write the truth log: {problem.strerror}") from None


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if not options.cert and not options.key:
        return None
    if not options.cert or not options.key:
        raise TailgateError("--cert and --key belong together: give both, as PEM files")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(options.cert, options.key)
    except (OSError, ssl.SSLError) as problem:
        raise TailgateError(f"{options.cert}, {options.key}: cannot be used for TLS: {problem}") from None
    return context


def _signals() -> int:
    """Give a pipe that speaks when SIGTERM or SIGINT comes, so that a wait ends at once."""
    receiver, sender = os.pipe()
    os.set_blocking(sender, False)
    signal.set_wakeup_fd(sender, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    return receiver


def _many_files() -> None:
    """Raise the soft limit of open files: one per connection."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _reachable(host: str) -> str:
    """Give the host to put into URLs: who listens on all addresses is reached on this machine by its loopback."""
    return LOOPBACK if host in {"", ALL_ADDRESSES} else host


def _announce(host: str, port: int, services: dict[str, Service], scheme: str) -> None:
    endpoints = {name: f"{scheme}://{host}:{port}/{name}/v1" for name in services}
    sys.stdout.write(json.dumps({"port": port, "endpoints": endpoints, "pid": os.getpid()}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
