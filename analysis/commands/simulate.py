"""`tailgate simulate`: the simulated endpoints in the foreground."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from scenarios.errors import ExitCode, TailgateError


def simulate_endpoints(file: Path, port: int) -> ExitCode:
    """Serve the simulated endpoints until Ctrl-C; this process becomes the simulator. Raises TailgateError."""
    from scenarios.scenario import load

    scenario = load(file, check_env=False)
    if all(endpoint.simulated is None for endpoint in scenario.endpoints.values()):
        raise TailgateError(f"{file}: no endpoint here is simulated; give one `simulated: {{}}` in place of its url")
    command = [sys.executable, "-m", "scenarios.simulator", str(file), "--port", str(port)]
    sys.stdout.flush()
    os.execv(sys.executable, command)  # noqa: S606
