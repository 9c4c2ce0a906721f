"""Exit codes and the one error type whose text is meant for a person."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit codes of every command."""

    PASS = 0
    INTERNAL_ERROR = 1
    USAGE = 2
    BREACHED = 3
    INCONCLUSIVE = 4
    INVALID = 5


class TailgateError(Exception):
    """A problem that a person can mend: the text says what is wrong, where, and what would be right.

    The command line prints it without a traceback and exits with `code`.
    """

    def __init__(self, message: str, code: ExitCode = ExitCode.USAGE) -> None:
        super().__init__(message)
        self.code = code


class ScenarioError(TailgateError):
    """All problems of one scenario file, one line each, as `file:line:col: what is wrong, what would be right`."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
