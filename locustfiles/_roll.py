"""Which workers are there, and when which was not: the roll that the master calls."""

from __future__ import annotations

import logging
from collections.abc import Container
from dataclasses import dataclass, field
from typing import Any

from locustfiles._silence import Silence

LOST_S = 6.0
"""Silence after which a worker counts as lost."""

GONE_S = 1.5
"""The same, where its connection was closed too: its process has ended, for a broken one is opened anew at once."""

NOBODY_S = 20.0
"""Silence of all, after which the run ends: a cable of the master's may be out for less."""

FRESH_S = 2.0
"""A word every second, and one that was late."""

READ_MARGIN_S = 0.2
"""An answer that was read this long before a worker's last word may have no row by then."""

log = logging.getLogger("tailgate")


@dataclass(slots=True)
class Absence:
    """A stretch of the run without a worker: its rows from `from_s` on are missing, unless it came back with them.

    `users` of `all_users` were its own, and went to others at `moved_s`; `in_flight` of its turns were under way.
    """

    why: str
    from_s: float
    to_s: float | None
    users: int
    all_users: int
    in_flight: int
    moved_s: float

    @property
    def share(self) -> float:
        """The share of the users."""
        return self.users / self.all_users if self.all_users else 0.0


@dataclass(slots=True)
class Entry:
    """One worker of this run."""

    worker: str
    host: str
    silence: Silence = field(default_factory=Silence)
    heard_s: float = 0.0
    complete_s: float = 0.0
    """Every attempt that ended before this is with the master."""
    status: dict[str, Any] = field(default_factory=lambda: {"rows": 0, "users": 0})
    absences: list[Absence] = field(default_factory=list)
    has_left: bool = False
    is_dropped: bool = False
    """Whether its users went to others."""
    has_ended: bool = False
    """Whether it was lost with its process, and will not come back."""

    @property
    def is_away(self) -> bool:
        """Whether it is lost or gone now."""
        return bool(self.absences) and self.absences[-1].to_s is None


class Roll:
    """The workers of a run, by identity."""

    def __init__(self) -> None:
        self.entries: dict[str, Entry] = {}
        self._users: dict[str, int] = {}
        """How many users each had when all who are present were last heard."""

    def enter(self, identity: str, worker: str, host: str) -> None:
        """Note a worker that takes part."""
        self.entries.setdefault(identity, Entry(worker, host))

    def hear(self, identity: str, now_s: float) -> None:
        """Note a word of a worker; one that was lost is back."""
        entry = self.entries[identity]
        entry.silence.hear()
        entry.heard_s = now_s
        if entry.is_away and not entry.has_left:
            entry.absences[-1].to_s, entry.is_dropped, entry.has_ended = now_s, False, False
            log.warning("worker %s is back after %.1f s", entry.worker, now_s - entry.absences[-1].from_s)

    def leave(self, identity: str, from_s: float, now_s: float, users: int) -> None:
        """Note that a worker leaves, with all its rows delivered; it has had none of its `users` since `from_s`."""
        entry = self.entries[identity]
        self._users[entry.worker] = users
        if not entry.is_away:
            entry.absences.append(self._absence("left", entry, from_s, now_s))
            log.warning("worker %s leaves the run", entry.worker)
        entry.has_left = True

    def tick(self, done: Container[str], now_s: float, gone: Container[str] = ()) -> None:
        """Let a moment pass; name those who have been silent for too long and are not done, `gone` or not."""
        if all(entry.silence.seconds < FRESH_S for entry in self.present.values()):
            self._users = {entry.worker: entry.status["users"] for entry in self.present.values()}
        for identity, entry in self.entries.items():
            if identity in done:
                continue
            silent_s = entry.silence.tick()
            if silent_s >= (GONE_S if identity in gone else LOST_S) and not entry.is_away:
                entry.absences.append(self._absence("lost", entry, entry.complete_s, now_s))
                entry.has_ended = silent_s < LOST_S
                log.error("worker %s on %s is lost: silent for %g s", entry.worker, entry.host, silent_s)

    @property
    def is_empty(self) -> bool:
        """Whether all have left, or nobody has been heard for so long that nobody will be."""
        every = self.entries.values()
        return bool(every) and all(
            entry.is_away and (entry.has_left or entry.silence.seconds >= NOBODY_S) for entry in every
        )

    def to_drop(self) -> list[str]:
        """Name the lost whose users others shall have; none where nobody is there to have them."""
        if not self.present:
            return []
        lost = [identity for identity, each in self.entries.items() if each.is_away and not each.has_left]
        return [identity for identity in lost if not self.entries[identity].is_dropped]

    @property
    def present(self) -> dict[str, Entry]:
        """Those who are there, by identity."""
        return {identity: entry for identity, entry in self.entries.items() if not entry.is_away}

    def _absence(self, why: str, entry: Entry, from_s: float, moved_s: float) -> Absence:
        in_flight = sum(entry.status.get("active", {}).values()) if why == "lost" else 0
        return Absence(
            why, from_s, None, self._users.get(entry.worker, 0), sum(self._users.values()), in_flight, moved_s
        )
