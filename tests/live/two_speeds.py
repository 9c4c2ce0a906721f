"""The simulated provider, four times as slow with cases that say what they expect of an answer.

    python two_speeds.py SCENARIO --truth LOG

The first line of output is JSON that holds the `port`.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING

from scenarios.simulator import service
from scenarios.simulator.__main__ import main
from scenarios.simulator.model import Draw, Model

if TYPE_CHECKING:
    from scenarios.expect import Expect

SLOWER = 4


class TwoSpeeds(Model):
    """A model whose speed is that of the case."""

    def draw(self, number: int, max_tokens: int | None = None, expect: Expect | None = None) -> Draw:
        """Draw what is drawn for each request, and slow it down where something is expected."""
        drawn = super().draw(number, max_tokens, expect)
        return drawn if expect is None else replace(drawn, token_s=drawn.token_s * SLOWER)


if __name__ == "__main__":
    service.Model = TwoSpeeds  # type: ignore[misc]
    sys.exit(main())
