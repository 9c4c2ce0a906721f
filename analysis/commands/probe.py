"""`tailgate probe`: one real request per endpoint, shown as a few lines each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from scenarios.errors import ExitCode

if TYPE_CHECKING:
    from scenarios.probe import Finding
    from scenarios.scenario import Scenario
    from scenarios.server_timings import ServerTimings


def probe_scenario(file: Path) -> ExitCode:
    """Probe each endpoint of `file` in turn and print what was found. Raises TailgateError."""
    from scenarios.probe import probe
    from scenarios.scenario import load

    scenario = load(file)
    unusable = []
    with _simulated(scenario) as urls:
        for name in scenario.endpoints:
            finding = probe(scenario, name, urls.get(name))
            typer.echo("\n".join(lines(finding)))
            if not finding.usable:
                unusable.append(name)
    if unusable:
        typer.echo(f"\nNot usable: {', '.join(unusable)}.")
        return ExitCode.INVALID
    return ExitCode.PASS


@contextmanager
def _simulated(scenario: Scenario) -> Iterator[Mapping[str, str]]:
    """Serve the simulated endpoints while probing, if there are any."""
    if all(endpoint.simulated is None for endpoint in scenario.endpoints.values()):
        yield {}
        return
    from scenarios.simulator.process import Simulator

    with Simulator(scenario) as simulator:
        yield simulator.urls


def lines(finding: Finding) -> Iterator[str]:
    """Give the lines that tell one finding."""
    yield f"{finding.endpoint}: {finding.url}"
    if finding.status is not None:
        yield "  " + ", ".join(_facts(finding))
    if finding.limits:
        yield "  limits: " + ", ".join(f"{name}: {text}" for name, text in finding.limits.items())
    if finding.timings is not None:
        yield f"  its own clock ({finding.timings.source}): " + ", ".join(_told(finding.timings))
    for warning in (*finding.warnings, *finding.problems):
        yield f"  ! {warning}"
    if finding.usable and not finding.problems and not finding.warnings:
        yield "  nothing wrong"


def _told(timings: ServerTimings) -> Iterator[str]:
    from analysis.words.server_words import WORDS

    for name, words in WORDS.items():
        value_s: float | None = getattr(timings, f"{name.removesuffix('_ms')}_s")
        if value_s is not None:
            yield f"{words} {value_s * 1000:,.0f} ms"


def _facts(finding: Finding) -> Iterator[str]:
    outcome = finding.outcome or "no complete answer"
    yield f"status {finding.status} ({outcome})"
    for name, value_s in (
        ("connect", finding.connect_s),
        ("TTFT", finding.first_token_s),
        ("latency", finding.latency_s),
    ):
        if value_s is not None:
            yield f"{name} {value_s * 1000:,.0f} ms"
    if finding.answer_characters is not None:
        yield f"output {_tokens(finding)} ({finding.answer_characters} characters)"
    if finding.usage and finding.usage.input_tokens is not None:
        yield f"input {finding.usage.input_tokens} tokens"
    if finding.cost_usd is not None:
        yield f"cost ${finding.cost_usd:.6f}"


def _tokens(finding: Finding) -> str:
    usage = finding.usage
    if usage is None or usage.output_tokens is None:
        return "? tokens"
    reasoning = f" of which {usage.reasoning_tokens} reasoning" if usage.reasoning_tokens else ""
    return f"{usage.output_tokens} tokens{reasoning}"
