"""The terminal's report: coloured for a person, plain for a pipe, and deaf to escapes in names."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from analysis.model import Report, Validity
from analysis.render.terminal import print_report
from analysis.words.plaintext import clean

GOLDEN = Path(__file__).parent / "golden"


def load(name: str) -> Report:
    """Read a stored report."""
    return Report.model_validate_json((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def printed(report: Report, *, terminal: bool = False, encoding: str = "utf-8", width: int = 100) -> str:
    """Give what is printed, as a file of that encoding holds it."""
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
    colours = {"force_terminal": terminal, "color_system": "standard" if terminal else None, "legacy_windows": False}
    print_report(report, Console(file=file, width=width, highlight=False, **colours))
    file.flush()
    return raw.getvalue().decode(encoding)


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_piped_output_is_plain_and_aligned(name: str) -> None:
    """A pipe gets whole lines without escapes, however long: the text is pinned."""
    assert printed(load(name)) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_a_terminal_gets_colour() -> None:
    """The verdict is bold red and stands first."""
    assert printed(load("sample"), terminal=True).startswith("\x1b[1;31m✕ FAIL\x1b[0m")


def test_without_limits_nothing_is_called_a_pass() -> None:
    """A run that was held against nothing says so, as its page does."""
    report = load("sample").model_copy(update={"verdict": "pass", "slo": []})
    text = printed(report)
    assert (text.startswith("· NO LIMIT SET"), "within every latency limit" in text) == (True, False)
    assert "within every latency limit" in printed(load("sample"))


def test_names_send_no_escapes_to_a_terminal() -> None:
    """The only escapes on a terminal are colours of our own."""
    text = printed(load("hostile"), terminal=True)
    assert "\x1b[31m=cmd" not in text
    assert "\u202e" not in text


def test_markup_in_names_is_text() -> None:
    """Square brackets in a name are no markup of rich."""
    report = load("sample")
    assert "[bold]x[/bold]" in printed(report.model_copy(update={"headline": "[bold]x[/bold]"}))


def test_an_invalid_run_voids_its_verdicts() -> None:
    """The reasons stand at the top, and under the table that its verdicts do not stand."""
    state = Validity(verdict="invalid", reasons=["loop lag p99 412 ms"])
    text = printed(load("sample").model_copy(update={"verdict": "invalid", "validity": state}))
    assert text.startswith("⊘ INVALID")
    assert "  ! loop lag p99 412 ms\n" in text
    assert "none of these verdicts stands" in text


def test_an_ascii_console_is_served() -> None:
    """Signs that the console cannot show are replaced; nothing raises."""
    text = printed(load("hostile"), encoding="ascii")
    assert text.startswith("x FAIL")
    assert "\\u05e9" in text


@pytest.mark.parametrize("width", [40, 80, 100, 200])
@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_a_terminal_of_any_width_breaks_no_word(name: str, width: int) -> None:
    """No line is longer than the terminal, and each SLO line stands whole on one that is wide enough for it."""
    report = load(name)
    rows = [Text.from_ansi(row).plain for row in printed(report, terminal=True, width=width).splitlines()]
    assert [row for row in rows if cell_len(row) > width] == []
    lines = [clean(line.line) for line in report.slo if cell_len(line.line) < width // 2]
    assert [line for line in lines if not any(line in row for row in rows)] == []


def test_many_endpoints_are_shown_some_at_a_time() -> None:
    """Eight endpoints do not fit side by side on 80 columns: their tables follow one another, none is cut."""
    report = load("sample")
    groups = [
        group.model_copy(update={"endpoint": f"endpoint-{number}"}) for number in range(4) for group in report.groups
    ]
    text = printed(report.model_copy(update={"groups": groups}), terminal=True, width=80)
    heads = [row for row in Text.from_ansi(text).plain.splitlines() if "endpoint-3" in row]
    assert (len(heads), "endpoint-0" in heads[0]) == (1, False)


def test_figures_without_a_steady_phase_say_so() -> None:
    """What was measured before it is shown for a look alone."""
    report = load("sample")
    early = [group.model_copy(update={"phase": "warm_up"}) for group in report.groups]
    said = "There was no steady phase"
    texts = [printed(report), printed(report.model_copy(update={"groups": early}))]
    assert [said in text for text in texts] == [False, True]


def test_no_color_is_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    """With NO_COLOR nothing is coloured; signs and words tell the verdicts."""
    monkeypatch.setenv("NO_COLOR", "1")
    text = printed(load("sample"), terminal=True)
    colours = re.findall(r"\x1b\[[0-9;]*3[0-7]m", text)
    assert (colours, "✕ fail" in text) == ([], True)
