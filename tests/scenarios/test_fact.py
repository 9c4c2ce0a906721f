"""Facts: what counts as asserted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from scenarios.fact import AnyFact, Fact, numbers, plain

FACT: TypeAdapter[Fact] = TypeAdapter(AnyFact)

CASES = [
    # fact as written, answer, words found
    ("Paris", "It is PARIS.", "paris"),
    ("Paris", "The Parisian suburbs.", ""),  # whole words only
    ("Paris", "It is not Paris.", ""),  # negated
    ("Paris", "It isn't Lyon, it is Paris.", "paris"),  # the negation ends with its clause
    ("Paris", "Not only Paris, but all of France.", "paris"),
    ("don't press", "You don\u2019t  press it.", "don't press"),  # quotes and blanks are of one kind
    (["two", "2"], "After 2 days.", "2"),
    ([], "anything", None),
    (49.9, "It costs 49,90 EUR.", "49,90"),
    (1234.5, "about 1,234.5 in all", "1,234.5"),
    (1234.5, "1.234,5 insgesamt", "1.234,5"),
    (7, "17 or 70", ""),
    (56, "It is 56.", "56."),
    ({"number": 100, "tolerance": 5}, "some 97 people", "97"),
    ({"number": 100, "tolerance": 5}, "some 94 people", ""),
    ({"regex": r"\bv\d+\.\d+"}, "released as V2.1", "v2.1"),
    ({"of": ["red", "green", "blue"]}, "blue, red and green", "red, green, blue"),
    ({"of": ["red", "green", "blue"]}, "blue and red", ""),
    ({"of": ["red", "green", "blue"], "at_least": 2}, "blue and red", "red, blue"),
]


@pytest.mark.parametrize(("written", "answer", "expected"), CASES, ids=str)
def test_what_is_asserted(written: object, answer: str, expected: str | None) -> None:
    """A fact is found or not; what says nothing is no fact."""
    if expected is None:
        with pytest.raises(ValidationError, match="one of any, regex, number, of"):
            FACT.validate_python(written)
    else:
        assert FACT.validate_python(written).asserted(plain(answer)) == expected


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"regex": "("}, "no regular expression"),
        ({"any": ["a"], "number": 1}, "write one of them"),
        ({"of": ["a"], "at_least": 2}, "cannot be above the number of texts"),
        ({"regex": "x+", "example": "y"}, "does not match"),
        ({"one_of": ["a"]}, "did you mean any"),
    ],
)
def test_what_is_no_fact(written: object, said: str) -> None:
    """What cannot be right is said."""
    with pytest.raises(ValidationError, match=said):
        FACT.validate_python(written)


@given(st.floats(-1e9, 1e9).map(lambda value: round(value, 2)))
def test_a_number_is_read_as_it_is_written(value: float) -> None:
    """With groups or without, a number is itself."""
    assert [list(numbers(f"{value:,.2f}")), list(numbers(f"{value:.2f}"))] == [[value], [value]]


@given(st.text(max_size=200), st.text(min_size=1, max_size=20))
def test_any_answer_is_read(answer: str, text: str) -> None:
    """Whatever an answer holds, it has words that assert a fact or none."""
    assert Fact(any=(text,)).asserted(plain(answer)) in {"", plain(text)}


@pytest.mark.parametrize("written", [case[0] for case in CASES if case[2] is not None], ids=str)
def test_a_fact_survives_the_way_to_a_worker(written: object) -> None:
    """What is dumped is what was said, and it reads as the same fact."""
    fact = FACT.validate_python(written)
    assert Fact.model_validate(fact.model_dump(mode="json")) == fact
