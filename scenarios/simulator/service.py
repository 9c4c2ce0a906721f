"""One simulated endpoint: it reads a request, refuses it, or has it served when a slot is free."""

from __future__ import annotations

import hashlib
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from scenarios.endpoint import Endpoint
from scenarios.expect import Expect
from scenarios.simulated import Simulated
from scenarios.simulator.claim import Claim
from scenarios.simulator.connection import Connection, Request
from scenarios.simulator.dialect import Ask, Dialect, Invalid, Job, error
from scenarios.simulator.exchange import Exchange, at_once
from scenarios.simulator.generic import Generic
from scenarios.simulator.limits import KeyedLimits, Promises
from scenarios.simulator.model import BROKEN, Draw, Model
from scenarios.simulator.openai import OpenAiChat, input_usage
from scenarios.simulator.refusal import CODES, Refusal, go_duration, refuse, too_large
from scenarios.simulator.response import whole
from scenarios.simulator.slots import Slots
from scenarios.simulator.truth import Truth

UNDER_WAY_S = 0.05
"""Requests of other users of a key may be under way when it is refused; half of what the naive policy waits."""

ERRORS = {"error_500": (500, "server_error"), "error_503": (503, CODES[503]), "error_529": (529, CODES[529])}


@dataclass(slots=True)
class Visit:
    """A request on its way to an answer: where it came from, its truth so far, headers of the response so far."""

    request: Request
    connection: Connection
    truth: Truth
    headers: dict[str, str] = field(default_factory=dict)

    def names(self) -> tuple[str, ...]:
        """Give the names under which a wait told to this caller is kept: its key, its connection, its request id."""
        same = f"id {self.truth.request_id}" if self.truth.request_id else ""
        return tuple(filter(None, (f"key {self.truth.key}", f"connection {self.connection.number}", same)))

    def end(self, status: int, body: object, *, billed: bool = False) -> Exchange:
        """Answer at once, without a slot; one that is billed has 0 output tokens in the truth log."""
        self.truth.status = status
        keep_alive = self.request.keep_alive
        data = whole(status, body, self.headers, keep_alive=keep_alive)
        output_tokens = 0 if billed else None
        return Exchange(self.connection, self.truth, at_once(data), keep_alive=keep_alive, output_tokens=output_tokens)


class Service:
    """An endpoint's API, model, limits and slots."""

    def __init__(
        self, name: str, endpoint: Endpoint, seed: int, expected: Mapping[str, Expect] = MappingProxyType({})
    ) -> None:
        """Serve `endpoint`; `expected` says by the user's words what a right answer is."""
        simulated = endpoint.simulated or Simulated()
        self.name = name
        self.model_name = endpoint.model or name
        self.dialect = _dialect(endpoint, self.model_name)
        self.slots: Slots[Exchange] = Slots(simulated.concurrency, simulated.max_queue)
        self._limit = simulated.limit
        self._timings = simulated.timings
        self._limits = KeyedLimits(simulated.limit) if simulated.limit else None
        self._promises = Promises()
        self._model = Model(seed, name, simulated)
        self._expected = expected
        self._epoch_s = time.monotonic()
        self._number = 0

    def exchange(self, request: Request, connection: Connection) -> Exchange:
        """Decide at once what becomes of a request: refused, failed, or to be served."""
        visit = self._visit(request, connection)
        truth = visit.truth
        try:
            ask = self.dialect.read(request.body)
        except Invalid as problem:
            return visit.end(problem.status, error(problem.status, problem.code, str(problem)))
        truth.input_tokens, truth.cached_input_tokens = ask.input_tokens, ask.cached_tokens
        if refused := self._beyond_limit(visit, ask.input_tokens + (ask.max_tokens or 0)):
            return refused
        draw = self._model.draw(truth.number, ask.max_tokens, self._expected.get(ask.said))
        truth.fault = draw.fault
        if draw.fault in ERRORS:
            status, code = ERRORS[draw.fault]
            return visit.end(status, error(status, code, "The request failed. Try again."))
        if self.slots.full:
            message = f"{self.slots.waiting} requests are in line: the queue is full."
            return visit.end(503, error(503, CODES[503], message))
        return self._serve(visit, ask, draw)

    def _visit(self, request: Request, connection: Connection) -> Visit:
        """Give the request its number, and note whether it was told to come later."""
        self._number += 1
        request_id = request.headers.get("x-client-request-id", "")
        truth = Truth(self._number, self.name, key_name(request), request_id, request.arrived_s)
        visit = Visit(request, connection, truth, {"x-request-id": f"{self.name}-{self._number}"})
        key, *client = visit.names()
        truth.early_client = int(any(self._promises.broken(name, request.arrived_s) for name in client))
        under_way_s = UNDER_WAY_S if request_id and not truth.early_client else 0.0
        truth.early = int(self._promises.broken(key, request.arrived_s, under_way_s))
        return visit

    def _beyond_limit(self, visit: Visit, tokens: int) -> Exchange | None:
        """Refuse a request beyond its key's limit."""
        if self._limits is None or self._limit is None:
            return None
        arrived_s = visit.request.arrived_s
        keyed = self._limits.of(visit.truth.key)
        dimension, wait_s = keyed.admit(max(0.0, arrived_s - self._epoch_s), tokens)
        for name, own in keyed.dimensions.items():
            visit.headers[f"x-ratelimit-limit-{name}"] = str(own.limit)
            visit.headers[f"x-ratelimit-remaining-{name}"] = str(own.remaining)
        if wait_s <= 0:
            for name, own in keyed.dimensions.items():
                visit.headers[f"x-ratelimit-reset-{name}"] = go_duration(own.reset_s)
            return None
        refusal = too_large(self._limit, tokens) if wait_s == math.inf else self._refusal(visit, dimension, wait_s)
        visit.headers |= refusal.headers
        body = refusal.body
        if self._limit.bills_refused:
            body |= {"usage": input_usage(visit.truth.input_tokens or 0, visit.truth.cached_input_tokens or 0)}
        return visit.end(refusal.status, body, billed=self._limit.bills_refused)

    def _refusal(self, visit: Visit, dimension: str, wait_s: float) -> Refusal:
        """Say when to come back, and keep in mind who was told."""
        assert self._limit is not None
        # The wait counts from the arrival; the client hears of it now, and what is over by now is not asked for.
        now_s = time.monotonic()
        left_s = max(wait_s - (now_s - visit.request.arrived_s), 0.001)
        refusal = refuse(self._limit, left_s, dimension=dimension)
        if refusal.hint.told_s is not None:
            visit.truth.retry_after_s = refusal.hint.told_s
            for name in visit.names():
                self._promises.tell(name, now_s, now_s + refusal.hint.wait_s)
        return refusal

    def _serve(self, visit: Visit, ask: Ask, draw: Draw) -> Exchange:
        visit.truth.status, visit.truth.quality = 200, draw.quality
        keep_alive = visit.request.keep_alive
        claim = Claim(self._timings, visit.truth)
        job = Job(ask, draw, f"{self.name}-{visit.truth.number}", visit.headers, claim, keep_alive)
        if draw.reasoning_tokens:
            broken = ask.stream and draw.fault in BROKEN
            visit.truth.reasoning_tokens = (
                min(draw.reasoning_tokens, draw.cut_after) if broken else draw.reasoning_tokens
            )
        unfinished = draw.fault in BROKEN or (draw.fault == "missing_done" and not ask.stream)
        return Exchange(
            visit.connection,
            visit.truth,
            self.dialect.answer(job),
            slots=self.slots,
            keep_alive=keep_alive,
            output_tokens=0 if draw.fault in {"role_only", "stream_error"} else draw.output_tokens,
            finish_reason="" if unfinished else draw.finish_reason,
        )


def _dialect(endpoint: Endpoint, model_name: str) -> Dialect:
    if endpoint.api == "generic":
        return Generic(endpoint.template)
    return OpenAiChat(endpoint.model, model_name)


def key_name(request: Request) -> str:
    """Name the caller's key without showing it: a hash, or "anonymous"."""
    found = request.headers.get("authorization") or request.headers.get("x-api-key")
    return "key-" + hashlib.sha256(found.encode()).hexdigest()[:12] if found else "anonymous"
