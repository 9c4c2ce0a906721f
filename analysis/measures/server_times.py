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
    from collections.abc import Callable, Iterator, Mapping

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
    server = {name: _values(part, told_as(name), of) for name in SECONDS if told_as(name) in part.turns}
    server = {f"{name.removesuffix('_s')}_ms": values for name, values in server.items()}
    seen = {name: _values(part, SEEN[name], known(server[name])) for name in SEEN if name in server}
    beyond = {name: filled(_less(values, server[name]), len(of)) for name, values in seen.items()}
    found = ServerTime(
        endpoint=part.endpoint,
        arm=part.arm,
        phase=part.phase,
        source=source,
        turns=int(part.turns["successful"].sum()),
        told=int(of.sum()),
        claims_more=int(np.any([np.asarray(values) < -ROUNDING_MS for values in beyond.values()], axis=0).sum())
        if beyond
        else 0,
        server=_figures(part, server),
        seen=_figures(part, seen),
        beyond=_figures(part, beyond),
        sentence="",
    )
    return found.model_copy(update={"sentence": sentence(found)})


def _values(part: Part, name: str, of: NDArray[np.bool_]) -> Column:
    values = column(part.turns[name])
    return filled(lambda rows: np.where(of[rows], np.asarray(values[rows]), np.nan), len(of))


def _less(values: Column, other: Column) -> Callable[[slice], NDArray[np.float64]]:
    """Give some rows of the difference."""
    return lambda rows: np.asarray(values[rows]) - np.asarray(other[rows])


def _figures(part: Part, columns: Mapping[str, Column]) -> dict[str, dict[str, Figure]]:
    """Give the figures of each column that holds anything."""
    return {
        name: figures(sample(values, part.blocks, part.pairs, part.seed))
        for name, values in columns.items()
        if known(values).any()
    }
