"""What a worker keeps on its own disk beside its rows, for `tailgate collect` to rebuild the run from.

`run-<worker>.json` is a `run.json` of this worker alone, with its gaps and answers under `gaps` and `answers`.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from locustfiles import _answers, _folder, _gaps
from locustfiles._run_document import run_document

if TYPE_CHECKING:
    from locustfiles._campaign import Campaign
    from locustfiles._order import Order
    from locustfiles._report import WorkerReport


def write_run(campaign: Campaign, order: Order, report: WorkerReport | None) -> None:
    """Write it anew; without a report while the run lasts. A full disk costs this file, not the run."""
    reasons = {name: lane.stop_reason for name, lane in campaign.lanes.items() if lane.stop_reason}
    reports = [report] if report else []
    document = run_document(order, campaign.clock, campaign.schedule, reports, reasons, interrupted=True)
    document |= {"gaps": report.gaps if report else [], "answers": report.answers if report else []}
    with contextlib.suppress(OSError):
        _folder.write_json(campaign.folder / f"run-{campaign.worker}.json", document)
        if report:
            for of in (_answers, _gaps):
                of.own_path(campaign.folder, campaign.worker).unlink(missing_ok=True)
