"""A server's own word on its time, beside what was seen of the same turns, and what lies between the two."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from analysis.model import ServerTime
from analysis.rows.fixed import column, filled, known
from analysis.rows.told import HEADERS, SECONDS, SOURCE, told_as
from analysis.stats.quantiles import figures
from analysis.stats.sample import sample
from analysis.words.server_words import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from numpy.typing import NDArray

    from analysis.measures.part import Part
    from analysis.model import Figure
    from analysis.rows.fixed import Column

SEEN = {"total_ms": "service_time_ms", "ttft_ms": "ttft_ms", "headers_ms": HEADERS}
"""Stretches that are seen here too, and the column of turns that says how long they were."""

ROUNDING_MS = 1.0
"""Headers tell whole milliseconds: so much more than was seen is no claim."""


def server_times(part: Part) -> Iterator[ServerTime]:
    """Give what each source told of the successful turns of a part; nothing where no server told anything."""
    if SOURCE not in part.turns:
        return
    sources = part.turns[SOURCE].array
    good = part.turns["successful"].to_numpy(dtype=bool)
    for code, source in enumerate(sources.categories):
        of = good & (sources.codes == code)
        if source and of.any():
            yield _server_time(part, str(source), of)


def _server_time(part: Part, source: str, of: NDArray[np.bool_]) -> ServerTime:
    told = {f"{name.removesuffix('_s')}_ms": told_as(name) for name in SECONDS if told_as(name) in part.turns}
    server = {name: _figures(part, _values(part, column, of)) for name, column in told.items()}
    seen, beyond = {}, {}
    claims_more = np.zeros(len(of), dtype=bool)
    for name in [name for name in SEEN if name in told]:  # one by one: of ten million turns all would not fit
        said = _values(part, told[name], of)
        saw = _values(part, SEEN[name], known(said))
        left = np.asarray(saw) - np.asarray(said)
        claims_more |= left < -ROUNDING_MS
        seen[name], beyond[name] = _figures(part, saw), _figures(part, left)
    found = ServerTime(
        endpoint=part.endpoint,
        arm=part.arm,
        phase=part.phase,
        source=source,
        turns=int(part.turns["successful"].sum()),
        told=int(of.sum()),
        claims_more=int(claims_more.sum()),
        server=_there(server),
        seen=_there(seen),
        beyond=_there(beyond),
        sentence="",
    )
    return found.model_copy(update={"sentence": sentence(found)})


def _values(part: Part, name: str, of: NDArray[np.bool_]) -> Column:
    values = column(part.turns[name])
    return filled(lambda rows: np.where(of[rows], np.asarray(values[rows]), np.nan), len(of))


def _figures(part: Part, values: Column) -> dict[str, Figure]:
    """Give the figures of a column; {} where it holds nothing."""
    return figures(sample(values, part.blocks, part.pairs, part.seed)) if known(values).any() else {}


def _there(found: Mapping[str, dict[str, Figure]]) -> dict[str, dict[str, Figure]]:
    return {name: each for name, each in found.items() if each}
