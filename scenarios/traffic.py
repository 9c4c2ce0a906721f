"""How many users, how they arrive, and for how long."""

from collections.abc import Mapping
from typing import ClassVar, Literal

from scenarios.distribution import Distribution
from scenarios.quantities import Count, Duration, PositiveDuration, RandomDuration
from scenarios.strict import Strict


class Traffic(Strict):
    """Closed loop: `users` chat users, each with think time between turns."""

    later: ClassVar[frozenset[str]] = frozenset({"sessions_per_second", "requests_per_second"})
    other_names: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("concurrency", "vus", "clients"), "users"),
        **dict.fromkeys(("duration", "run_time", "time"), "steady"),
        **dict.fromkeys(("wait_time", "pause"), "think_time"),
        **dict.fromkeys(("spawn_rate", "ramp_up", "rampup"), "ramp"),
        **dict.fromkeys(("warmup", "warm-up"), "warm_up"),
    }

    users: Count = 10
    """Chat users at the same time on each endpoint."""
    ramp: Duration = 10.0
    """Time in which the users arrive."""
    warm_up: Duration = 10.0
    """Time under full load before anything counts."""
    steady: PositiveDuration = 60.0
    """Time that is measured."""
    drain: Duration = 30.0
    """Longest time given to answers under way at the end."""
    think_time: RandomDuration = Distribution.of(4.0, 20.0)
    """Pause between an answer and the next turn."""
    on_worker_loss: Literal["continue", "exclude", "stop"] = "continue"
    """When a worker of a distributed run is lost: give its users to the others at once, or end the run.

    After `continue` the gate refuses the run; after `exclude` it judges by the steady time that was not disturbed.
    """
