"""Labels: a column of few different texts as small numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from analysis.rows.fields import Fields


class Labels:
    """The texts seen so far in one column, numbered by their first appearance; "" is the first."""

    def __init__(self) -> None:
        self._texts = [""]
        self._codes = {0: 0}

    def codes(self, part: Fields, column: int) -> NDArray[np.int32]:
        """Give each row's number; texts not seen before get new ones."""
        which, hashes = pd.factorize(part.hashes(column))
        known = [self._codes.get(each) for each in hashes.tolist()]
        for place in [place for place, code in enumerate(known) if code is None]:
            known[place] = self._codes[int(hashes[place])] = len(self._texts)
            self._texts.append(part.text(int(np.argmax(which == place)), column))
        return np.array(known, dtype=np.int32)[which]

    def marked(self, texts: Collection[str]) -> NDArray[np.bool_]:
        """Mark the numbers whose text is one of `texts`."""
        return np.array([text in texts for text in self._texts])

    def categorical(self, codes: NDArray[np.int32]) -> pd.Categorical:
        """Give a column of such numbers as texts, its categories those that occur, in the order of the alphabet."""
        used = np.flatnonzero(np.bincount(codes, minlength=len(self._texts)))
        names, which = np.unique(np.array([self._texts[code] for code in used], dtype=object), return_inverse=True)
        table = np.zeros(len(self._texts), dtype=np.int32)
        table[used] = which
        small = table.astype(np.min_scalar_type(-max(len(names), 1)))
        return pd.Categorical.from_codes(small[codes], pd.Index(names, dtype="str"))
