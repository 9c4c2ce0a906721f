"""Every report file of a run folder, each written whole or not at all."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from analysis.render.html import html
from analysis.render.junit import Undecided, to_junit
from analysis.render.markdown import to_markdown
from scenarios.errors import TailgateError

if TYPE_CHECKING:
    from pathlib import Path

    from analysis.model import Report


def write_all(report: Report, folder: Path, undecided: Undecided = "fail") -> list[Path]:
    """Write `report.html`, `report.md`, `report.json` and `junit.xml`; give their paths.

    All are made before the first is written, and each replaces its forerunner in one step: a failure leaves whole
    files behind. Raises TailgateError when `folder` cannot be written.
    """
    files = {
        "report.html": html(report).encode(),
        "report.md": to_markdown(report).encode(),
        "report.json": to_json(report).encode(),
        "junit.xml": to_junit(report, undecided),
    }
    return [replace_file(folder / name, content) for name, content in files.items()]


def to_json(report: Report) -> str:
    r"""Give the machine's report: ASCII alone, so that no name in it acts on a terminal; NaN and infinity are null."""
    return json.dumps(json.loads(report.model_dump_json()), indent=2, ensure_ascii=True, allow_nan=False) + "\n"


def replace_file(path: Path, content: bytes) -> Path:
    """Write a file whole or not at all. Raises TailgateError."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        draft.write_bytes(content)
        draft.replace(path)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise TailgateError(f"{path}: cannot be written: {error.strerror or error}; the rows are kept") from error
    return path
