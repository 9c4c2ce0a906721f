"""The hand-shake below Locust's: what a worker must bring, and the refusal that names what it lacks.

Worker: HELLO (versions) -> master: TERMS -> worker: PING, PONG to compare clocks -> READY, or REFUSED with reasons.
Only then does Locust see the worker.
"""

from __future__ import annotations

import math
import os
import platform
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from importlib.metadata import version
from typing import Any

from locustfiles._client import raise_file_limit
from locustfiles._secret import is_loopback
from scenarios.errors import TailgateError

PACKAGES = ("tailgate", "locust")

CLOCK_LIMIT_S = 300.0
"""Wall clocks further apart than Kerberos allows: certificates and dates in answers mean something else to each."""


def versions() -> dict[str, str]:
    """Give the versions that must be the same on all machines of a run."""
    return {package: version(package) for package in PACKAGES}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a master asks of a worker. `keys` maps endpoint to the variables that it needs."""

    nonce: str
    versions: dict[str, str] = field(default_factory=versions)
    unix_s: float = field(default_factory=time.time)
    keys: dict[str, list[str]] = field(default_factory=dict)
    simulated: list[str] = field(default_factory=list)
    users: int = 0
    workers: int = 1

    def to_document(self) -> dict[str, Any]:
        """Give them as JSON values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> Terms:
        """Read them; what another version adds is left out, for the versions are compared anyway."""
        return cls(**{each.name: document[each.name] for each in fields(cls) if each.name in document})


def hello() -> dict[str, Any]:
    """Give the worker's first words."""
    return {"versions": versions(), "host": platform.node()}


def other_versions(theirs: Mapping[str, str], whose: str) -> Iterator[str]:
    """Name packages whose version differs."""
    for package, ours in versions().items():
        there = theirs.get(package, "none")
        if there != ours:
            yield f"{package} is {ours} here and {there} on {whose}: install the same version on both"


def refusals(terms: Terms, master_host: str) -> list[str]:
    """Say why this worker can't take part; empty when it can."""
    return [
        *other_versions(terms.versions, "the master"),
        *_missing_keys(terms.keys),
        *_wrong_clock(terms.unix_s),
        *_too_few_files(math.ceil(terms.users / max(terms.workers, 1))),
        *_out_of_reach(terms.simulated, master_host),
    ]


def _missing_keys(keys: Mapping[str, list[str]]) -> Iterator[str]:
    for endpoint, variable in ((endpoint, name) for endpoint, names in keys.items() for name in names):
        if not os.environ.get(variable):
            yield f"{variable} is not set here: the endpoint {endpoint} needs it in the worker's environment"


def _wrong_clock(master_unix_s: float) -> Iterator[str]:
    off_s = time.time() - master_unix_s
    if abs(off_s) > CLOCK_LIMIT_S:
        yield f"the clock is {off_s:+,.0f} s off the master's (limit {CLOCK_LIMIT_S:g} s): set one of the two right"


def _too_few_files(users: int) -> Iterator[str]:
    try:
        raise_file_limit(users)
    except TailgateError as error:
        yield str(error)


def _out_of_reach(simulated: list[str], master_host: str) -> Iterator[str]:
    if simulated and not is_loopback(master_host):
        yield (
            f"{', '.join(simulated)} would be simulated on the master's loopback, out of this worker's reach: serve "
            "the endpoints with `tailgate simulate FILE --host ADDRESS`, and give their url in the scenario"
        )
