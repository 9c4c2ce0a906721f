"""What `run.json` says of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from locustfiles import _disturbance, _folder
from locustfiles._validity import judge
from scenarios.classes import cases_of
from scenarios.pricing import price
from scenarios.records import SCHEMA_VERSION

if TYPE_CHECKING:
    from locustfiles._clock import RunClock
    from locustfiles._order import Order
    from locustfiles._report import WorkerReport
    from locustfiles._schedule import Schedule
    from scenarios.endpoint import Endpoint
    from scenarios.scenario import Scenario


def run_document(  # noqa: PLR0913 - the parts of a run
    order: Order,
    clock: RunClock,
    schedule: Schedule,
    reports: Sequence[WorkerReport],
    stop_reasons: Mapping[str, str],
    *,
    interrupted: bool,
    breakdown: str = "",
) -> dict[str, Any]:
    """Give the document; `reports` is empty while the run lasts, `breakdown` says why it had to end early."""
    scenario = order.scenario
    story = reports, schedule.spans, clock.now()
    policy = scenario.traffic.on_worker_loss
    return {
        "schema_version": SCHEMA_VERSION,
        "run_id": order.run_id,
        "name": scenario.name,
        "started_at": _utc(order.epoch_unix_s),
        "ended_at": _utc(order.epoch_unix_s + clock.now()) if reports else None,
        "interrupted": interrupted,
        "command": _folder.command_line(),
        "seed": scenario.seed,
        "versions": _folder.versions(),
        "load_model": "closed",
        "epoch_unix_s": order.epoch_unix_s,
        "epoch_monotonic_s": clock.epoch_monotonic_s,
        "scenario": scenario.to_document(),
        "scenario_digest": scenario.digest,
        "urls": order.urls,
        "phases": [span.to_document() for span in schedule.spans],
        "workers": [_worker(report) for report in reports],
        "validity": _validity(reports, [*filter(None, [breakdown]), *_disturbance.reasons(*story, policy)]),
        "disturbed": [asdict(each) for each in _disturbance.disturbances(*story)],
        "notes": [*warnings(scenario), *_disturbance.notes(*story, policy)],
        "endpoint_stops": dict(stop_reasons),
        "cases": cases_of(scenario.conversation.prompts),
        "prices": {name: _prices(endpoint) for name, endpoint in scenario.endpoints.items()},
    }


def warnings(scenario: Scenario) -> list[str]:
    """Say what whoever reads the figures must know of the ways to the endpoints."""
    return [f"{name}: {warning}" for name, each in scenario.endpoints.items() for warning in each.warnings]


def _utc(unix_s: float) -> str:
    return datetime.fromtimestamp(unix_s, UTC).isoformat()


def _validity(reports: Sequence[WorkerReport], disturbed: Sequence[str]) -> dict[str, Any]:
    judged: dict[str, Any] = judge(reports)
    return {"verdict": "invalid" if disturbed else judged["verdict"], "reasons": [*disturbed, *judged["reasons"]]}


def _worker(report: WorkerReport) -> dict[str, Any]:
    return {key: value for key, value in asdict(report).items() if key not in ("gaps", "answers")}


def _prices(endpoint: Endpoint) -> dict[str, Any] | None:
    """Give USD per million tokens as decimal text, None when no price is known."""
    table = price(endpoint)
    return None if table is None else table.model_dump(mode="json")
