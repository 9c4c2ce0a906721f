"""What becomes of a distributed run when machines, processes and cables fail, held against the provider's truth log."""

from __future__ import annotations

import csv
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import stories
from stories import Stage, Told, after_load, cut, nap, plain, story, until_phase
from three_hosts import PROGRAM, Campaign, identity

from analysis.report import build

HERE = Path(__file__).parent
CHAT = HERE.parents[1] / "locustfiles" / "chat.py"
SKEWED = (sys.executable, HERE / "skewed_locust.py", "-f", CHAT)
MASTER_PORT = "5557"
NOTHING_LOST = (0, 0, 0)
ALL_WELL = {"master": 0, "left": 0, "right": 0}
INVALID = {**ALL_WELL, "master": 5}


@pytest.fixture(scope="module")
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Have the stories of this module told."""
    yield from stories.stage(request, tmp_path_factory.mktemp("stories"))


@pytest.fixture
def told(request: pytest.FixtureRequest, stage: Stage) -> Told:
    """Give the run of the test's story."""
    return stage.told(request.node)


def reasons(told: Told) -> str:
    """Give why the report calls the run invalid."""
    return "\n".join(build(told.run.run_folder).validity.reasons)


def steady_s(told: Told) -> tuple[float, float]:
    """Give the bounds of the steady phase."""
    (span,) = (span for span in told.run.run_document()["phases"] if span["phase"] == "steady")
    return span["start_s"], span["end_s"]


def two_minutes_off(run: Campaign) -> None:
    """Set one worker's wall clock 120 s early, the other's 120 s late."""
    run.start_provider()
    run.start_master(2)
    for host, skew in (("left", "-120"), ("right", "120")):
        run.start_worker(host, *SKEWED, TAILGATE_TEST_SKEW_S=skew)


@story(two_minutes_off)
def test_clocks_two_minutes_off_change_nothing(told: Told) -> None:
    """Workers whose wall clocks are 120 s early and late give complete rows, in order, with true rates."""
    assert (told.codes, told.balance()) == (ALL_WELL, NOTHING_LOST)
    epoch_s = told.run.run_document()["epoch_monotonic_s"]
    early = [
        float(row["sent_s"]) - (float(told.truth[identity(row)]["arrived_s"]) - epoch_s)
        for row in told.rows
        if row["sent_s"]
    ]
    offsets = [round(told.worker(host)["wall_clock_offset_s"] / 10) for host in ("left", "right")]
    with (told.run.run_folder / "stats.csv").open(encoding="utf-8", newline="") as file:
        (chat,) = (row for row in csv.DictReader(file) if row["Type"] == "CHAT")
    rate = float(chat["Requests/s"]) / (len(told.rows) / told.run.run_document()["phases"][-1]["end_s"])
    assert offsets == [-12, 12]
    assert (min(early) > -0.050, max(early) < 0.010, 0.5 < rate < 2.0) == (True, True, True)


def clocks_step(run: Campaign) -> None:
    """Set two clocks back by two minutes, in the ramp or soon after it: the master's and a worker's."""
    run.start_provider()
    step = {"TAILGATE_TEST_STEP_S": "-120", "TAILGATE_TEST_STEP_AFTER_S": "6"}
    run.start_master(2, *SKEWED, **step)
    run.start_worker("left", *SKEWED, **step)
    run.start_worker("right")


@story(clocks_step)
def test_a_clock_that_steps_stops_nothing(told: Told) -> None:
    """Phases are as long as planned, all users come and go, and no row is lost."""
    start_s, end_s = steady_s(told)
    assert (told.codes, told.balance(), end_s - start_s) == (ALL_WELL, NOTHING_LOST, pytest.approx(14))
    assert len(told.busy(start_s, end_s)) == 20


def strangers_come(run: Campaign) -> None:
    """Let one speak Locust's protocol without the secret, and start a worker of ours with another secret."""
    run.start("left", "right")
    host, master = run.hosts["provider"], run.hosts["master"].address
    program = (sys.executable, HERE / "stranger.py", master, MASTER_PORT)
    stranger = host.start(*program, cwd=run.folder, log=run.folder / "stranger.log")
    command = (*PROGRAM, "locust", "-f", CHAT, "--worker", "--master-host", master)
    secret = {"TAILGATE_SECRET": "not-the-secret-of-this-run"}
    impostor = host.start(*command, cwd=run.folder, log=run.folder / "impostor.log", variables=secret)
    run.end("master")
    stranger.wait(30)
    impostor.terminate()
    impostor.wait(30)


@story(strangers_come)
def test_strangers_have_no_part_in_it(told: Told) -> None:
    """Who speaks Locust's protocol without the secret gets no answer and adds nothing; a wrong secret is named."""
    run = told.run
    said = (run.folder / "stranger.log").read_text(), (run.run_folder / "stats.csv").read_text()
    assert (told.codes, told.balance(), said[0], "fake" in said[1]) == (ALL_WELL, NOTHING_LOST, "nothing\n", False)
    assert run.run_document()["strangers"] > 0
    assert "TAILGATE_SECRET the same there?" in (run.folder / "impostor.log").read_text()


def kill_a_worker(run: Campaign) -> None:
    """Kill -9 a worker."""
    after_load(run)
    run.processes["right"].kill()


@story(kill_a_worker)
def test_a_killed_worker_is_named_with_what_it_took_along(told: Told) -> None:
    """After kill -9 the missing rows are that worker's last ones, its users go to the other, the run is invalid."""
    told.balance()
    lost, absence = told.worker("right"), told.absence("right", "lost")
    epoch_s = told.run.run_document()["epoch_monotonic_s"]
    ended_s = [float(row["end_s"]) - epoch_s for row in told.missing.values() if row["end_s"]]
    whose = {name.split("/")[1] for name in told.missing}
    assert told.codes == {**INVALID, "right": -9}
    assert (told.doubled, len(told.unknown), whose - {lost["worker"]}) == (0, 0, set())
    assert min(ended_s, default=1e9) >= absence["from_s"]
    assert (absence["users"], absence["all_users"], absence["to_s"]) == (10, 20, None)
    assert lost["rows_lost"] is None or lost["rows_lost"] > 0  # what it last said it had made may have come, or not
    report = build(told.run.run_folder)
    assert (report.verdict, f"{lost['worker']} on right was lost" in reasons(told)) == ("invalid", True)
    end_s = steady_s(told)[1]
    assert len(told.busy(end_s - 3, end_s)) == 20


@story(kill_a_worker, steady="30s", on_worker_loss="exclude")
def test_a_run_may_be_judged_without_what_a_loss_disturbed(told: Told) -> None:
    """With on_worker_loss: exclude the steady figures leave it out, and the first line of the report says so."""
    report = build(told.run.run_folder)
    (group,) = (group for group in report.groups if group.phase == "steady")
    absence = told.absence("right", "lost")
    assert told.codes == {**ALL_WELL, "right": -9}
    # A machine that is busy with other things may be a reason of its own.
    assert "lost" not in reasons(told)
    assert report.verdict == "invalid" or "disturbed by the loss of a worker" in report.headline
    assert absence["moved_s"] - absence["from_s"] + 5 <= group.left_out_s < 15
    assert any(f"{told.worker('right')['worker']} on right was lost" in note for note in report.notes)


def kill_in_the_drain(run: Campaign) -> None:
    """Kill a worker while the last answers are on their way."""
    run.start("left", "right")
    until_phase(run, "drain", 0.2)
    run.processes["right"].kill()


@story(kill_in_the_drain, steady="6s")
def test_a_worker_killed_in_the_drain_is_named_too(told: Told) -> None:
    """What it had not delivered is missing, and said to be; what it had is there once."""
    told.balance()
    whose = {name.split("/")[1] for name in told.missing}
    assert (told.codes, told.doubled, len(told.unknown)) == ({**INVALID, "right": -9}, 0, 0)
    assert (whose <= {told.worker("right")["worker"]}, "rows of attempts that ended" in reasons(told)) == (True, True)


def evict(run: Campaign) -> None:
    """Send SIGTERM, as a platform does."""
    after_load(run)
    run.processes["right"].terminate()


@story(evict)
def test_an_evicted_worker_leaves_with_all_its_rows(told: Told) -> None:
    """After SIGTERM nothing is missing; the share of users that moved is named."""
    assert (told.codes, told.balance(), told.worker("right")["rows_lost"]) == (INVALID, NOTHING_LOST, 0)
    absence = told.absence("right", "left")
    assert (absence["users"], absence["all_users"]) == (10, 20)
    assert "on right left the run" in reasons(told)


def sleep_on(run: Campaign) -> None:
    """Stop a worker for ten seconds, as a machine is suspended."""
    after_load(run)
    nap(run, "right")


@story(sleep_on, steady="24s")
def test_a_worker_that_slept_is_back_with_its_rows(told: Told) -> None:
    """SIGSTOP for 10 s: named from when to when; every row is there once, and there are no more users than before."""
    assert (told.codes, told.balance()) == (INVALID, NOTHING_LOST)
    absence, end_s = told.absence("right", "lost"), steady_s(told)[1]
    assert 8 < absence["to_s"] - absence["from_s"] < 15
    assert "on right was lost" in reasons(told)
    assert len(told.busy(end_s - 3, end_s)) == 20


def cut_a_worker(run: Campaign) -> None:
    """Take a worker's network away for ten seconds."""
    after_load(run)
    cut(run, "right")


@story(cut_a_worker, steady="28s")
def test_a_cut_cable_costs_no_row(told: Told) -> None:
    """Ten seconds without network: the worker stops its load meanwhile, and delivers every row afterwards."""
    assert (told.codes, told.balance(), told.worker("right")["rows_lost"]) == (INVALID, NOTHING_LOST, 0)
    right, absence = told.worker("right"), told.absence("right", "lost")
    pause = right["pauses"][-1]
    back = [row for row in told.rows if row["worker"] == right["worker"] and float(row["intended_s"]) > pause[1]]
    assert (pause[0] - absence["from_s"] < 6, len(back) > 0) == (True, True)
    assert "on right was lost" in reasons(told)


def cut_the_master(run: Campaign) -> None:
    """Put all workers out of reach for ten seconds."""
    after_load(run)
    cut(run, "master")


@story(cut_the_master, steady="28s")
def test_a_master_out_of_reach_for_a_while_leads_on(told: Told) -> None:
    """The load stops, comes back with all users, and no row is lost."""
    assert (told.codes, told.balance()) == (INVALID, NOTHING_LOST)
    end_s = steady_s(told)[1]
    assert len(told.busy(end_s - 3, end_s)) == 20
    assert [len(told.worker(host)["pauses"]) > 0 for host in ("left", "right")] == [True, True]


def cut_the_master_beyond_the_end(run: Campaign) -> None:
    """Put all workers out of reach until the run should have been over, and the master has given up hope of users."""
    after_load(run)
    cut(run, "master", 25)


@story(cut_the_master_beyond_the_end)
def test_a_master_gets_every_row_after_its_run_too(told: Told) -> None:
    """It ends the run, as invalid, and waits for the rows as long as the workers may bring them."""
    assert (told.codes, told.balance()) == (INVALID, NOTHING_LOST)
    assert [told.worker(host)["rows_lost"] for host in ("left", "right")] == [0, 0]


def cut_for_good(run: Campaign) -> None:
    """Cut a cable, and never mend it."""
    after_load(run)
    run.hosts["right"].cut()


@story(cut_for_good)
def test_what_a_worker_kept_that_never_came_back_is_collected(told: Told, tailgate: Any) -> None:
    """It ends with 5 and says where its rows are; with them and the master's folder nothing is missing."""
    (kept,) = (told.run.folder / "right").iterdir()
    assert (told.codes, str(kept) in told.run.said("right")) == ({**INVALID, "right": 5}, True)
    done = tailgate("collect", told.run.run_folder, kept, "--results", told.run.folder / "collected")
    (folder,) = (told.run.folder / "collected").iterdir()
    assert (done.returncode, told.balance(folder), build(folder).verdict) == (0, NOTHING_LOST, "invalid")


def kill_the_master(run: Campaign) -> None:
    """Kill -9 of the master."""
    after_load(run)
    run.processes["master"].kill()
    run.killed_s = time.monotonic()


@story(kill_the_master)
def test_without_master_the_load_stops_and_rows_are_kept(told: Told, tailgate: Any) -> None:
    """After kill -9 of the master no request starts 5 s later; workers exit 5 with the path; collect has every row."""
    run = told.run
    last_s = max(float(row["arrived_s"]) for row in run.truth()) - run.killed_s
    kept = [next((run.folder / host).iterdir()) for host in ("left", "right")]
    done = tailgate("collect", *kept, "--results", run.folder / "collected")
    (folder,) = (run.folder / "collected").iterdir()
    named = [str(path) in run.said(path.parent.name) for path in kept]
    assert (told.codes, done.returncode, named) == ({"master": -9, "left": 5, "right": 5}, 0, [True, True])
    assert (told.balance(folder), last_s < 5, build(folder).verdict) == (NOTHING_LOST, True, "invalid")


def two_at_once(run: Campaign) -> None:
    """Kill a worker while the other's cable is out."""
    after_load(run)
    run.hosts["left"].cut()
    run.processes["right"].kill()
    time.sleep(8)
    run.hosts["left"].mend()


@story(two_at_once, steady="26s")
def test_two_losses_at_once_are_both_named(told: Told) -> None:
    """Only the killed worker's last rows are missing; the other comes back, and has all the users."""
    told.balance()
    whose = {name.split("/")[1] for name in told.missing}
    assert (told.codes, told.doubled, len(told.unknown)) == ({**INVALID, "right": -9}, 0, 0)
    assert whose <= {told.worker("right")["worker"]}
    end_s = steady_s(told)[1]
    assert (len(told.busy(end_s - 3, end_s)), told.worker("left")["rows_lost"]) == (20, 0)


def restart_the_provider(run: Campaign) -> None:
    """Take the provider away for two seconds."""
    after_load(run)
    run.processes["provider"].terminate()
    run.processes["provider"].wait()
    time.sleep(2)
    run.start_provider()


@story(restart_the_provider)
def test_a_provider_that_restarts_is_on_every_row(told: Told) -> None:
    """While it is away, attempts fail and say so; what it answered before and after is all there."""
    told.balance()
    successful = {row["outcome"] for row in told.unknown.values()} & {"ok", "ok_length"}
    failed = {row["outcome"] for row in told.rows} - {"ok", "in_flight"}
    assert (told.doubled, len(told.missing), successful) == (0, 0, set())
    assert (told.codes["left"], told.codes["right"], "connect_error" in failed) == (0, 0, True)


def slow_line(run: Campaign) -> None:
    """Let a line carry little more than the requests themselves."""
    run.hosts["right"].slow_down("320kbit")
    run.start("left", "right")


@story(slow_line)
def test_a_slow_line_only_takes_longer(told: Told) -> None:
    """Every row arrives in the end."""
    assert (told.codes["left"], told.codes["right"], told.balance()) == (0, 0, NOTHING_LOST)
    assert [told.worker(host)["rows_lost"] for host in ("left", "right")] == [0, 0]


def fill_a_disk(run: Campaign, size: str = "24k", whose: str = "right") -> None:
    """Give a worker, or the master, little room."""
    disk = run.folder / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", disk], check=True)
    try:
        run.start_provider()
        run.start_master(2, results=disk if whose == "master" else None)
        run.start_worker("left")
        run.start_worker("right", results=disk if whose == "right" else None)
        for name in ("master", "left", "right"):
            run.end(name)
    finally:
        run.close()
        subprocess.run(["umount", disk], check=True)


@story(fill_a_disk)
def test_a_full_disk_on_a_worker_costs_no_row(told: Told) -> None:
    """Rows that find no room on the worker's disk wait in memory, reach the master, and the disk is named."""
    problem = told.worker("right")["disk_problem"]
    assert (told.codes, told.balance(), problem) == (ALL_WELL, NOTHING_LOST, "No space left on device")
    assert any("No space left on device" in note for note in build(told.run.run_folder).notes)


def fill_the_masters_disk(run: Campaign) -> None:
    """Give the master room for 80 kB."""
    fill_a_disk(run, "80k", "master")


@story(fill_the_masters_disk, steady="8s")
def test_a_full_disk_on_the_master_leaves_the_rows_with_the_workers(told: Told, tailgate: Any) -> None:
    """All end with 5 and one line each that says what to do; collect then has every row."""
    run = told.run
    kept = [next((run.folder / host).iterdir()) for host in ("left", "right")]
    done = tailgate("collect", *kept, "--results", run.folder / "collected")
    (folder,) = (run.folder / "collected").iterdir()
    assert (told.codes, done.returncode) == ({"master": 5, "left": 5, "right": 5}, 0)
    assert (told.balance(folder), "Traceback" in run.said("master")) == (NOTHING_LOST, False)
    assert "cannot be written (No space left on device): the run is incomplete" in run.said("master")


def kill_at_once(run: Campaign) -> None:
    """Kill a worker as soon as there is load."""
    run.start("left", "right")
    run.processes["right"].kill()
    run.killed_s = time.monotonic()
    run.end("master")
    run.killed_s = time.monotonic() - run.killed_s


@story(kill_at_once, on_worker_loss="stop", steady="60s")
def test_a_run_may_end_with_its_worker(told: Told) -> None:
    """With on_worker_loss: stop, the run ends when a worker is lost, as invalid."""
    told.balance()
    assert (told.codes, told.run.killed_s < 40, told.doubled) == ({**INVALID, "right": -9}, True, 0)
    assert build(told.run.run_folder).verdict == "invalid"


def kill_all(run: Campaign) -> None:
    """Kill both workers."""
    after_load(run)
    for name in ("left", "right"):
        run.processes[name].kill()


@story(kill_all, on_worker_loss="exclude", steady="20s")
def test_a_run_without_workers_is_over(told: Told) -> None:
    """Nothing is left to judge by: the run ends, and run.json itself says that it is invalid, and why."""
    told.balance()
    validity = told.run.run_document()["validity"]
    assert (told.codes, told.doubled) == ({"master": 5, "left": -9, "right": -9}, 0)
    assert (validity["verdict"], "no worker is left" in validity["reasons"][0]) == ("invalid", True)
    assert build(told.run.run_folder).verdict == "invalid"


def forget_a_key(run: Campaign) -> None:
    """Give the key to nobody: the master needs none."""
    path = run.folder / "scenario.yaml"
    path.write_text(path.read_text().replace('"model": "m"', '"model": "m", "key_env": "TEST_MODEL_KEY"'))
    run.start_master(1)
    run.start_worker("left")


@story(forget_a_key)
def test_a_worker_that_lacks_a_key_is_refused_by_name(told: Told) -> None:
    """The worker says what it lacks and exits 2; the master says it too, and gives up when nobody takes the place."""
    said = "TEST_MODEL_KEY is not set here: the endpoint small needs it in the worker's environment"
    assert told.codes == {"master": 2, "left": 2}
    assert [said in told.run.said(name) for name in ("left", "master")] == [True, True]


def come_late(run: Campaign) -> None:
    """Begin with one worker, and add another."""
    run.start("left")
    run.start_worker("right")


@story(come_late, steady="25s")
def test_a_late_worker_takes_its_share(told: Told) -> None:
    """A worker that comes while the load is on gets the order and users, and its rows count."""
    assert (told.codes, told.balance()) == (ALL_WELL, NOTHING_LOST)
    assert {row["worker"] for row in told.rows} == {"w0", "w1"}


@story(plain, steady="4s")
def test_what_goes_on_between_hosts_is_not_to_be_read(told: Told) -> None:
    """No key, no prompt and no secret stands in what any process said or wrote."""
    files = [path for path in told.run.folder.rglob("*") if path.is_file()]
    assert [path for path in files if b"only-for-the-tests-of-three-hosts" in path.read_bytes()] == []
