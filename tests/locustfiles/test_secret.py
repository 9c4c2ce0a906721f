"""When a shared secret must be there."""

from __future__ import annotations

import pytest

from locustfiles._secret import VARIABLE, derive, is_loopback, key_for
from scenarios.errors import TailgateError

LONG = "a-secret-for-this-test-only"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("*", False),
        ("0.0.0.0", False),  # noqa: S104 - it is not bound
        ("10.0.0.1", False),
        ("master.example", False),
    ],
)
def test_is_loopback(host: str, *, expected: bool) -> None:
    """Only what no other machine can reach is loopback."""
    assert is_loopback(host) == expected


def test_beyond_this_machine_a_secret_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without one, loopback goes unlocked and anything else is refused with the variable's name."""
    monkeypatch.delenv(VARIABLE, raising=False)
    assert key_for("127.0.0.1", "--master-bind-host 127.0.0.1") is None
    with pytest.raises(TailgateError, match=r"^--master-bind-host \*: TAILGATE_SECRET is not set; "):
        key_for("*", "--master-bind-host *")


def test_a_short_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """What can be guessed is no secret; it is not quoted."""
    monkeypatch.setenv(VARIABLE, "hunter2")
    with pytest.raises(TailgateError, match="has 7 characters: use 16 or more") as caught:
        key_for("127.0.0.1", "")
    assert "hunter2" not in str(caught.value)


def test_same_secret_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processes with the same secret have the same keys, and those of two purposes differ."""
    monkeypatch.setenv(VARIABLE, LONG)
    key = key_for("*", "")
    assert key is not None
    assert (len(key), key == key_for("10.0.0.1", ""), LONG.encode() in key) == (32, True, False)
    assert derive(key, "curve/master") == derive(key, "curve/master") != derive(key, "curve/worker")
