"""The run's folder: made where asked, or refused in one line."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from locustfiles import _folder
from scenarios.errors import ExitCode, TailgateError

NOON = datetime(2026, 5, 4, 12, 30, 1, tzinfo=UTC)


def test_name_is_in_utc() -> None:
    """The time is UTC's wherever the machine stands."""
    there = NOON.astimezone(timezone(timedelta(hours=9)))
    assert [_folder.name_for("demo", moment) for moment in (NOON, there)] == ["demo-20260504T123001Z"] * 2


@given(st.text(max_size=30))
def test_name_is_fit_for_a_folder(name: str) -> None:
    """No name leads out of the results folder, or into a sub-folder."""
    folder = _folder.name_for(name, NOON)
    assert (Path(folder).name, folder.isascii()) == (folder, True)


def test_runs_of_one_name_have_ids_of_their_own(tmp_path: Path) -> None:
    """Masters on two machines who begin in the same second call their folders alike, but not their runs."""
    ids = {_folder.run_id_for(tmp_path / machine / "demo-20260504T123001Z") for machine in ("here", "there")}
    assert ({run_id[:-6] for run_id in ids}, len(ids)) == ({"demo-20260504T123001Z-"}, 2)


def test_a_worker_shares_the_folder_of_its_own_run_only(tmp_path: Path) -> None:
    """Where its master's folder is at hand its rows go there; another run's folder of that name is left alone."""
    (tmp_path / "demo").mkdir()
    _folder.write_json(tmp_path / "demo" / "run.json", {"run_id": "demo-a"})
    found = [_folder.of_worker(tmp_path, name, "demo-a") for name in ("demo", "elsewhere")]
    assert [*found, _folder.of_worker(tmp_path, "demo", "demo-b")] == [
        tmp_path / name for name in ("demo", "demo-a", "demo-b")
    ]


def test_taken_names_are_numbered(tmp_path: Path) -> None:
    """Two runs in the same second do not share a folder."""
    assert [_folder.create(tmp_path / "deep" / "er", "run").name for _ in range(3)] == ["run", "run-2", "run-3"]


def test_results_is_a_file(tmp_path: Path) -> None:
    """A file in the place of the results folder is said to be one."""
    (tmp_path / "results").write_text("")
    with pytest.raises(TailgateError) as caught:
        _folder.create(tmp_path / "results", "run")
    assert (caught.value.code, str(caught.value).count("\n"), str(caught.value)[:9]) == (ExitCode.USAGE, 0, "--results")


def test_unwritable_results(tmp_path: Path) -> None:
    """A place where no folder can be made is named, with the reason."""
    place = Path("/proc/nowhere")
    if os.geteuid() != 0:
        tmp_path.chmod(0o500)
        place = tmp_path
    with pytest.raises(TailgateError, match=rf"^--results {place}: no folder can be made there \(.+\); name one"):
        _folder.create(place, "run")


def test_pointer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program that started the run learns where its folder is."""
    monkeypatch.setenv(_folder.POINTER, str(tmp_path / "pointer"))
    folder = _folder.create(tmp_path / "results", "run")
    assert (tmp_path / "pointer").read_text(encoding="utf-8") == str(folder.resolve())


def test_json_is_replaced_whole(tmp_path: Path) -> None:
    """A second writing leaves the second document and nothing else."""
    for number in (1, 2):
        _folder.write_json(tmp_path / "run.json", {"number": number, "text": "ü"})
    assert (json.loads((tmp_path / "run.json").read_text("utf-8")), [path.name for path in tmp_path.iterdir()]) == (
        {"number": 2, "text": "ü"}, ["run.json"])  # fmt: skip


def test_failed_writing_leaves_the_old_document(tmp_path: Path) -> None:
    """What can't be written does not destroy what was."""
    _folder.write_json(tmp_path / "run.json", {"number": 1})
    with pytest.raises(TypeError):
        _folder.write_json(tmp_path / "run.json", {"number": object()})
    assert json.loads((tmp_path / "run.json").read_text("utf-8")) == {"number": 1}


def test_versions_name_what_a_result_depends_on() -> None:
    """Each has a version."""
    versions = _folder.versions()
    assert ({"python", "locust", "gevent", "tailgate"} <= set(versions), all(versions.values())) == (True, True)
