"""gaps.csv: gaps between content chunks, one HdrHistogram in microseconds a line."""

LOWEST_US, HIGHEST_US, DIGITS = 1, 3_600_000_000, 3

COLUMNS = (
    *("run_id", "worker", "endpoint", "arm", "phase", "window_start_s", "window_s", "count"),
    *("merged", "histogram", "kind", "length_class"),
)
"""`merged` of the counted gaps read 0 because their chunks waited together for a late loop; each lengthens another.

`kind` of the conversation and `length_class` of the answer are empty where unknown, and in files of old.
"""

WINDOW_S = 10.0
WINDOWS = 100
"""Windows of a steady phase at the most: more would say no more of how gaps vary, and fill the disk."""


def window_s(steady_s: float) -> float:
    """Give the length of a window in a run whose steady phases last so long."""
    return max(WINDOW_S, float(round(steady_s / WINDOWS)))
