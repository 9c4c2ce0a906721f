"""Locust on a machine whose wall clock is off by the seconds in TAILGATE_TEST_SKEW_S."""

from __future__ import annotations

import os
import runpy
import time

SKEW_S = float(os.environ["TAILGATE_TEST_SKEW_S"])
_true = time.time

# The kernel's stamps of arriving bytes are read with time_ns, which stays as it is: on a machine that is really off,
# both would be off together.
time.time = lambda: _true() + SKEW_S

runpy.run_module("locust", run_name="__main__", alter_sys=True)
