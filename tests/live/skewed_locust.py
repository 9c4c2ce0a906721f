"""Locust on a machine whose wall clock is off by the seconds in TAILGATE_TEST_SKEW_S.

It steps by TAILGATE_TEST_STEP_S more, TAILGATE_TEST_STEP_AFTER_S after the start.
"""

from __future__ import annotations

import os
import runpy
import time

SKEW_S, STEP_S, AFTER_S = (
    float(os.environ.get(f"TAILGATE_TEST_{name}_S", "0")) for name in ("SKEW", "STEP", "STEP_AFTER")
)
_true, _true_ns, _began_s = time.time, time.time_ns, time.monotonic()


def _off_s() -> float:
    return SKEW_S + (STEP_S if time.monotonic() - _began_s > AFTER_S else 0.0)


# The kernel's stamps of arriving bytes stay as they are: on a machine that is really off, they would be off too.
time.time = lambda: _true() + _off_s()
time.time_ns = lambda: _true_ns() + int(_off_s() * 1e9)

runpy.run_module("locust", run_name="__main__", alter_sys=True)
