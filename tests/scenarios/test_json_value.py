"""JSON as servers write it is read as the json module reads it, and never raises."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.wire.json_value import parse

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES, st.booleans())
def test_any_value(value: object, escaped: bool) -> None:  # noqa: FBT001
    """Whatever json.dumps writes, escaped or not, comes back as json.loads reads it."""
    text = json.dumps(value, ensure_ascii=escaped)
    assert json.loads(text) == parse(text.encode("utf-8", "surrogatepass"))


@given(st.binary(max_size=60))
def test_any_bytes(data: bytes) -> None:
    """What is no JSON is None, and nothing is raised."""
    try:
        expected = json.loads(data.decode("utf-8", "replace"))
    except ValueError:
        expected = None
    assert repr(expected) == repr(parse(data))  # NaN is not equal to itself


@pytest.mark.parametrize(
    ("data", "value"),
    [
        (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        (b'{"a": "\\ud83d"}', {"a": "\ud83d"}),
        (b'{"a": "\xff"}', {"a": "\N{REPLACEMENT CHARACTER}"}),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"[12345678901234567890123]", [12345678901234567890123]),
        (b"[" * 500 + b"]" * 500, json.loads("[" * 500 + "]" * 500)),
        (b"[" * 100_000, None),
        (b"", None),
    ],
)
def test_odd_values(data: bytes, value: object) -> None:
    """A byte order mark, half a surrogate pair, bytes that are not UTF-8, great numbers and depth are coped with."""
    assert value == parse(data)
