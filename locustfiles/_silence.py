"""How long nothing was heard from the other side, as far as we were awake to listen."""

from __future__ import annotations

TICK_S = 0.5


class Silence:
    """Counts ticks without a word: a process that slept (SIGSTOP, a suspended machine) counts its sleep as one tick."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._heard = True

    def hear(self) -> None:
        """Note that something came."""
        self._heard = True

    def tick(self) -> float:
        """Let `TICK_S` pass; give the seconds of silence so far."""
        self.seconds = 0.0 if self._heard else self.seconds + TICK_S
        self._heard = False
        return self.seconds
