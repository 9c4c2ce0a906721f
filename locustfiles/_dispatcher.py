"""Locust's dispatcher of users, told when it is done."""

from __future__ import annotations

from collections.abc import Generator

from locust.dispatch import UsersDispatcher


class Dispatcher(UsersDispatcher):
    """Locust's own stays "in progress" for ever when all it did was to move users: the next worker's are not moved."""

    def _dispatcher(self) -> Generator[dict[str, dict[str, int]]]:
        yield from super()._dispatcher()
        self._dispatch_in_progress = False
