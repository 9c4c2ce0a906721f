"""What one chat user does: conversations of turns, each turn one or more attempts, each attempt one row."""

from __future__ import annotations

import itertools
import logging
import random
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from locustfiles._answers import Answer
from locustfiles._attempt import final, hint_of, left_of, note_answer, note_no_connection, note_trace
from locustfiles._campaign import Campaign
from locustfiles._client import Client, ConnectError
from locustfiles._gate import Gate
from locustfiles._lane import Lane
from locustfiles._throttle import Wait, next_wait
from locustfiles._trace import Trace
from scenarios.dialogue import PlannedConversation, conversation_for
from scenarios.limits import VERDICTS, WAITED_ON, Decision
from scenarios.records import ANSWERED, Attempt, Outcome
from scenarios.wire import Message, Reply

log = logging.getLogger("tailgate")

ARRIVAL_SPREAD_S = 1.0
"""Locust spawns a second's users at once; each then comes at a time of its own within that second."""

Pause = Callable[[float], None]


class ChatSession:
    """One user's conversation, connection and place in time. `pause(seconds)` is how it sleeps."""

    def __init__(self, campaign: Campaign, lane: Lane, pause: Pause) -> None:
        self._campaign = campaign
        self._lane = lane
        self._pause = pause
        self._number = lane.next_user()
        self._user_id = f"{campaign.worker}-{lane.label}-{self._number}"
        self._rng = random.Random(f"{campaign.scenario.seed}/{self._user_id}")
        self._client = Client(lane.destination, lane.scenario.conversation.timeouts)
        self._conversations = 0
        self._turns = 0
        self._plan: PlannedConversation | None = None
        self._said = 0
        self._history: list[Message] = []
        self._passed_s = 0.0
        own = Gate() if lane.scenario.throttle.policy == "honor" else None
        self._gate = lane.gate or own  # scope: user
        self.next_turn_s = campaign.clock.now() + self._rng.random() * ARRIVAL_SPREAD_S

    def close(self) -> None:
        """Leave."""
        self._client.close()

    def think(self) -> float:
        """Give the seconds until the next turn is due."""
        return max(self.next_turn_s - self._campaign.clock.now(), 0.0)

    @property
    def may_go_on(self) -> bool:
        """Whether another turn may start now."""
        lane, schedule = self._lane, self._campaign.schedule
        return not lane.stop_reason and schedule.is_open(lane.name, lane.arm, self._campaign.clock.now())

    def take_turn(self) -> Attempt:
        """Say the next thing and read the answer, waiting and trying again as the server asks. Gives the last row."""
        plan = self._plan or self._next_conversation()
        intended_s = self.next_turn_s
        self._history.append(Message("user", plan.user_turns[self._said]))
        self._turns += 1
        self._lane.active += 1
        try:
            attempt, reply = self._attempts(plan, intended_s)
        finally:
            self._lane.active -= 1
        self._remember(plan, reply)
        think_s = self._lane.scenario.traffic.think_time.sample(self._rng)
        self.next_turn_s = self._campaign.clock.now() + think_s
        return attempt

    def _next_conversation(self) -> PlannedConversation:
        self._conversations += 1
        self._said = 0
        self._history = []
        identity = f"{self._campaign.worker}-{self._number}"  # the same prompts on each endpoint
        self._plan = conversation_for(self._lane.scenario, identity, self._conversations)
        return self._plan

    def _remember(self, plan: PlannedConversation, reply: Reply | None) -> None:
        """Go on with the conversation when there was an answer, start another when there was none or it is over."""
        self._said += 1
        if reply is None or self._said >= len(plan.user_turns):
            self._plan = None
        else:
            self._history.append(Message("assistant", reply.text))

    def _attempts(self, plan: PlannedConversation, intended_s: float) -> tuple[Attempt, Reply | None]:
        waited_s, wait, last = 0.0, None, None
        for attempt_no in itertools.count(1):
            attempt = self._row(plan, intended_s, attempt_no)
            attempt.waited_s = self._wait(attempt, wait, waited_s)
            waited_s += attempt.waited_s or 0.0
            if attempt.outcome is Outcome.GAVE_UP:
                self._campaign.record(self._lane, attempt, Trace())
                reply = None
                break
            if self._lane.stop_reason:  # another user was told meanwhile that none will be served
                return self._unsent(attempt, last), None
            reply, decision = self._attempt(attempt)
            wait = self._decide(attempt, decision, reply, waited_s)
            self._campaign.record(self._lane, attempt, self._client.trace)
            if wait is None:
                break
            last = attempt
        self._campaign.report_turn(self._lane, attempt)
        if reply is not None:
            self._keep(attempt, reply, graded=self._said in plan.graded and attempt.outcome in ANSWERED)
        return attempt, reply if attempt.outcome in ANSWERED else None

    def _unsent(self, attempt: Attempt, last: Attempt | None) -> Attempt:
        """End a turn before it sends `attempt`; give its last row."""
        if last is None:
            self._campaign.record(self._lane, attempt, Trace())
            return attempt
        self._campaign.report_turn(self._lane, last)
        return last

    def _keep(self, attempt: Attempt, reply: Reply, *, graded: bool) -> None:
        answers, lane = self._campaign.answers, (attempt.endpoint, attempt.arm)
        if answers.wants(lane, attempt.phase, attempt.turn_id, graded=graded):
            answers.offer(self._answer(attempt, reply), graded=graded)

    def _answer(self, attempt: Attempt, reply: Reply) -> Answer:
        return Answer(
            endpoint=attempt.endpoint,
            arm=attempt.arm,
            phase=attempt.phase,
            worker=attempt.worker,
            turn_id=attempt.turn_id,
            case_id=attempt.case_id,
            turn_no=self._said + 1,
            prompt=self._history[-1].content,
            answer=reply.text,
            reasoning=reply.reasoning,
            outcome=str(attempt.outcome),
            finish_reason=attempt.finish_reason,
        )

    def _row(self, plan: PlannedConversation, intended_s: float, attempt_no: int) -> Attempt:
        lane = self._lane
        return Attempt(
            run_id=self._campaign.run_id,
            worker=self._campaign.worker,
            seq=0,
            user_id=self._user_id,
            conversation_id=f"{self._user_id}-c{self._conversations}",
            turn_id=f"{self._user_id}-t{self._turns}",
            case_id=plan.case_id,
            endpoint=lane.name,
            arm=lane.arm,
            phase="",
            attempt_no=attempt_no,
            intended_s=intended_s,
        )

    def _attempt(self, attempt: Attempt) -> tuple[Reply | None, Decision]:
        """Make one HTTP attempt and fill its row; a user who is stopped meanwhile leaves the row as `in_flight`."""
        conversation = self._lane.scenario.conversation
        request_id = f"{attempt.run_id}/{attempt.worker}/{attempt.turn_id}/{attempt.attempt_no}"
        body = self._client.body(
            self._history, conversation.max_output_tokens, stream=conversation.stream, nonce=attempt.turn_id
        )
        decoder = self._lane.destination.decoder(stream=conversation.stream)
        try:
            trace = self._client.exchange(body, request_id, decoder)
        except ConnectError as error:
            return None, note_no_connection(attempt, error, self._client.connect_s, self._campaign.clock)
        except Exception as error:
            log.exception("a turn broke off: a defect of Tailgate")
            attempt.outcome, attempt.error_code = Outcome.CLIENT_ERROR, type(error).__name__
            return None, final(Outcome.CLIENT_ERROR)
        except BaseException:
            note_trace(attempt, self._client.trace, self._client.connect_s, self._campaign.clock)
            attempt.end_s = None
            self._campaign.record(self._lane, attempt, self._client.trace)
            raise
        note_trace(attempt, trace, self._client.connect_s, self._campaign.clock)
        answer = note_answer(attempt, trace, decoder, self._lane.destination.api)
        if self._gate is not None and self._gate.pace == "adaptive" and trace.headers_at is not None:
            left = left_of(trace, attempt, conversation.max_output_tokens)
            self._gate.inform(left, self._passed_s, trace.headers_at, served=answer[1].outcome in ANSWERED)
        return answer

    def _wait(self, attempt: Attempt, wait: Wait | None, waited_s: float) -> float | None:
        """Wait as asked, or with all who use the key at its gate; give the seconds, None when there was no wait.

        Who has not passed the gate after `max_wait`, on top of what itself was told, gives up; that, and being stopped
        there before the turn's first attempt, leaves a row without `sent_s`.
        """
        started = perf_counter()
        try:
            waited = wait is not None
            if wait is not None and not wait.shared:
                self._pause_until(started + wait.seconds)
            if self._gate is not None and not self._gate.pass_at_once():
                held, passed = self._pass(self._gate, self._patience_s(wait, waited_s))
                waited = waited or held
                attempt.outcome = attempt.outcome if passed else Outcome.GAVE_UP
        except BaseException:
            if attempt.attempt_no == 1:
                self._campaign.record(self._lane, attempt, Trace())
            raise
        self._passed_s = perf_counter()
        return self._passed_s - started if waited else None

    def _patience_s(self, wait: Wait | None, waited_s: float) -> float:
        """Give how long to stand at the gate at most."""
        throttle = self._lane.scenario.throttle
        patience_s = throttle.max_wait + (wait.seconds if wait else 0.0)
        return patience_s if throttle.max_total_wait is None else min(patience_s, throttle.max_total_wait - waited_s)

    def _pass(self, gate: Gate, patience_s: float) -> tuple[bool, bool]:
        """Go through the gate; tell whether it made us wait, and whether it let us through in time."""
        waited = False
        until = perf_counter() + patience_s
        ticket = gate.join()
        try:
            while (delay_s := gate.delay(ticket)) > 0:
                rest_s = until - perf_counter()
                if waited and rest_s <= 0:
                    gate.leave(ticket)
                    return True, False
                waited = True
                self._pause(min(delay_s, max(rest_s, 0.0)))
        except BaseException:
            gate.leave(ticket)
            raise
        return waited, True

    def _pause_until(self, moment: float) -> None:
        """Sleep, and sleep again when a timer strikes before its time."""
        while (rest_s := moment - perf_counter()) > 0:
            self._pause(rest_s)

    def _decide(self, attempt: Attempt, decision: Decision, reply: Reply | None, waited_s: float) -> Wait | None:
        """Say how long to wait before trying again; None ends the turn. Marks the row when it gives up.

        A limit, and a wait that the server names, hold for all who use the key, and for turns to come; a busy server's
        bare 503 does not.
        """
        if decision.stop_endpoint:
            self._lane.stop(VERDICTS[decision.reason])
        if decision.outcome not in WAITED_ON:
            return None
        throttle, key_gate = self._lane.scenario.throttle, self._lane.gate
        hint = hint_of(self._client.trace, reply)
        wait = next_wait(throttle, hint, attempt.attempt_no, waited_s, self._rng) if decision.retry else None
        attempt.wait_hint_s = hint.seconds if hint else None
        attempt.wait_source = hint.source if hint else (wait.source if wait else "")
        asked = hint or wait
        holds = hint is not None or (key_gate is not None and attempt.outcome is Outcome.THROTTLED)
        if self._gate is not None and asked is not None and holds:
            self._gate.refuse(asked.seconds, self._passed_s)
            if key_gate is not None:
                self._campaign.tell_refusal(self._lane, asked.seconds, self._passed_s)
        if decision.retry and wait is None and throttle.policy != "none":
            attempt.outcome = Outcome.GAVE_UP
        return wait and replace(wait, shared=holds and key_gate is not None)
