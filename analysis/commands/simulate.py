"""`tailgate simulate`: the simulated endpoints in the foreground."""

from __future__ import annotations

from pathlib import Path

import typer

from scenarios.errors import ExitCode


def simulate_endpoints(file: Path, host: str, port: int, truth: Path | None) -> ExitCode:
    """Serve the simulated endpoints of `file` until Ctrl-C; the first line printed is JSON and says where."""
    from scenarios.simulator.__main__ import main

    typer.echo(f"Serving the simulated endpoints of {file}; Ctrl-C ends it.", err=True)
    log = [] if truth is None else ["--truth", str(truth)]
    return ExitCode(main([str(file), "--host", host, "--port", str(port), *log]))
