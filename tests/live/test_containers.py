"""The images built and the Compose file run, by Compose itself, on an engine that the test brings along."""

from __future__ import annotations

import csv
import json
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from container_engine import CannotHostError, Engine, base_image
from kubernetes_pods import SECRET, pods, secret

from scenarios.errors import ExitCode

EXIT_CODES = {"pass": 0, "fail": 3, "inconclusive": 4, "invalid": 5}
LOAD_ADDS_AT_MOST_MB = 130


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    """Give an engine with both images built."""
    folder = Path(tempfile.mkdtemp(prefix="tailgate-engine-"))
    try:
        with Engine(folder) as engine:
            engine.compose("build")
            yield engine
    except CannotHostError as reason:
        pytest.skip(f"no containers here: {reason}")


@pytest.fixture(scope="module")
def report(engine: Engine) -> subprocess.CompletedProcess[str]:
    """Run the whole of the Compose file; give what its last step said."""
    return engine.compose("run", "report", check=False)


@pytest.fixture(scope="module")
def folder(engine: Engine, report: subprocess.CompletedProcess[str]) -> Path:
    """Give the run folder, in the volume `results`."""
    results = engine.volume("tailgate_results")
    folders = sorted(results.glob("containers-*"))
    assert len(folders) == 1, f"{report.stderr}\n{engine.compose('logs', check=False).stdout}"
    assert (results / "latest").read_text().strip().endswith(folders[0].name)
    return folders[0]


def rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def document(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def test_images_are_small_and_not_of_root(engine: Engine) -> None:
    """Each runs as user 10001, exposes no port, and `load` adds no more than a generator needs."""
    described = {name: json.loads(engine.podman("image", "inspect", name))[0] for name in images()}
    assert {image["Config"]["User"] for image in described.values()} == {"10001:10001"}
    assert [name for name, image in described.items() if image["Config"].get("ExposedPorts")] == []
    base = json.loads(engine.podman("image", "inspect", base_image()[0]))[0]
    added_mb = {name: (image["Size"] - base["Size"]) / 1e6 for name, image in described.items()}
    assert added_mb["tailgate-load"] < LOAD_ADDS_AT_MOST_MB < added_mb["tailgate-report"]


def images() -> list[str]:
    """Give the names that the Compose file gives the two targets."""
    return ["tailgate-load", "tailgate-report"]


def test_images_run_without_a_writable_file(engine: Engine) -> None:
    """Both programs start on a read-only root; the generator has no pandas."""
    run = ["run", "--rm", "--network=none", "--read-only"]
    assert "locust 2." in engine.podman(*run, "tailgate-load", "--version")
    assert engine.podman(*run, "tailgate-report", "--version").startswith("tailgate ")
    find = "import importlib.util; print(importlib.util.find_spec('pandas'))"
    assert engine.podman(*run, "--entrypoint=python3", "tailgate-load", "-c", find) == "None"


def test_the_last_step_ends_with_the_gates_exit_code(report: subprocess.CompletedProcess[str], folder: Path) -> None:
    """The report is in the volume, and its verdict is the exit code of `compose run report`."""
    verdict = document(folder / "report.json")["verdict"]
    assert report.returncode == EXIT_CODES[verdict], report.stdout + report.stderr
    assert report.stdout.rstrip().splitlines()[-1].startswith(f"{verdict}: ")
    assert (folder / "report.html").stat().st_size > 50_000


def test_rows_are_the_providers_truth(engine: Engine, folder: Path) -> None:
    """Every request that the provider served is one row, with the status that it gave, and no row is without one."""
    engine.compose("stop", "provider")
    truth = Counter((row["request_id"], row["status"]) for row in rows(engine.volume("tailgate_truth") / "truth.csv"))
    seen = Counter(
        (f"{row['run_id']}/{row['worker']}/{row['turn_id']}/{row['attempt_no']}", row["http_status"])
        for row in rows(folder / "attempts.csv")
    )
    assert seen == truth
    assert seen.total() > 500
    assert set(seen.values()) == {1}


def test_all_workers_worked_and_lost_nothing(folder: Path) -> None:
    """Two containers made the rows, about half each, and the master has them all."""
    workers = document(folder / "run.json")["workers"]
    assert len({worker["host"] for worker in workers}) == 2
    assert [worker["rows_lost"] for worker in workers] == [0, 0]
    total = sum(worker["rows"] for worker in workers)
    assert total == len(rows(folder / "attempts.csv"))
    assert min(worker["rows"] for worker in workers) > 0.4 * total


def test_no_port_is_published_and_everyone_left_well(engine: Engine, report: subprocess.CompletedProcess[str]) -> None:
    """Containers can't be reached from the host's addresses; master and workers ended with 0."""
    assert report.returncode in EXIT_CODES.values()
    listed = json.loads(engine.podman("ps", "--all", "--format=json"))
    assert [container["Names"] for container in listed if container.get("Ports")] == []
    codes = {container["Names"][0]: container["ExitCode"] for container in listed}
    assert {name: code for name, code in codes.items() if "master" in name or "worker" in name} == {
        "tailgate-master-1": 0,
        "tailgate-worker-1": 0,
        "tailgate-worker-2": 0,
    }


def test_a_breached_slo_fails_the_last_step(engine: Engine, folder: Path) -> None:
    """With an objective that no server keeps, the same rows end the last step with 3."""
    run = document(folder / "run.json")
    run["scenario"]["slo"] = ["p50(ttft_ms) < 1ms"]
    (folder / "run.json").write_text(json.dumps(run))
    ended = engine.compose("run", "--no-deps", "report", check=False)
    assert ended.returncode == ExitCode.BREACHED, ended.stdout + ended.stderr


def test_the_kubernetes_pods_do_their_work(engine: Engine) -> None:
    """As the manifests say: workers wait for the master, whose pod ends with the gate's exit code; no row is lost."""
    engine.compose("down", check=False)
    engine.podman("network", "create", "cluster")
    engine.keep_secret(SECRET, secret("only-for-the-test-of-the-kubernetes-pods"))
    played = pods(users=20, ramp="1s", warm_up="2s", steady="8s", think_time="500ms")
    for name in ("provider", "tailgate-worker", "tailgate-master"):
        engine.play("cluster", played[name])
    code = engine.podman("wait", "tailgate-master-report")
    (folder,) = engine.volume("tailgate-results").glob("containers-*")
    workers = document(folder / "run.json")["workers"]
    assert int(code) == EXIT_CODES[document(folder / "report.json")["verdict"]], engine.podman(
        "logs", "tailgate-master-report"
    )
    assert [worker["rows_lost"] for worker in workers] == [0, 0, 0]
    assert {worker["host"] for worker in workers} == {f"tailgate-worker-{number}" for number in range(3)}
    assert sum(worker["rows"] for worker in workers) == len(rows(folder / "attempts.csv")) > 100
