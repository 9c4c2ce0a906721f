"""What a person sees while a headless run lasts: one calm block on a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, TextIO

import gevent

from locustfiles._lane import Tally, label
from scenarios.pricing import PriceTable, cost_usd, price

if TYPE_CHECKING:
    from locust.env import Environment

    from locustfiles._director import Director

TERMINAL_INTERVAL_S = 1.0
PLAIN_INTERVAL_S = 10.0


@dataclass(frozen=True, slots=True)
class View:
    """The figures of one moment. None: not known yet."""

    lane: str
    phase: str
    left_s: float
    users: int
    turns: int
    turns_per_second: float | None
    ttft_p95_ms: float | None
    throttled_share: float | None
    failed_share: float | None
    cost_usd: Decimal | None

    def line(self) -> str:
        """Give it as one line of text."""
        return "  ".join(f"{name} {text}" for name, text in self.items())

    def items(self) -> Iterator[tuple[str, str]]:
        """Give name and text of each figure."""
        yield self.lane, f"{self.phase.replace('_', '-')}, {self.left_s:.0f} s left"
        yield "users", f"{self.users:,}"
        rate = "" if self.turns_per_second is None else f" ({self.turns_per_second:.1f}/s)"
        yield "turns", f"{self.turns:,}{rate}"
        yield "TTFT p95", "-" if self.ttft_p95_ms is None else f"{self.ttft_p95_ms:,.0f} ms"
        yield "throttled", _percent(self.throttled_share)
        yield "failed", _percent(self.failed_share)
        yield "cost", "-" if self.cost_usd is None else f"${self.cost_usd:,.4f}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{share:.1%}"


def start(director: Director, environment: Environment) -> Callable[[], None]:
    """Show progress from now on; give what ends that and leaves the terminal clean.

    Locust's own tables and routine messages are kept for those who ask for them.
    """
    options = environment.parsed_options
    assert options is not None
    if not options.print_stats:
        options.only_summary = True
        logging.getLogger("locust.stats_logger").setLevel(logging.WARNING)
    if options.loglevel == "INFO":
        for name in ("locust.runners", "locust.main"):
            logging.getLogger(name).setLevel(logging.ERROR)
    display = _Block(sys.stderr) if sys.stderr.isatty() else _Lines(sys.stderr)
    following = gevent.spawn(_follow, Watch(director, environment), display)

    def end() -> None:
        following.kill(block=False)
        display.end()

    return end


def _follow(watch: Watch, display: _Block | _Lines) -> None:
    while True:
        gevent.sleep(display.interval_s)
        if view := watch.look():
            display.show(view)


class _Lines:
    """A line now and then."""

    interval_s = PLAIN_INTERVAL_S

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def show(self, view: View) -> None:
        self._stream.write(f"{view.line()}\n")
        self._stream.flush()

    def end(self) -> None:
        """Leave the lines."""


class _Block:
    """A block on a terminal that is written over."""

    interval_s = TERMINAL_INTERVAL_S

    def __init__(self, stream: TextIO) -> None:
        # Not needed where nobody watches.
        from rich.console import Console  # noqa: PLC0415
        from rich.live import Live  # noqa: PLC0415

        self._live = Live(console=Console(file=stream), auto_refresh=False, transient=True)
        self._live.start()

    def show(self, view: View) -> None:
        from rich.table import Table  # noqa: PLC0415

        grid = Table.grid(padding=(0, 2))
        for name, text in view.items():
            grid.add_row(name, text)
        self._live.update(grid, refresh=True)

    def end(self) -> None:
        self._live.stop()


class Watch:
    """Looks at a director's run from time to time."""

    def __init__(self, director: Director, environment: Environment) -> None:
        self._director = director
        self._environment = environment
        self._prices: dict[str, PriceTable | None] | None = None
        self._before: tuple[str, int, float] = ("", 0, 0.0)

    def look(self) -> View | None:
        """Give the figures of now; None when no phase runs."""
        director = self._director
        now = director.clock.now()
        running = [span for span in director.schedule.spans if span.start_s <= now < span.end_s]
        if not running or self._environment.runner is None:
            return None
        span = running[0]
        lane = label(span.endpoint, span.arm)
        tally = director.crew.tallies().get(lane, Tally())
        return View(
            lane=lane,
            phase=span.phase,
            left_s=span.end_s - now,
            users=self._environment.runner.user_count,
            turns=tally.turns,
            turns_per_second=self._rate(lane, tally.turns, now),
            ttft_p95_ms=self._ttft_p95_ms(lane),
            throttled_share=tally.throttled / tally.turns if tally.turns else None,
            failed_share=tally.failed / tally.turns if tally.turns else None,
            cost_usd=self._cost_usd(),
        )

    def _rate(self, lane: str, turns: int, now: float) -> float | None:
        before, self._before = self._before, (lane, turns, now)
        if before[0] != lane or now <= before[2]:
            return None
        return (turns - before[1]) / (now - before[2])

    def _ttft_p95_ms(self, lane: str) -> float | None:
        entry = self._environment.stats.entries.get((lane, "TTFT"))
        return entry.get_response_time_percentile(0.95) if entry and entry.num_requests else None

    def _cost_usd(self) -> Decimal | None:
        if self._prices is None:
            endpoints = self._director.scenario.endpoints.items()
            self._prices = {name: price(endpoint) for name, endpoint in endpoints}
        costs = [
            cost_usd(
                self._prices.get(name.partition(".")[0]),
                tally.input_tokens,
                tally.output_tokens,
                tally.cached_input_tokens,
            )
            for name, tally in self._director.crew.tallies().items()
        ]
        known = [cost for cost in costs if cost is not None]
        return sum(known, Decimal(0)) if known else None
