"""`make bench`: measure, print the tables, write `bench.json`. It ends with 0: missed targets are named."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import asdict
from pathlib import Path

from rich.console import Console

from bench import machine
from bench.cases import Bench
from bench.table import show


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute instead of eight: the main figures, each once")
    parser.add_argument("--first", action="store_true", help="run ahead of all ordinary programs (needs privilege)")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), metavar="FILE", help="default: bench.json")
    options = parser.parse_args()
    console = Console()
    started_s = time.monotonic()
    described = machine.describe()
    bench = Bench(
        machine.cores(first=options.first), lambda name: console.print(f"[dim]{name} …[/]"), quick=options.quick
    )
    bench.run()
    show(console, bench.results, bench.figures, described)
    document = {
        "schema_version": 1,
        "quick": options.quick,
        "took_s": round(time.monotonic() - started_s, 1),
        "machine": described,
        "figures": [{**asdict(figure), "holds": figure.holds} for figure in bench.figures],
        "readers": {name: asdict(result) for name, result in bench.results.items()},
    }
    options.json.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    console.print(f"{options.json} written after {document['took_s']:.0f} s")


if __name__ == "__main__":
    main()
