"""The hot path: an OpenAI-like event stream, counted chunk by chunk with as little JSON parsing as exactness allows.

Successive content events of one answer differ only in one JSON string. Once such an event has been parsed, the bytes
before and after that string are known (`Slot`); an event with the same bytes around a well-formed JSON string body
is a content chunk, and its body is kept unread until the end. Every other event is parsed. Whether an event took the
short way or the long one changes nothing but the time spent: the tests compare the two.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from scenarios.records import Outcome
from scenarios.wire.api_error import parse_error
from scenarios.wire.json_value import parse
from scenarios.wire.openai_answer import FINISHES, Answer, Part
from scenarios.wire.plain import NEXT, STRING_BODY, Plain, is_string_body
from scenarios.wire.protocol import ApiError
from scenarios.wire.sse import EventSplitter

if TYPE_CHECKING:
    from scenarios.wire.protocol import Reply
    from scenarios.wire.sse import Event

HEAD_BYTES = 65_536
"""How much of a body without events is kept, to say what it is."""

MISSES_ALLOWED = 4
"""How many slots may go unused in a row before the search for slots ends: such a stream changes elsewhere too."""

_fields = re.compile(rb'"(?:content|reasoning|reasoning_content)"\s*:\s*"(' + STRING_BODY + rb')"').finditer
_PROBE = b"slot"
_FOUND, _REASONED = Part(text=_PROBE.decode()), Part(reasoning=_PROBE.decode())
_SSE_FIELDS = (b"data:", b"event:", b"id:", b"retry:", b"error:", b":")


class Slot(NamedTuple):
    """The bytes of an event's data before and after its one content string, and where that string belongs."""

    before: bytes
    after: bytes
    reasoning: bool


def find_slot(data: bytes) -> Slot | None:
    """Find where the content string of an event stands; None if it is not its only effect.

    Proof: with another string in that place, that string is all that the event says, and a JSON string is opaque to
    what surrounds it.
    """
    for match in _fields(data):
        before, after = data[: match.start(1)], data[match.end(1) :]
        answer = Answer()
        value = parse(before + _PROBE + after)
        part = answer.take(value, "delta") if isinstance(value, dict) else None
        if answer.error or answer.usage or answer.finish_reason:
            return None
        if part in (_FOUND, _REASONED):
            return Slot(before, after, reasoning=part == _REASONED)
    return None


class StreamDecoder:
    """Reader of one event stream."""

    __slots__ = ("_answer", "_events", "_foreign", "_frame", "_head", "_malformed", "_misses", "_said", "_slot",
                 "done", "plain", "visible")  # fmt: skip

    def __init__(self) -> None:
        self.visible = False
        self.done = False
        self._answer = Answer()
        self._malformed = 0
        self._foreign = 0
        self._events = EventSplitter()
        self._head = b""
        self._slot: Slot | None = None
        self._misses = 0
        self._frame = b"data: ", b"\n\n"
        self._said = bytearray()
        self.plain: Plain | None = None

    def feed(self, data: bytes) -> int:
        """Take `data`; give how many non-empty content chunks it completed."""
        if self.plain is not None and self.plain.take(data):
            return 1
        return self._feed_events(data)

    def finish(self) -> Reply:
        """Give what was said up to the end of the body."""
        self._flush()
        complete = self.done and bool(self._answer.finish_reason)
        return self._answer.reply(self._verdict(complete=complete), complete=complete, malformed_events=self._malformed)

    def _arm(self, slot: Slot) -> None:
        head, tail = self._frame
        self.plain = Plain(head + slot.before, slot.after + tail, self._said)

    def _feed_events(self, data: bytes) -> int:
        was_idle = self._events.idle
        if not self._answer.recognised and len(self._head) < HEAD_BYTES:
            self._head += data
        self.plain = None
        events = self._events.feed(data)
        count = 0
        for event in events:
            count += self._take(event)
        if self._slot and self._events.idle:
            if was_idle and len(events) == 1:
                self._frame = _frame(data, events[0].data) or self._frame
            self._arm(self._slot)
        return count

    def _take(self, event: Event) -> int:
        """Take one event; give 1 if it is a content chunk, else 0."""
        name, data = event
        slot = self._slot
        if slot and name != b"error" and data.startswith(slot.before) and data.endswith(slot.after):
            body = data[len(slot.before) : len(data) - len(slot.after)]
            if is_string_body(body):
                self._said += body + NEXT
                return 1
        if self.done or not (data := data.strip()):
            return 0
        if data == b"[DONE]":
            self.done = True
            self._settle(None)
            return 0
        return self._parse(name, data)

    def _parse(self, name: bytes, data: bytes) -> int:
        value = parse(data)
        if name == b"error":
            self._answer.fail(parse_error(data))
        elif isinstance(value, dict):
            return self._take_value(value, data)
        else:
            self._malformed += 1
        return 0

    def _take_value(self, value: dict[str, Any], data: bytes) -> int:
        self._flush()
        knew = self._answer.recognised
        part = self._answer.take(value, "delta")
        if not (knew or self._answer.recognised):
            self._foreign += 1
        if not part.content:
            return 0
        self.visible = self.visible or part.visible
        if self._misses < MISSES_ALLOWED:
            self._settle(find_slot(data))
        return 1

    def _settle(self, slot: Slot | None) -> None:
        """Take `slot` as the place where the next content stands."""
        self._flush()
        self._slot = slot
        self._misses += 1

    def _flush(self) -> None:
        """Read the string bodies that were kept."""
        if not (self._said and self._slot):
            return
        texts = parse(b'["%b"]' % bytes(self._said.removesuffix(NEXT)))
        assert isinstance(texts, list)  # of well-formed string bodies
        text = "".join(texts)
        (self._answer.reasoning if self._slot.reasoning else self._answer.text).append(text)
        self._said.clear()
        self._misses = 0

    def _verdict(self, *, complete: bool) -> tuple[Outcome, ApiError | None]:
        answer = self._answer
        if not (answer.error or answer.recognised):
            return self._unrecognised()
        broken = answer.error or FINISHES.get(answer.finish_reason) is Outcome.STREAM_ERROR
        return answer.outcome() if complete or broken else (Outcome.STREAM_TRUNCATED, None)

    def _unrecognised(self) -> tuple[Outcome, ApiError | None]:
        """Say what a body is in which no event of this API was found."""
        if self._malformed or self._foreign:
            events = self._malformed + self._foreign
            return Outcome.BAD_RESPONSE, ApiError("malformed_events", f"none of {events} events is a chat chunk")
        head = self._head.strip()
        if not head or any(head.startswith(name) or name.startswith(head) for name in _SSE_FIELDS):
            return Outcome.STREAM_TRUNCATED, None
        return self._not_a_stream(head)

    def _not_a_stream(self, head: bytes) -> tuple[Outcome, ApiError | None]:
        value = parse(head)
        if isinstance(value, dict):
            self._answer.take(value, "message")
        if self._answer.error:
            return self._answer.outcome()
        if self._answer.recognised:
            return Outcome.BAD_RESPONSE, ApiError("not_a_stream", "a stream was asked for and a whole answer came")
        return Outcome.BAD_RESPONSE, ApiError("not_an_event_stream", "the body is not an event stream")


def _frame(data: bytes, payload: bytes) -> tuple[bytes, bytes] | None:
    """Give what stands around `payload` in `data`, if that is nothing but one `data` field and a blank line."""
    head = b"data: " if data.startswith(b"data: ") else b"data:"
    tail = data[len(head) + len(payload) :]
    framed = data.startswith(head + payload) and tail in (b"\n\n", b"\r\n\r\n")
    return (head, tail) if framed else None
