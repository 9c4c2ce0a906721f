"""The report's page in a real browser: it draws, reads out, toggles, prints and obeys no name.

Each test appends a script to a copy of the page; what the script puts into `#found` is read back with `--dump-dom`.
"""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.model import Plots, Report
from analysis.render.html import html as render

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), None
)
GOLDEN = Path(__file__).parents[1] / "analysis" / "golden"
FLAGS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    *("--enable-logging=stderr", "--virtual-time-budget=8000"),
]

pytestmark = [
    pytest.mark.live,
    pytest.mark.skipif(BROWSER is None, reason="no chromium here: apt-get install chromium"),
]


def load(name: str) -> Report:
    """Read a stored report."""
    return Report.model_validate_json((GOLDEN / f"{name}.json").read_text(encoding="utf-8"))


def browse(page: str, folder: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open `page` in a browser of its own and wait for its end."""
    file = folder / "page.html"
    file.write_text(page, encoding="utf-8")
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)


def ask(page: str, script: str, folder: Path, *flags: str) -> Any:
    """Run `script` (the body of an async function) in the page and give what it returns; console messages fail."""
    asked = f"""<script>(async () => {{
      const body = async () => {{ {script} }};
      const found = document.createElement("pre");
      found.id = "found";
      try {{ found.textContent = JSON.stringify(await body()); }}
      catch (error) {{ found.textContent = JSON.stringify("failed: " + error.stack); }}
      document.body.append(found);
    }})();</script>"""
    head, tail = page.rsplit("</body>", 1)
    done = browse(f"{head}{asked}</body>{tail}", folder, "--window-size=1400,1000", *flags, "--dump-dom")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line and "getImageData" not in line] == []
    answer = re.search(r'<pre id="found">(.*?)</pre>', done.stdout, re.DOTALL)
    assert answer is not None
    return json.loads(html.unescape(answer[1]))


INKED = """
  const inked = (canvas) => {
    const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    let pixels = 0;
    for (let i = 3; i < data.length; i += 4) if (data[i]) pixels += 1;
    return pixels;
  };
"""


@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_every_plot_is_drawn(tmp_path: Path, name: str) -> None:
    """Each picture's canvas holds ink, no message is on the console, and nothing is fetched."""
    script = (
        INKED
        + """
      const canvases = [...document.querySelectorAll(".canvas canvas")];
      return {drawn: canvases.map((canvas) => inked(canvas) > 2000), hosts: document.querySelectorAll(".canvas").length,
              fetched: performance.getEntriesByType("resource").map((entry) => entry.name)};
    """
    )
    found = ask(render(load(name)), script, tmp_path)
    assert found == {"drawn": [True] * 8, "hosts": 8, "fetched": []}


def test_hostile_names_stay_text(tmp_path: Path) -> None:
    """Names run no script and make no element, before and after every picture's table is opened and read."""
    script = """
      document.querySelectorAll("details").forEach((details) => { details.open = true; });
      await new Promise((done) => setTimeout(done, 200));
      return {title: document.title, images: document.images.length, scripts: document.scripts.length,
              caption: document.querySelector(".bins caption").textContent};
    """
    found = ask(render(load("hostile")), script, tmp_path)
    assert found["title"].startswith("FAIL: <script>document.title = 'owned'</script>")
    assert (found["images"], found["scripts"]) == (0, 4)
    assert found["caption"].startswith("</script><img src=x onerror=alert(1)>")


def test_pointer_and_keyboard_read_the_figures(tmp_path: Path) -> None:
    """Hovering and arrow keys both put value and interval of every endpoint under the plot."""
    script = """
      const host = document.getElementById("tail-0"), line = document.getElementById("tail-0-readout");
      const before = line.textContent;
      const over = host.querySelector(".u-over"), box = over.getBoundingClientRect();
      const at = {clientX: box.left + box.width - 2, clientY: box.top + 20, bubbles: true};
      over.dispatchEvent(new MouseEvent("mouseenter", at));
      over.dispatchEvent(new MouseEvent("mousemove", at));
      await new Promise((done) => setTimeout(done, 100));
      const hovered = line.textContent;
      host.focus();
      for (let i = 0; i < 3; i++)
        host.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowLeft", bubbles: true}));
      await new Promise((done) => setTimeout(done, 100));
      return {before, hovered, stepped: line.textContent};
    """
    found = ask(render(load("sample")), script, tmp_path)
    assert found["before"] == "p95  large 1,623 ms [1,507, 1,761] · small 277 ms [263, 294]"
    assert re.fullmatch(r"p99\.9  large not estimable · small 587 ms \[375, 842\]", found["hovered"])
    assert re.match(r"p99\.\d+  large ", found["stepped"])
    assert found["stepped"] != found["hovered"]


def test_a_curve_can_be_switched_off_and_on(tmp_path: Path) -> None:
    """The button says its state, and the curve leaves the picture and the readout."""
    script = (
        INKED
        + """
      const button = document.querySelector('[data-plot="tail-0"][data-series="4 5 6"]');
      const canvas = document.querySelector("#tail-0 canvas");
      const wait = () => new Promise((done) => setTimeout(done, 100));
      const ink = [inked(canvas)], pressed = [button.getAttribute("aria-pressed")];
      for (let i = 0; i < 2; i++) {
        button.click(); await wait();
        ink.push(inked(canvas)); pressed.push(button.getAttribute("aria-pressed"));
      }
      return {ink, pressed};
    """
    )
    found = ask(render(load("sample")), script, tmp_path)
    assert found["pressed"] == ["true", "false", "true"]
    assert found["ink"][1] < found["ink"][0] == found["ink"][2]


def test_marks_can_be_switched_off(tmp_path: Path) -> None:
    """Throttled and failed turns leave the picture by their own keys."""
    script = (
        INKED
        + """
      const canvas = document.querySelector("#course-0 canvas");
      const wait = () => new Promise((done) => setTimeout(done, 150));
      const ink = [inked(canvas)];
      for (const fate of ["throttled", "failed"]) {
        document.querySelector(`[data-plot="course-0"][data-marks="${fate}"]`).click(); await wait();
        ink.push(inked(canvas));
      }
      return ink;
    """
    )
    every, some, none = ask(render(load("sample")), script, tmp_path)
    assert every > some > none


def test_a_distribution_is_read(tmp_path: Path) -> None:
    """Before anyone points, mean and variation; with the arrow keys, each bin and its shares."""
    script = """
      const host = document.getElementById("spread-1"), line = document.getElementById("spread-1-readout");
      const before = line.textContent;
      host.dispatchEvent(new KeyboardEvent("keydown", {key: "ArrowRight", bubbles: true}));
      await new Promise((done) => setTimeout(done, 100));
      return {before, stepped: line.textContent};
    """
    found = ask(render(load("sample")), script, tmp_path)
    assert found["before"].startswith(
        "large mean $0.00684 [0.00659, 0.00715], CV 0.520 [0.504, 0.539], n = 3,188 \u00b7"
    )
    assert re.fullmatch(r"\$0\.0\d+ to \$0\.0\d+  large 0% \u00b7 small \d[\d.]*%", found["stepped"])


def test_notes_are_shown_under_every_figure(tmp_path: Path) -> None:
    """What hovering tells is there for touch and print too: n and method, by one button."""
    script = """
      const button = document.querySelector("[data-notes]"), figure = document.querySelector(".sides td[title]");
      const shown = () => getComputedStyle(figure, "::after").content;
      const before = [button.hidden, button.getAttribute("aria-pressed"), shown()];
      button.click();
      return {before, after: [button.getAttribute("aria-pressed"), shown()]};
    """
    found = ask(render(load("sample")), script, tmp_path)
    assert found["before"] == [False, "false", "none"]
    assert found["after"][0] == "true"
    assert found["after"][1].startswith('"n = 3,188, order statistics')


def test_of_many_curves_six_are_drawn_at_first(tmp_path: Path) -> None:
    """The others wait behind their keys."""
    report = load("sample")
    spectra = {f"model-{i:02}": report.plots.spectra["small"] for i in range(9)}
    plots = report.plots.model_copy(update={"spectra": spectra})
    script = """
      const keys = [...document.querySelectorAll('[data-plot="tail-0"]')];
      return keys.map((key) => key.getAttribute("aria-pressed") === "true");
    """
    assert ask(render(report.model_copy(update={"plots": plots})), script, tmp_path) == [True] * 6 + [False] * 3


def test_paper_holds_method_and_glossary(tmp_path: Path) -> None:
    """What is folded on the screen is open while printing, and folded again after."""
    script = """
      const folded = () => [...document.querySelectorAll("[data-print]")].map((details) => details.open);
      const states = [folded()];
      for (const event of ["beforeprint", "afterprint"]) { dispatchEvent(new Event(event)); states.push(folded()); }
      return states;
    """
    assert ask(render(load("sample")), script, tmp_path) == [[False] * 2, [True] * 2, [False] * 2]


@pytest.mark.parametrize("width", [390, 1400])
@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_the_page_never_scrolls_sideways(tmp_path: Path, name: str, width: int) -> None:
    """At phone width too, whatever the names: wide tables scroll in their own box."""
    assert sideways(render(load(name)), tmp_path, width) == {"room": width, "over": 0, "wide": []}


def sideways(page: str, folder: Path, width: int) -> Any:
    """Give how wide a page's window is, by how much the page is wider, and what sticks out."""
    inner = html.escape(page, quote=True)
    frame = f'<!doctype html><body><iframe width="{width}" height="900" srcdoc="{inner}"></iframe></body>'
    script = """
      await new Promise((done) => setTimeout(done, 1000));
      const page = document.querySelector("iframe").contentDocument, room = page.defaultView.innerWidth;
      const wide = [...page.querySelectorAll("body *")].filter((element) => !element.closest(".scroll, .sr, .skip")
        && element.getBoundingClientRect().right > room + 1).map((element) => element.outerHTML.slice(0, 90));
      return {room, over: page.documentElement.scrollWidth - page.documentElement.clientWidth, wide};
    """
    return ask(frame, script, folder, "--window-size=1500,1000")


def test_a_page_without_plots_has_no_errors(tmp_path: Path) -> None:
    """A report of nothing runs its script to the end."""
    bare = load("sample").model_copy(update={"plots": Plots(spectra={}, timelines={}), "groups": [], "slo": []})
    assert ask(render(bare), "return document.documentElement.dataset.plotted;", tmp_path) == "0"


def test_the_page_prints(tmp_path: Path) -> None:
    """Printing gives a few pages, on white even where the screen is dark."""
    target = tmp_path / "page.pdf"
    browse(render(load("sample")), tmp_path, "--blink-settings=preferredColorScheme=0", f"--print-to-pdf={target}")
    pages = len(re.findall(rb"/Type\s*/Page\b", target.read_bytes()))
    assert 2 <= pages <= 8


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["sample", "hostile"])
def test_axe_finds_no_serious_issue(tmp_path: Path, name: str, scheme: str) -> None:
    """The accessibility checker axe-core reports nothing serious or critical."""
    assert serious_issues(render(load(name)), tmp_path, scheme) == []


def serious_issues(page: str, folder: Path, scheme: str) -> Any:
    """Give what axe-core finds serious or critical, with the elements at fault."""
    axe = pytest.importorskip("axe_core_python", reason="no axe-core here: pip install axe-core-python")
    source = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8").replace("</script", "<\\/script")
    script = """
      const found = await axe.run(document);
      return found.violations.filter((issue) => ["serious", "critical"].includes(issue.impact))
        .map((issue) => [issue.id, issue.nodes.slice(0, 3).map((node) => node.html.slice(0, 200))]);
    """
    flag = f"--blink-settings=preferredColorScheme={0 if scheme == 'dark' else 1}"
    return ask(page.replace("</head>", f"<script>{source}</script></head>"), script, folder, flag)
