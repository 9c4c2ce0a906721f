"""From a scenario to Locust's user classes: one for each endpoint, named after it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from locust import User

    from scenarios.scenario import Scenario


def class_name(endpoint: str) -> str:
    """Give the user class's name: `gpt-5-mini` becomes `Gpt5MiniUser`."""
    words = re.split(r"[^A-Za-z0-9]+", endpoint)
    name = "".join(word[:1].upper() + word[1:] for word in words if word)
    return f"{name if name[:1].isalpha() else f'Endpoint{name}'}User"


def user_classes(base: type[User], scenario: Scenario) -> dict[str, type[User]]:
    """Give a subclass of `base` for each endpoint, by its name; names that collide are numbered."""
    classes: dict[str, type[User]] = {}
    for endpoint, spec in scenario.endpoints.items():
        name = wanted = class_name(endpoint)
        number = 1
        while name in classes:
            number += 1
            name = f"{wanted}{number}"
        members = {
            "__doc__": f"A chat user of {endpoint}.",
            "__module__": base.__module__,
            "abstract": False,
            "endpoint": endpoint,
            "host": spec.url or "simulated",
        }
        classes[name] = type(name, (base,), members)
    return classes
