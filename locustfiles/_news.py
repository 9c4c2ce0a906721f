"""What a master tells its workers again and again of one another: gathered once, said to each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from locustfiles._holds import Hold
from locustfiles._roll import Entry


@dataclass(frozen=True, slots=True)
class News:
    """`places`: those who have users, numbered; `waiting`: users at the gates of all, by lane, as they last said."""

    workers: int
    places: Mapping[str, int]
    waiting: Mapping[str, int]
    holds: Sequence[Hold]

    @classmethod
    def gather(cls, present: Mapping[str, Entry], holds: Sequence[Hold]) -> News:
        """Ask the last words of those who are there."""
        busy = [identity for identity, entry in present.items() if entry.status["users"]]
        waiting: Counter[str] = Counter()
        for entry in present.values():
            waiting.update(entry.status.get("waiting", {}))
        return cls(len(present), {identity: place for place, identity in enumerate(busy)}, waiting, holds)

    def of_others(self, identity: str, entry: Entry | None) -> dict[str, Any]:
        """Give what one worker must know of the others."""
        own = entry.status.get("waiting", {}) if entry else {}
        return {
            "workers": max(self.workers, 1),
            "place": self.places.get(identity, 0),
            "places": max(len(self.places), 1),
            "waiting": {lane: count - own.get(lane, 0) for lane, count in self.waiting.items()},
            "holds": [asdict(hold) for hold in self.holds if hold.source != identity],
        }
