"""Percentiles for Locust's tables from one walk over the buckets.

In a process of its own: Locust patches the one it is in.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAM = """
import random
from locust.stats import calculate_response_time_percentile
from locustfiles._locust_stats import percentiles

shares = (0.5, 0.66, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
rng = random.Random(1)
for buckets in (0, 1, 2, 5, 40, 400):
    for missing in (0, 1, 30):
        times = {rng.random() * 1e6: rng.randint(1, 50) for _ in range(buckets)}
        count = sum(times.values()) + missing
        expected = [calculate_response_time_percentile(times, count, share) for share in shares]
        assert percentiles(times, count, shares) == expected, (times, count)
"""


def test_percentiles_are_locusts() -> None:
    """Every percentile is the one that Locust finds with a walk of its own, also when its counts do not add up."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
