"""What both sides of a comparison share: cases that each answered, or stretches of time that each was loaded in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import pandas as pd
from scipy.special import stdtr

from analysis.comparing.comparison import Discordant
from analysis.measures.part import Part
from analysis.measures.stretches import stretches
from analysis.stats.blocks import FEWEST_BLOCKS
from analysis.stats.bootstrap import is_noise
from analysis.stats.effect import Joint
from analysis.stats.quantiles import Z

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.model import Estimate
    from analysis.stats.terms import Terms

FEWEST_CASES = 20
"""Below this the variance over cases says too little to pair by them."""

SHARED = 0.90
"""Least share of each side's turns that must be of cases that both have."""

LEVEL = 0.05
"""Chance to take sides for correlated that are not; a correlation that is not shown is not used."""


class Shared(Protocol):
    """Clusters that turns of both sides fall into."""

    @property
    def word(self) -> str:
        """What they are."""

    @property
    def count(self) -> int:
        """How many there are."""

    def codes(self, part: Part) -> NDArray[np.integer]:
        """Give the cluster of each turn."""


@dataclass(frozen=True)
class Cases:
    """The cases of both sides, numbered by name."""

    numbers: Mapping[str, int]
    word: str = "cases"

    @property
    def count(self) -> int:
        """Number of cases."""
        return len(self.numbers)

    def codes(self, part: Part) -> NDArray[np.integer]:
        """Give the number of each turn's case."""
        case = part.turns["case_id"].astype("category")
        table = np.array([self.numbers[str(name)] for name in case.cat.categories], dtype=np.intp)
        return np.asarray(table[case.cat.codes.to_numpy()])


def shared(base: Part, candidate: Part, *, one_run: bool) -> Shared | None:
    """Give what both sides share: of one run stretches of time where both were loaded in turns, else cases."""
    return (stretches(base, candidate) if one_run else None) or _cases(base, candidate)


def _cases(base: Part, candidate: Part) -> Cases | None:
    if "case_id" not in base.turns or "case_id" not in candidate.turns:
        return None
    sizes = [part.turns["case_id"].astype("str").value_counts() for part in (base, candidate)]
    both = [name for name in sizes[0].index if name and name in sizes[1].index]
    if len(both) < FEWEST_CASES or any(size[both].sum() < SHARED * size.sum() for size in sizes):
        return None
    names = sorted({str(name) for size in sizes for name in size.index})
    return Cases({name: number for number, name in enumerate(names)})


@dataclass(frozen=True)
class Side:
    """One side of a figure: its turns, the figure, and the terms that it is made of."""

    part: Part
    figure: Estimate
    terms: Terms

    def over(self, clusters: Shared) -> NDArray[np.float64]:
        """Add up the influence of each cluster's turns, in standard deviations behind the figure's interval."""
        codes = clusters.codes(self.part)
        found = np.bincount(codes, weights=self.terms.influence(), minlength=clusters.count)
        return np.asarray(found / (self.spread or 1.0))

    @property
    def spread(self) -> float:
        """Standard deviation behind the interval; of a quantile that of the share at or below it."""
        figure = self.figure
        independent = float((self.terms.influence() ** 2).sum())
        if figure.n_effective:
            return float(np.sqrt(independent * figure.n / figure.n_effective))
        if figure.low is None or figure.high is None:
            return 0.0
        return (figure.high - figure.low) / 2 / Z

    @property
    def in_time(self) -> float:
        """Share of its variance that turns of one conversation do not explain: neighbours in time are alike."""
        if self.terms.by_case:
            return 0.0
        within = float((np.bincount(self.part.blocks.conversations, weights=self.terms.influence()) ** 2).sum())
        if not within or is_noise(self.spread**2 / within, self.part.blocks.count):
            return 0.0
        return max(1.0 - within / self.spread**2, 0.0)


def joint(candidate: Side, base: Side, clusters: Shared) -> Joint | None:
    """Give how both sides vary together over their clusters; None = not shown to, or by too few of these.

    A share whose own interval allows for cases is always paired by them: that is what takes them out.
    Of cases, whose turns come at all times, what neighbours in time share is added to each side's variance.
    Degrees of freedom: 3 (sum d^2)^2 / sum d^4 of the clusters' differences d, at most their number - 1: few clusters
    may hold most of a tail.
    """
    c, b = candidate.over(clusters), base.over(clusters)
    count = int(((c != 0) | (b != 0)).sum())
    squares = float((c**2).sum()), float((b**2).sum())
    if count < FEWEST_BLOCKS or not min(squares) > 0:
        return None
    r = float((c * b).sum()) / (squares[0] * squares[1]) ** 0.5
    if not candidate.terms.by_case and not _is_shown(r, count):
        return None
    over = f"both sides drawn together over {count:,} {clusters.word} (Zou 2007; correlation {r:.2f})"
    differences = c - b
    fourth = float((differences**4).sum())
    df = min(count - 1.0, 3 * float((differences**2).sum()) ** 2 / fourth) if fourth else count - 1.0
    if df < FEWEST_BLOCKS - 1:
        return None
    scale = count / (count - 1)
    in_time = (candidate.in_time, base.in_time) if isinstance(clusters, Cases) else (0.0, 0.0)
    return Joint(
        of_candidate=squares[0] * scale + in_time[0],
        of_base=squares[1] * scale + in_time[1],
        covariance=float((c * b).sum()) * scale,
        df=df,
        over=over,
    )


def _is_shown(r: float, count: int) -> bool:
    """Test a correlation against none: t = r sqrt((n - 2) / (1 - r^2)) with n - 2 degrees of freedom."""
    if abs(r) >= 1:
        return True
    t = abs(r) * ((count - 2) / (1 - r * r)) ** 0.5
    return bool(2 * stdtr(count - 2, -t) < LEVEL)


Marked = tuple[Part, "NDArray[np.bool_]", "NDArray[np.bool_]"]
"""A part, which of its turns have a mark, and among which that is asked."""


def discordant(base: Marked, candidate: Marked, of: Cases) -> Discordant:
    """Put the k-th turn of each case and place in a conversation beside the other side's k-th; count unlike marks."""
    tables = [_places(part, of, among).assign(mark=hits[among]) for part, hits, among in (base, candidate)]
    found = tables[0].merge(tables[1], on=["case", "place", "number"], suffixes=("_base", "_candidate"))
    before, after = found["mark_base"].to_numpy(), found["mark_candidate"].to_numpy()
    return Discordant(
        pairs=len(found), only_base=int((before & ~after).sum()), only_candidate=int((after & ~before).sum())
    )


def _places(part: Part, of: Cases, among: NDArray[np.bool_]) -> pd.DataFrame:
    frame = pd.DataFrame({"case": of.codes(part), "conversation": part.blocks.conversations})
    frame["place"] = frame.groupby("conversation").cumcount()
    frame = frame[among].reset_index(drop=True)
    return frame.assign(number=frame.groupby(["case", "place"]).cumcount())[["case", "place", "number"]]
