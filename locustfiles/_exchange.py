"""One request and its response on one connection, stamped as its bytes arrive.

libev calls `_readable` for each arrival: it stamps, de-frames and scans, without waking the user's greenlet, which
sleeps until the response has ended or a deadline has passed. Most arrivals are one HTTP chunk with one content event
like the last: they take the short way, past the parser and the decoder.
"""

from __future__ import annotations

import logging
from time import perf_counter

import gevent
from gevent import get_hub
from gevent.hub import Waiter

from locustfiles._framing import HTTP_OK, ResponseParser, UnframedError, missing
from locustfiles._short_way import ShortWay
from locustfiles._trace import Trace
from locustfiles._transport import BACKLOG, RECEIVE_BYTES, Connection
from scenarios.scenario import Timeouts
from scenarios.wire import Decoder

ERROR_BODY_BYTES = 65536
DONE_GRACE_S = 1.0
"""How long the HTTP message may stay open after the protocol's own end marker."""

LATE_S = 0.005
"""Behind by this much, the loop may find two chunks of a stream waiting: it reads those apart, with two calls each."""

HOPELESS_S = 0.1
"""Behind by this much, it reads all that waits, so as to catch up: the run is invalid anyway."""

ONE_SEGMENT_S = 2e-6
"""Arrivals nearer than this carry the stamp of one segment: sending each by itself takes longer."""

SIZE_LINE_BYTES = 8

log = logging.getLogger("tailgate")


class _NotTakenError(Exception):
    """The server does not read what is sent to it."""


class Exchange:
    """Requests on one connection, one after the other: `expect` an answer, whose 200 body goes to `decoder`; `run`."""

    __slots__ = ("_decoder", "_finished", "_new_chunks", "_now", "_parser", "_patience_s", "_short_way", "_sleeper",
                 "_timeouts", "connection", "trace")  # fmt: skip

    def __init__(self, connection: Connection, timeouts: Timeouts) -> None:
        self.connection = connection
        self._timeouts = timeouts
        self._patience_s = min(timeouts.first_byte, timeouts.idle, timeouts.total)
        self._parser = ResponseParser(self._on_headers, self._on_body)
        self._sleeper: Waiter | None = None

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()
        self._parser.close()

    def expect(self, decoder: Decoder) -> Trace:
        """Be ready for an answer; give its trace, which `run` fills."""
        self._decoder = decoder
        self._parser.expect()
        self._short_way: ShortWay | None = None
        self._finished = False
        self._new_chunks = 0
        self._now = 0.0
        self.trace = Trace()
        return self.trace

    def run(self, request: bytes) -> None:
        """Do it. Failures stand in the trace; only the user's own end (GreenletExit and the like) is raised."""
        trace, connection, parser = self.trace, self.connection, self._parser
        try:
            connection.watch(self._readable)
            trace.sent = perf_counter()
            self._send(request)
            self._wait()
        finally:
            connection.rest()
            self._leave_short_way()
        trace.status, trace.headers = parser.status, parser.headers
        trace.reusable = connection.used = not trace.failure and parser.keep_alive

    def _send(self, request: bytes) -> None:
        try:
            if rest := self.connection.offer(request):
                with gevent.Timeout(min(self._timeouts.first_byte, self._timeouts.total), _NotTakenError):
                    self.connection.push(rest)
        except _NotTakenError:
            if not self._finished:
                self._now = perf_counter()
                self._end("first_byte_timeout", "the server did not take the request")
        except OSError as error:
            self._readable()  # a server that refuses early closes before it has read everything
            if not self._finished:
                self._end("connection_lost" if self.connection.used else "closed_before_answer", str(error))

    def _wait(self) -> None:
        if not self._finished:
            self._sleep(self._patience_s)  # whatever comes, no deadline is nearer
        while not self._finished:
            now = perf_counter()
            deadline, failure = self._deadline()
            if now >= deadline:
                self._readable()  # a loop that was busy has not read what has come meanwhile
                deadline, failure = self._deadline()
                if not self._finished and now >= deadline:
                    self._now = now
                    self._end(failure)
                continue
            self._sleep(min(deadline - now, self._timeouts.idle))  # bytes set no deadline nearer than that

    def _sleep(self, seconds: float) -> None:
        """Give way to others until `_wake`, or until the time is over."""
        hub = get_hub()
        self._sleeper = Waiter(hub)
        timer = hub.loop.timer(seconds)
        try:
            timer.start(self._sleeper.switch, None)
            self._sleeper.get()
        finally:
            self._sleeper = None
            timer.stop()
            timer.close()

    def _wake(self) -> None:
        if self._sleeper is not None:
            self._sleeper.switch(None)

    def _deadline(self) -> tuple[float, str]:
        """Give the next moment at which this exchange is given up, and the name of that failure."""
        trace, limits = self.trace, self._timeouts
        assert trace.sent is not None
        total = trace.sent + limits.total
        if self._decoder.done:
            return min(self._now + DONE_GRACE_S, total), ""
        if not trace.bytes_in:
            nearest = trace.sent + limits.first_byte, "first_byte_timeout"
        else:
            newest = max(self._now, trace.arrivals[-1] if trace.arrivals else 0.0)  # the short way notes no more
            nearest = newest + limits.idle, "idle_timeout"
        return min(nearest, (total, "total_timeout"))

    def _readable(self) -> None:
        """Take what arrived. Runs in the event loop: nothing here may block."""
        connection = self.connection
        late = BACKLOG.lag_s >= LATE_S
        try:
            data = self._read_late() if late else connection.read()
            if data is None:
                return
            way = self._short_way
            if way is None or connection.ended or not way.take(data, connection.lag_s, perf_counter()):
                self._take(data, late=late)
        except UnframedError as error:
            self._end("not_http", str(error))
        except OSError as error:  # ssl.SSLError is one
            self._now = perf_counter()
            self._end("connection_lost", str(error))
        except Exception as error:
            log.exception("a response could not be read: a defect of Tailgate")
            self._end("internal", type(error).__name__)

    def _take(self, data: bytes, *, late: bool) -> None:
        """Let parser and decoder read `data`, and note what it held."""
        self._leave_short_way()
        lag_s = self.connection.lag_s
        self._now = now = perf_counter() - lag_s
        trace = self.trace
        trace.lag_s = max(trace.lag_s, lag_s)
        if not data:
            self._closed()
            return
        trace.bytes_in += len(data)
        self._new_chunks = 0
        try:
            self._parser.feed(data)
        finally:  # what came before a broken chunk was there
            if count := self._new_chunks:
                trace.arrivals.append(now)
                if count > 1:
                    trace.arrivals.extend([now] * (count - 1))
                    self._note_coalesced(count - 1, late=late or lag_s >= LATE_S)
        if self._parser.complete:
            self._end("")
        elif self.connection.ended or self._decoder.done:
            self._near_end()
        else:
            self._take_short_way()

    def _read_late(self) -> bytes | None:
        """Read no more than one HTTP chunk: one that waits behind it in a segment of its own keeps its stamp."""
        connection, arrivals = self.connection, self.trace.arrivals
        if BACKLOG.lag_s >= HOPELESS_S:
            return connection.read()
        if self._short_way is not None and connection.waiting < self._short_way.bytes_of_two:
            data = connection.read()
        elif connection.encrypted:
            data = connection.read_record()
        elif self._parser.between_chunks:
            data = self._read_chunk()
        else:
            data = connection.read()
        if data and arrivals and perf_counter() - connection.lag_s - arrivals[-1] < ONE_SEGMENT_S:
            self._note_coalesced(1, late=True)
        return data

    def _read_chunk(self) -> bytes | None:
        head = self.connection.read(SIZE_LINE_BYTES)
        if head and (rest := missing(head)):
            head += self.connection.read(min(rest, RECEIVE_BYTES)) or b""
        return head

    def _note_coalesced(self, count: int, *, late: bool) -> None:
        self.trace.coalesced += count
        self.trace.merged += count if late else 0

    def _take_short_way(self) -> None:
        """Read past parser and decoder what needs no knowledge of theirs, if the next chunk may be such."""
        plain, parser = self._decoder.plain, self._parser
        if plain is not None and parser.between_chunks and parser.decode is None:
            self._short_way = ShortWay(plain, self.trace)

    def _leave_short_way(self) -> None:
        if self._short_way is not None:
            self._short_way.leave()
            self._short_way = None

    def _near_end(self) -> None:
        if self.connection.ended:
            self._closed()
        else:
            self._wake()  # the deadline is nearer now

    def _closed(self) -> None:
        self._parser.feed_eof()
        if self._parser.complete or self._decoder.done:
            self._end("")
        else:
            self._end("cut" if self.trace.bytes_in else "closed_before_answer", "the server closed the connection")

    def _end(self, failure: str, detail: str = "") -> None:
        trace = self.trace
        trace.failure, trace.failure_detail = failure, detail
        trace.end = self._now or perf_counter()
        self._finished = True
        self._wake()

    def _on_headers(self) -> None:
        self.trace.headers_at = self._now

    def _on_body(self, body: bytes) -> None:
        parser = self._parser
        if parser.decode is not None:
            body = parser.decode(body)
        if parser.status != HTTP_OK:
            if len(self.trace.error_body) < ERROR_BODY_BYTES:
                self.trace.error_body += body
            return
        decoder = self._decoder
        count = decoder.feed(body)
        if count:
            self._new_chunks += count
            trace = self.trace
            if trace.first_output is None:
                if trace.first_token is None:
                    trace.first_token = self._now
                if decoder.visible:
                    trace.first_output = self._now
