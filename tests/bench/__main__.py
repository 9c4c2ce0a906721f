"""`make bench`: measure, print the tables, write `bench.json`.

It ends with 0 also when targets are missed, which are named, and with 1 when a case could not be measured.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from bench import machine
from bench.cases import Bench
from bench.table import show

WIDTH = 140


def main() -> int:
    """Run the benchmark; give the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    modes = parser.add_mutually_exclusive_group()
    modes.add_argument("--quick", action="store_const", const="quick", dest="mode", help="the main figures, each once")
    modes.add_argument("--smoke", action="store_const", const="smoke", dest="mode", help="half a minute: does it run?")
    parser.set_defaults(mode="full")
    parser.add_argument("--only", default="", metavar="WORD", help="the cases with this word in their name")
    parser.add_argument("--first", action="store_true", help="run ahead of all ordinary programs (needs privilege)")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="FILE", help="default: bench.json")
    options = parser.parse_args()
    console = Console(width=None if sys.stdout.isatty() else WIDTH)
    started_s = time.monotonic()
    described = machine.describe()
    bench = Bench(
        machine.cores(first=options.first),
        lambda text: console.print(text, style="dim", markup=False),
        mode=options.mode,
        only=options.only,
    )
    try:
        bench.run()
    finally:
        show(console, bench.results, bench.figures, described)
        took_s = round(time.monotonic() - started_s, 1)
        document = _document(bench, described, options.mode, took_s)
        options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
        console.print(f"{options.json} written after {took_s:.0f} s")
    if bench.failures:
        console.print(f"Not measured: {', '.join(bench.failures)}.", style="red")
    return 1 if bench.failures else 0


def _document(bench: Bench, described: dict[str, object], mode: str, took_s: float) -> dict[str, Any]:
    return {
        "schema_version": 1,
        "mode": mode,
        "took_s": took_s,
        "machine": described,
        "failures": bench.failures,
        "figures": [{**asdict(figure), "holds": figure.holds} for figure in bench.figures],
        "readers": {name: asdict(result) for name, result in bench.results.items()},
    }


if __name__ == "__main__":
    sys.exit(main())
