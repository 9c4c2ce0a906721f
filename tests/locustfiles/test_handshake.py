"""What a worker must bring."""

from __future__ import annotations

import time

import pytest

from locustfiles._handshake import Terms, refusals

HERE = "127.0.0.1"


def test_a_fit_worker_has_no_refusal() -> None:
    """Same versions, a key that is set, a clock two minutes off, and few users are fine."""
    terms = Terms("n", unix_s=time.time() - 120, keys={"small": ["PATH"]}, users=10)
    assert refusals(terms, HERE) == []


@pytest.mark.parametrize(
    ("terms", "expected"),
    [
        (Terms("n", versions={"tailgate": "9.9"}), "tailgate is "),
        (
            Terms("n", keys={"small": ["PATH", "TEST_NO_SUCH_KEY"]}),
            "TEST_NO_SUCH_KEY is not set here: the endpoint small needs",
        ),
        (Terms("n", unix_s=time.time() - 5000), "the clock is +5,"),
        (Terms("n", unix_s=time.time() + 9999), "the clock is -9,"),
        (Terms("n", users=10**9), "users need"),
    ],
)
def test_what_is_missing_is_named(terms: Terms, expected: str) -> None:
    """Each lack is one line that names it."""
    assert any(expected in line for line in refusals(terms, HERE))


def test_users_are_shared_among_the_workers() -> None:
    """Open files are asked for as many users as one of the workers gets."""
    assert refusals(Terms("n", users=10**9, workers=10**8), HERE) == []


def test_simulated_endpoints_are_out_of_reach() -> None:
    """A worker elsewhere can't reach what the master simulates on its loopback."""
    terms = Terms("n", simulated=["small"])
    assert refusals(terms, HERE) == []
    assert "tailgate simulate FILE --host" in refusals(terms, "10.0.0.1")[0]


def test_terms_survive_the_way() -> None:
    """They read back as they were; words of a later version are left out."""
    terms = Terms("n", keys={"a": ["B"]}, users=3)
    assert Terms.from_document({**terms.to_document(), "new": 1}) == terms
