"""Times of arrival and sending, against the clock and against a client's own."""

from __future__ import annotations

import csv
import select
import socket
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from scenarios.scenario import Scenario
from scenarios.simulator.poller import READABLE, WRITABLE, Poller
from scenarios.simulator.process import Simulator
from scenarios.simulator.stamps import SPACE, arrival, drop_stamps, monotonic, send_stamped, stamp_arrivals

ASK = b'{"messages":[{"role":"user","content":"hi"}],"stream":true}'
REQUEST = b"POST /a/v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (len(ASK), ASK)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give two connected sockets that stamp."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        one = socket.create_connection(server.getsockname())
        other, _ = server.accept()
    with one, other:
        stamp_arrivals(one)
        stamp_arrivals(other)
        yield one, other


def test_sending_comes_before_arriving_and_both_before_reading(pair: tuple[socket.socket, socket.socket]) -> None:
    """However late the read, the stamps stay in order."""
    one, other = pair
    start = time.monotonic()
    sent, left = send_stamped(one, b"hello")
    time.sleep(0.05)
    read = time.monotonic()
    data, notes, _, _ = other.recvmsg(100, SPACE)
    came = arrival(notes)
    assert (data, sent) == (b"hello", 5)
    # Two clocks are read to bring each stamp to one: they agree within STEADY_NS.
    assert start <= left <= came + 5e-5
    assert came < read - 0.04


def test_without_notes_the_arrival_is_now() -> None:
    """Where the kernel says nothing the time of reading stands in."""
    before = time.monotonic()
    assert before <= arrival([]) <= time.monotonic()


def test_a_wall_clock_ahead_gives_no_future() -> None:
    """A stamp after now is taken for now."""
    assert monotonic(time.time_ns() + 10**12) <= time.monotonic()


def test_no_stamp_is_left_on_the_socket(pair: tuple[socket.socket, socket.socket]) -> None:
    """A socket that was drained does not poll as broken."""
    one, _ = pair
    for _ in range(3):
        send_stamped(one, b"hello")
    drop_stamps(one)
    poll = select.poll()
    poll.register(one, 0)
    assert poll.poll(0) == []


def connected(port: int) -> socket.socket:
    """Connect, with stamps."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=10)
    stamp_arrivals(sock)
    return sock


def first_token_s(sock: socket.socket) -> float:
    """Send one request, read its answer, give the time from the one to the first content of the other."""
    sent, first, heard = time.monotonic(), 0.0, b""
    sock.sendall(REQUEST)
    while not heard.endswith(b"0\r\n\r\n"):
        data, notes, _, _ = sock.recvmsg(65536, SPACE)
        heard += data
        first = first or (arrival(notes) if b'"content":" ' in data else 0.0)
    return first - sent


def test_the_clients_first_token_times_are_the_truth_logs(tmp_path: Path) -> None:
    """Sent to first content, seen by a client with kernel stamps, differs by under 2 % from the log in the middle."""
    simulated = {"ttft": "60ms", "tokens_per_second": 200, "output_tokens": 3}
    scenario = Scenario.model_validate({"endpoints": {"a": {"simulated": simulated}}})
    with Simulator(scenario, truth=tmp_path / "truth.csv") as simulator, connected(simulator.port) as sock:
        seen = [first_token_s(sock) for _ in range(20)]
    with (tmp_path / "truth.csv").open(newline="") as file:
        true = [float(row["first_content_s"]) - float(row["arrived_s"]) for row in csv.DictReader(file)]
    ratios = [mine / theirs for mine, theirs in zip(seen, true, strict=True)]
    assert statistics.median(ratios) == pytest.approx(1, rel=0.02)


@pytest.mark.parametrize("has_epoll", [True, False])
def test_the_poller_tells_who_is_ready(
    pair: tuple[socket.socket, socket.socket],
    monkeypatch: pytest.MonkeyPatch,
    has_epoll: bool,  # noqa: FBT001
) -> None:
    """With epoll and without, it reports what can be read and, when asked, what has room."""
    if not has_epoll:
        monkeypatch.delattr(select, "epoll", raising=False)
    one, other = pair
    poller = Poller()
    poller.register(one.fileno())
    found = [poller.wait(0)]
    poller.expect(one.fileno(), room=True)
    found.append(poller.wait(0.01))
    poller.expect(one.fileno(), room=False)
    other.sendall(b"hello")
    found.append(poller.wait(5))
    poller.unregister(one.fileno())
    found.append(poller.wait(0.001))
    poller.close()
    assert found == [[], [(one.fileno(), WRITABLE)], [(one.fileno(), READABLE)], []]
