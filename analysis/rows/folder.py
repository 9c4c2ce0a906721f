"""Run folders as analysis makes them: a name of their own, whatever is there already."""

from __future__ import annotations

from pathlib import Path

from scenarios.errors import TailgateError

MOST_ALIKE = 1000
"""Folders of one name; beyond them something is wrong."""


def new_folder(results: Path, name: str) -> Path:
    """Make a folder of that name, or with a number behind it where there is one. Raises TailgateError."""
    for number in range(1, MOST_ALIKE):
        folder = results / (name if number == 1 else f"{name}-{number}")
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        except OSError as error:
            raise TailgateError(f"--results {results}: no folder can be made there ({error.strerror})") from error
        return folder
    raise TailgateError(f"--results {results}: a thousand folders are called {name}; name another")
