"""The run folder: `<results>/<name>-<UTC time>/` and its `run.json`."""

from __future__ import annotations

import json
import os
import platform
import re
import secrets
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from scenarios.errors import TailgateError
from scenarios.records import SCHEMA_VERSION

POINTER = "TAILGATE_RUN_FOLDER_FILE"
"""Environment variable naming a file that gets the run folder's path, for the program that started us."""

PACKAGES = ("tailgate", "locust", "gevent", "httptools", "genai-prices")


def name_for(scenario: str, now: datetime) -> str:
    """Give `<name>-<UTC time>`, fit for a folder name."""
    return f"{re.sub(r'[^A-Za-z0-9._-]+', '-', scenario)}-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"


def run_id_for(folder: Path) -> str:
    """Give the folder's name and six digits drawn anew: on another machine another run's folder may be called alike."""
    return f"{folder.name}-{secrets.token_hex(3)}"


def of_worker(results: Path, name: str, run_id: str) -> Path:
    """Give where a worker keeps its rows: the run's own folder where that is here, else one called by the run's id."""
    try:
        here = json.loads((results / name / "run.json").read_text(encoding="utf-8"))["run_id"]
    except (OSError, ValueError, KeyError):
        here = ""
    return results / (name if here == run_id else run_id)


def create(results: Path, name: str) -> Path:
    """Make the run's folder; a number is added where the name is taken. Raises TailgateError when it can't be made."""
    folder = results / name
    for number in range(2, 1000):
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            if folder.parent.is_dir():
                folder = results / f"{name}-{number}"
                continue
            raise TailgateError(f"--results {results}: is not a folder; name one that is, or a new one") from None
        except OSError as error:
            raise TailgateError(
                f"--results {results}: no folder can be made there ({error.strerror}); name one you may write to"
            ) from error
        _point_to(folder)
        return folder
    raise TailgateError(f"--results {results}: a thousand runs are called {name}; name another folder")


def write_json(path: Path, document: Mapping[str, object]) -> None:
    """Write JSON whole or not at all."""
    draft = path.with_suffix(path.suffix + ".part")
    draft.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    draft.replace(path)


def versions() -> dict[str, str]:
    """Give the versions that a result depends on."""
    return {
        "schema": str(SCHEMA_VERSION),
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        **{package: version(package) for package in PACKAGES},
    }


def command_line() -> list[str]:
    """Give the command as typed: the program's name without its folder."""
    return [Path(sys.argv[0]).name, *sys.argv[1:]]


def _point_to(folder: Path) -> None:
    if pointer := os.environ.get(POINTER):
        Path(pointer).write_text(str(folder.resolve()), encoding="utf-8")
