"""The processes that have users, as their director sees them: this very process, or workers at the end of messages."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from locustfiles import _campaign
from locustfiles._lane import Tally
from locustfiles._report import WorkerReport, report_of
from locustfiles._schedule import Span
from scenarios import server_timings

if TYPE_CHECKING:
    from locust.env import Environment

    from locustfiles._campaign import Campaign
    from locustfiles._order import Order


class Crew(Protocol):
    """Who does the work."""

    def open(self, order: Order, folder: Path) -> None:
        """Begin a run."""

    def publish(self, spans: Sequence[Span]) -> None:
        """Make phases known."""

    def active(self, lane: str) -> int:
        """Give the number of turns under way on a lane, named by its label."""

    def tallies(self) -> dict[str, Tally]:
        """Give the counts so far, by lane."""

    def stop_reasons(self) -> dict[str, str]:
        """Give the lanes that can't answer any more, with the reason."""

    def collect(self, timeout_s: float) -> list[WorkerReport]:
        """End the run's rows: all are in `attempts.csv` when this returns, or are named as lost."""

    @property
    def strangers(self) -> int:
        """Give how often somebody who does not belong here spoke to us."""

    def breakdown(self) -> str:
        """Say why the run must end early, "" while it need not."""


class Alone:
    """Leader and users in one process."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._campaign: Campaign | None = None
        self._stop_reasons: dict[str, str] = {}

    @property
    def campaign(self) -> Campaign:
        """The open campaign."""
        assert self._campaign is not None
        return self._campaign

    def open(self, order: Order, folder: Path) -> None:
        """Begin the campaign here."""
        self._campaign = _campaign.begin(order, "w0", folder, self._environment)

    def publish(self, spans: Sequence[Span]) -> None:
        """Put them on the campaign's schedule."""
        self.campaign.schedule.put(spans)

    def active(self, lane: str) -> int:
        """Ask the lane."""
        return self.campaign.lanes[lane].active

    def tallies(self) -> dict[str, Tally]:
        """Ask the lanes."""
        return {name: lane.tally for name, lane in self.campaign.lanes.items()} if self._campaign else {}

    def stop_reasons(self) -> dict[str, str]:
        """Ask the lanes; after the run, the last answer stands."""
        if self._campaign:
            lanes = self._campaign.lanes.items()
            self._stop_reasons = {name: lane.stop_reason for name, lane in lanes if lane.stop_reason}
        return self._stop_reasons

    def collect(self, timeout_s: float) -> list[WorkerReport]:
        """Close the campaign; its files, under their second names, are those of the run."""
        del timeout_s
        if self._campaign is None:
            return []
        self.stop_reasons()
        campaign, self._campaign = self._campaign, None
        campaign.close()
        share(campaign.recorder.paths, campaign.folder / "attempts.csv")
        if timings := campaign.recorder.timings_paths:
            share(timings, campaign.folder / server_timings.FILE)
        return [report_of(campaign)]

    @property
    def strangers(self) -> int:
        """Nobody listens here."""
        return 0

    def breakdown(self) -> str:
        """Nobody can be lost here."""
        return ""


def share(parts: Sequence[Path], whole: Path) -> None:
    """Give one file a second name, or join several; where the disk takes no more, the parts are what is read."""
    try:
        if len(parts) == 1:
            os.link(parts[0], whole)
        else:
            _join(parts, whole)
    except OSError:
        with contextlib.suppress(OSError):
            whole.unlink(missing_ok=True)


def _join(parts: Sequence[Path], whole: Path) -> None:
    with whole.open("wb") as joined:
        for number, part in enumerate(parts):
            with part.open("rb") as file:
                if number:
                    file.readline()  # the header again
                shutil.copyfileobj(file, joined)
