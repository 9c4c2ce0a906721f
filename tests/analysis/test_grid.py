"""Free-form parts of the report become tables, whatever they hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.render import grid

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(max_size=8), JSON, max_size=5))
def test_any_block_becomes_tables(content: dict[str, object]) -> None:
    """No value raises, and each row has a cell per column."""
    block = grid.block(content)
    for table in block.grids:
        assert {len(cells) for _, cells in table.rows} <= {len(table.heads) - 1}
    assert len(block.facts) + len(block.grids) >= 0


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("rows", 5210, "5,210"),
        ("client_lag_p99_s", 0.00042, "0.42 ms"),
        ("steady_s", 60.0, "60 s"),
        ("total_usd", "26.281204", "$26.28"),
        ("total_usd", None, "\u2013"),
        ("throttled_share", 0.083, "8.3%"),
        ("streamed", True, "yes"),
        ("hosts", ["a", "b"], "a, b"),
        ("prices", {"input": "1.25", "output": "10"}, "input 1.25, output 10"),
        ("name", "x\x1b[0m", "x\\x1b[0m"),
        ("p95", {"value": 2.0, "n": 5, "method": "m"}, "2"),
        ("p95", {"not_estimable": "too few"}, "not estimable"),
    ],
)
def test_values_are_shown_with_the_unit_of_their_name(name: str, value: object, expected: str) -> None:
    """The suffix of a name gives the unit; figures and nested values are read too."""
    assert grid.value_cell(name, value).value == expected


def test_named_records_become_one_table() -> None:
    """Keys of all records are columns, in the order of first mention; what one lacks is a dash."""
    table = grid.block({"endpoints": {"a": {"x": 1}, "b": {"y": 2}}}).grids[0]
    assert table.heads == ("", "X", "Y")
    assert [(name, [cell.value for cell in cells]) for name, cells in table.rows] == [
        ("a", ["1", "\u2013"]),
        ("b", ["\u2013", "2"]),
    ]
