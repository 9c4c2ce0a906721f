"""User classes out of endpoints."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locustfiles._users import class_name, user_classes
from scenarios.scenario import Endpoint, Scenario


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("small", "SmallUser"),
        ("gpt-5-mini", "Gpt5MiniUser"),
        ("llama_3_70B", "Llama370BUser"),
        ("Claude", "ClaudeUser"),
        ("5-mini", "Endpoint5MiniUser"),
        ("---", "EndpointUser"),
    ],
)
def test_name(endpoint: str, expected: str) -> None:
    """Names read like Locust's own."""
    assert class_name(endpoint) == expected


@given(st.text())
def test_any_name_is_a_class_name(endpoint: str) -> None:
    """Whatever an endpoint is called, its class can be written on the command line."""
    assert (class_name(endpoint).isidentifier(), class_name(endpoint).isascii()) == (True, True)


class Base:
    """Stands for Locust's User, which would patch this process."""


def scenario(*names: str) -> Scenario:
    """Give a scenario with these endpoints."""
    return Scenario(endpoints={name: Endpoint(url=f"http://127.0.0.1:1/{name}") for name in names})


def test_a_class_for_each_endpoint() -> None:
    """In the scenario's order, each knowing its endpoint and host."""
    classes = user_classes(Base, scenario("large", "small"))  # type: ignore[type-var]
    seen = [(name, cls.endpoint, cls.host, issubclass(cls, Base)) for name, cls in classes.items()]
    assert seen == [
        ("LargeUser", "large", "http://127.0.0.1:1/large", True),
        ("SmallUser", "small", "http://127.0.0.1:1/small", True),
    ]


def test_names_that_fall_together_are_numbered() -> None:
    """`a-b`, `a_b` and `aB` are three classes."""
    classes = user_classes(Base, scenario("a-b", "a_b", "aB"))  # type: ignore[type-var]
    assert list(classes) == ["ABUser", "ABUser2", "ABUser3"]
