"""Rows from recorder to ledger over lines that lose, repeat and delay."""

from __future__ import annotations

import csv
import os
import random
from collections.abc import Sequence
from pathlib import Path

import gevent
import pytest

from locustfiles import _row_file, _shipping
from locustfiles._ledger import Ledger
from locustfiles._recorder import Batch, Recorder
from locustfiles._row_file import Lines
from locustfiles._shipping import Shipper, to_document
from scenarios.records import Attempt
from scenarios.server_timings import ServerTimings

WORKER = "w0"


def attempt(number: int) -> Attempt:
    """Give the attempt of a turn."""
    return Attempt("run", WORKER, 0, "u", "c", f"t{number}", "case", "e", "", "steady", 1, 0.5)


def seqs(path: Path) -> list[int]:
    """Read the numbers of the rows in a file."""
    with path.open(encoding="utf-8", newline="") as file:
        return [int(row["seq"]) for row in csv.DictReader(file)]


class Line:
    """A line to the master that loses parcels and answers, and delivers some twice."""

    def __init__(self, ledger: Ledger, seed: int, loss: float) -> None:
        self.ledger = ledger
        self.rng = random.Random(seed)
        self.loss = loss
        self.shipper: Shipper | None = None

    def send(self, batches: Sequence[Batch]) -> None:
        """Carry a parcel, or not."""
        document = [to_document(batch, 0.0) for batch in batches]
        for _ in range(self.rng.choice((1, 1, 2))):
            if self.rng.random() >= self.loss:
                gevent.spawn_later(self.rng.random() * 0.01, self._arrive, document)

    def _arrive(self, document: list[dict[str, object]]) -> None:
        received = self.ledger.take(WORKER, document)
        if self.rng.random() >= self.loss and self.shipper:
            self.shipper.receive(received)


@pytest.mark.parametrize(("seed", "loss"), [(1, 0.0), (2, 0.3), (3, 0.6)])
def test_every_row_arrives_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int, loss: float) -> None:
    """Whatever the line loses or repeats, the ledger ends with all rows, none twice, and what is told of them."""
    monkeypatch.setattr(_shipping, "AGAIN_S", 0.02)
    ledger = Ledger(tmp_path / "attempts.csv")
    line = Line(ledger, seed, loss)
    shipper = line.shipper = Shipper(line.send)
    recorder = Recorder(tmp_path, WORKER, shipper.give)
    for number in range(3000):
        recorder.append(attempt(number), ServerTimings("groq", 0.5) if number % 3 else None)
        if number % 70 == 0:
            recorder.flush()
            gevent.sleep(0)
    recorder.close()
    delivered = shipper.drain(20)
    shipper.close()
    ledger.close()
    assert (delivered, seqs(tmp_path / "attempts.csv")) == (True, list(range(1, 3001)))
    for whole, (own,) in (("attempts.csv", recorder.paths), ("server_timings.csv", recorder.timings_paths)):
        assert (tmp_path / whole).read_bytes() == own.read_bytes()


def test_a_hole_is_not_written_over(tmp_path: Path) -> None:
    """A parcel whose predecessor is missing is not taken; the answer says where to go on."""
    ledger = Ledger(tmp_path / "attempts.csv")
    batches = [{"first": first, "count": 2, "rows": b"%d\n%d\n" % (first, first + 1)} for first in (0, 2, 4)]
    received = [ledger.take(WORKER, [batches[number]]) for number in (0, 2, 0, 1, 2)]
    ledger.close()
    assert received == [2, 2, 2, 4, 6]
    assert (tmp_path / "attempts.csv").read_text().splitlines()[1:] == list("012345")


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that wait long for the master are read from disk again when their time comes."""
    monkeypatch.setattr(_shipping, "MEMORY_BYTES", 10_000)
    ledger = Ledger(tmp_path / "attempts.csv")
    held: list[Sequence[Batch]] = []
    shipper = Shipper(held.append)
    given: list[Batch] = []

    def give(batch: Batch) -> None:
        given.append(batch)
        shipper.give(batch)

    recorder = Recorder(tmp_path, WORKER, give)
    for number in range(2000):
        recorder.append(attempt(number), ServerTimings("groq", 0.5))
        if number % 100 == 99:
            recorder.flush()
    recorder.close()
    in_memory = sum(batch.size for batch in given if batch.in_memory)
    ledger.take(WORKER, [to_document(each, 0.0) for each in given])
    shipper.close()
    ledger.close()
    assert (in_memory < 50_000, seqs(tmp_path / "attempts.csv")) == (True, list(range(1, 2001)))
    assert seqs(tmp_path / "server_timings.csv") == list(range(1, 2001))


def test_parcels_grow_and_shrink() -> None:
    """Swift answers make parcels larger, slow ones smaller, within bounds."""
    shipper = Shipper(lambda _: None)
    sizes = []
    for took_s in (0.01, 0.01, 0.01, 0.01, 0.5, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0, 3.0):
        shipper._adapt(took_s)
        sizes.append(shipper.limit_bytes // 1024)
    shipper.close()
    assert sizes == [128, 256, 512, 512, 512, 256, 128, 64, 32, 16, 8, 8]


def batch(first: int, size: int = 10) -> Batch:
    """Give a batch of one row."""
    return Batch(first, 1, Lines(b"x" * size, size), Lines(b"", 0))


def test_a_parcel_that_is_not_full_waits_its_turn() -> None:
    """The first goes at once, what follows is gathered until it is due, full, or the last."""
    sent: list[list[int]] = []
    shipper = Shipper(lambda parcel: sent.append([each.first for each in parcel]))
    shipper.every_s, shipper.limit_bytes = 60.0, _shipping.LARGEST_BYTES
    for first, size in enumerate((10, 10, 10, _shipping.LARGEST_BYTES, 10)):
        shipper.give(batch(first, size))
        gevent.sleep(0.01)
        if first == 0:
            shipper.receive(1)
            gevent.sleep(0.01)
    shipper.receive(3)
    gevent.sleep(0.01)
    shipper.receive(4)
    gevent.sleep(0.01)
    before = list(sent)
    shipper.drain(0.1)
    shipper.close()
    assert (before, sent[len(before) :]) == ([[0], [1, 2], [3]], [[4]])


def test_the_more_workers_the_seldomer_each_sends() -> None:
    """All together send 25 parcels per second, until each sends one every three seconds."""
    shipper = Shipper(lambda _: None)
    every_s = []
    for workers in (1, 20, 100, 1000):
        shipper.share(workers)
        every_s.append(shipper.every_s)
    shipper.close()
    assert every_s == [0.04, 0.8, 3.0, 3.0]


def test_an_answer_without_progress_asks_for_nothing() -> None:
    """While the master takes nothing (its disk is full), a parcel is not sent over and over."""
    sent: list[int] = []

    def send(parcel: Sequence[Batch]) -> None:
        sent.append(parcel[0].first)
        gevent.spawn_later(0.001, shipper.receive, 0)

    shipper = Shipper(send)
    shipper.give(batch(0))
    gevent.sleep(0.1)
    shipper.close()
    assert sent == [0]


def test_a_full_disk_on_the_master_takes_nothing_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A parcel that finds no room is not acknowledged, leaves no torn line, and is taken when there is room again."""
    ledger = Ledger(tmp_path / "attempts.csv")
    parcels = [
        [{"first": first, "count": 1, "rows": b"%d,abcdefgh\n" % first, "timings": b"%d,\n" % first}]
        for first in range(2)
    ]
    write = os.write

    def full(fd: int, data: bytes) -> int:
        if len(data) < 8 and b"h" in bytes(data):
            raise OSError(28, "No space left on device")
        return write(fd, data[:4])

    received = [ledger.take(WORKER, parcels[0])]
    with monkeypatch.context() as patch:
        patch.setattr(_row_file.os, "write", full)
        received.append(ledger.take(WORKER, parcels[1]))
    received.append(ledger.take(WORKER, parcels[1]))
    ledger.close()
    lines, told = ((tmp_path / name).read_text().splitlines()[1:] for name in ("attempts.csv", "server_timings.csv"))
    assert told == ["0,", "1,"]
    assert (received, lines, ledger.disk_problem) == (
        [1, 1, 2],
        ["0,abcdefgh", "1,abcdefgh"],
        "No space left on device",
    )
