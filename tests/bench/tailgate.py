"""Tailgate as a reader: a real Locust run with everything on, and what its run folder says."""

from __future__ import annotations

import csv
import sys
from collections import Counter
from pathlib import Path

import trustme
import yaml
from hdrh.histogram import HdrHistogram

from bench.accuracy import Reported
from bench.load import Load

BESIDE = Path(__file__).parent / "readers" / "beside_tailgate.py"
CHAT = Path(__file__).parents[2] / "locustfiles" / "chat.py"
CA_FILE = "ca.pem"


def certificate(folder: Path) -> tuple[Path, Path]:
    """Make a certificate for 127.0.0.1 and the authority that signed it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / CA_FILE)
    issued = authority.issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    for number, part in enumerate(issued.cert_chain_pems):
        part.write_to_path(folder / "cert.pem", append=number > 0)
    return folder / "cert.pem", folder / "key.pem"


def command(load: Load, url: str, folder: Path, *, tls: bool) -> list[str]:
    """Write the scenario; give the command that runs it."""
    scenario = folder / "bench.yaml"
    campaign = load.campaign(url, str(folder / CA_FILE) if tls else None)
    scenario.write_text(yaml.safe_dump(campaign), encoding="utf-8")
    return [
        *(sys.executable, "-m", "locust", "-f", f"{CHAT},{BESIDE}", "--scenario", str(scenario)),
        *("--results", str(folder / "results"), "--headless"),
    ]


def run_folder(folder: Path) -> Path:
    """Give the one run's folder."""
    (found,) = (folder / "results").iterdir()
    return found


def reported(folder: Path) -> Reported:
    """Give what the run folder says of the steady phase."""
    results = run_folder(folder)
    with (results / "attempts.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            row for row in csv.DictReader(file) if row["phase"] == "steady" and row["first_token_s"] and row["end_s"]
        ]
    ttft_s = {_request_id(row): float(row["first_token_s"]) - float(row["sent_s"]) for row in rows}
    return Reported(ttft_s, _gaps(results / "gaps.csv"))


def _request_id(row: dict[str, str]) -> str:
    return "/".join(row[name] for name in ("run_id", "worker", "turn_id", "attempt_no"))


def _gaps(path: Path) -> Counter[int]:
    counts: Counter[int] = Counter()
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["phase"] == "steady":
                histogram = HdrHistogram.decode(row["histogram"])
                for item in histogram.get_recorded_iterator():
                    low = histogram.get_lowest_equivalent_value(item.value_iterated_to)
                    high = histogram.get_highest_equivalent_value(item.value_iterated_to)
                    counts[(low + high) // 2] += item.count_added_in_this_iter_step
    return counts
