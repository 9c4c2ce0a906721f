"""Labels: a column of few different texts as small numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from analysis.rows.fields import Fields


class Labels:
    """The texts seen so far in one column, in the order of their first appearance; "" is the first."""

    def __init__(self) -> None:
        self._texts = [""]
        self._hashes = np.zeros(1, dtype=np.uint64)
        self._codes = np.zeros(1, dtype=np.int32)

    def codes(self, hashes: NDArray[np.uint64], part: Fields, column: int) -> NDArray[np.int32]:
        """Give each row's number; texts not seen before get new ones."""
        place = self._place(hashes)
        new = np.flatnonzero(self._hashes[place] != hashes)
        if len(new):
            found, first = np.unique(hashes[new], return_index=True)
            self._learn(found, [part.text(int(new[row]), column) for row in first])
            place = self._place(hashes)
        return self._codes[place]

    def _place(self, hashes: NDArray[np.uint64]) -> NDArray[np.intp]:
        if len(self._hashes) > 1 or not hashes.any():
            return np.minimum(np.searchsorted(self._hashes, hashes), len(self._hashes) - 1)
        return np.zeros(len(hashes), dtype=np.intp)

    def _learn(self, hashes: NDArray[np.uint64], texts: list[str]) -> None:
        codes = len(self._texts) + np.arange(len(texts), dtype=np.int32)
        self._texts += texts
        order = np.argsort(merged := np.append(self._hashes, hashes))
        self._hashes, self._codes = merged[order], np.append(self._codes, codes)[order]

    def categorical(self, codes: NDArray[np.int32]) -> pd.Categorical:
        """Give a column of such numbers as texts, its categories those that occur, in the order of the alphabet."""
        used = np.flatnonzero(np.bincount(codes, minlength=len(self._texts)))
        names, which = np.unique(np.array([self._texts[code] for code in used], dtype=object), return_inverse=True)
        table = np.zeros(len(self._texts), dtype=np.int32)
        table[used] = which
        small = table.astype(np.min_scalar_type(-max(len(names), 1)))
        return pd.Categorical.from_codes(small[codes], pd.Index(names, dtype="str"))
