"""Shares: which of several kinds a random number falls to."""

from __future__ import annotations

from collections.abc import Mapping


def pick(shares: Mapping[str, float], at: float) -> str:
    """Give the name whose share of 0..1 covers `at`, laid end to end in order; "" beyond their sum."""
    for name, share in shares.items():
        if at < share:
            return name
        at -= share
    return ""
