/* Latency and load over time. */
function shadePhases(course, named) {
  return (u) => {
    const { ctx, bbox } = u, ratio = devicePixelRatio;
    ctx.save();
    ctx.beginPath(); ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height); ctx.clip();
    ctx.font = FONT.replace("12px", `${11.5 * ratio}px`);
    ctx.textAlign = "left"; ctx.textBaseline = "alphabetic";
    for (const span of course.phases) {
      const from = u.valToPos(span.start, "x", true), to = u.valToPos(span.end, "x", true);
      if (span.phase !== "steady") { ctx.fillStyle = css("shade"); ctx.fillRect(from, bbox.top, to - from, bbox.height); }
      if (!named || ctx.measureText(span.phase).width > to - from - 8 * ratio) continue;
      ctx.fillStyle = css("soft");
      ctx.fillText(span.phase, from + 5 * ratio, bbox.top + 13 * ratio);
    }
    ctx.restore();
  };
}

/* A throttled turn is a ring at its response time; a failed one has none, so its cross stands at the upper edge. */
function drawMarks(u, course, index) {
  const { ctx, bbox } = u, ratio = devicePixelRatio, size = 3 * ratio;
  ctx.save();
  ctx.lineWidth = 1.4 * ratio;
  ctx.setLineDash([]);
  for (const mark of course.marks) {
    if (hiddenMarks.has(`course-${index} ${mark.fate}`)) continue;
    ctx.strokeStyle = css(mark.fate === "failed" ? "failed" : "held");
    mark.t.forEach((t, i) => {
      const x = u.valToPos(t, "x", true), known = mark.ms[i] != null && mark.fate !== "failed";
      const y = known ? u.valToPos(mark.ms[i], "y", true) : bbox.top + 26 * ratio;
      ctx.beginPath();
      if (known) ctx.arc(x, y, size, 0, 2 * Math.PI);
      else { ctx.moveTo(x - size, y - size); ctx.lineTo(x + size, y + size); ctx.moveTo(x + size, y - size); ctx.lineTo(x - size, y + size); }
      ctx.stroke();
    });
  }
  ctx.restore();
}

function drawCourse(course, index) {
  const name = `c${course.colour % 6}`;
  const spans = course.phases.flatMap((span) => [span.start, span.end]);
  const range = [Math.min(course.t[0] ?? 0, ...spans), Math.max(course.t.at(-1) ?? 1, ...spans)];
  const scale = latencyScale([...course.latency, ...course.marks.map((mark) => mark.ms)]);
  if (scale.log) scale.range[1] *= 1.3;
  const time = axis({ values: (u, values) => values.map(clock), incrs: [1, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600], size: 30, space: 56 });
  const shared = cursor(8, { sync: { key: `course-${index}`, setSeries: false } });
  const read = (u) => readCourse(u, course, index);
  unit(`course-${index}`, scale);
  make(`course-${index}`, {
    padding: [6, 16, 0, 0], cursor: shared,
    series: [{}, ink({ width: 2.2 }, name), ink({ width: 1.1 }, name),
      ink({ width: 2.2, dash: [6, 3] }, name), ink({ width: 1.1, dash: [6, 3] }, name)],
    scales: { x: { time: false, range }, y: { distr: scale.log ? 3 : 1, range: scale.range } },
    axes: [{ ...time, size: 8, values: (u, values) => values.map(() => "") }, latencyAxis(scale)],
    hooks: { drawClear: [shadePhases(course, true)], draw: [(u) => drawMarks(u, course, index)], ready: [read], setCursor: [read] },
  }, [course.t, ...course.latency]);
  const top = Math.max(1, extent(course.load)[1] * 1.1);
  make(`load-${index}`, {
    padding: [8, 16, 0, 0], cursor: shared,
    series: [{}, ink({ width: 1.4 }, "soft"),
      ink({ width: 1.2, fill: () => fade(css("answered"), 0.3) }, "answered"),
      ink({ width: 2, dash: [6, 3], fill: () => fade(css("held"), 0.25) }, "held"),
      ink({ width: 2, dash: [2, 3], fill: () => fade(css("failed"), 0.3) }, "failed")],
    scales: { x: { time: false, range }, y: { range: [0, top] } },
    axes: [time, axis({ size: 58, gap: 6, space: 34 })],
    hooks: { drawClear: [shadePhases(course, false)] },
  }, [course.t, ...course.load.map((list) => list.some((value) => value > 0) ? list : list.map(() => null))]);
}

const LATENCIES = ["response p95", "response p50", "first token p95", "first token p50"];
const LOADS = ["offered", "admitted", "throttled", "failed"];

function readCourse(u, course, index) {
  const i = u.cursor.idx, id = `course-${index}`;
  if (i == null) return readout(id, null, ["Point at the picture, or focus it and use the arrow keys, to read its figures."]);
  const latency = LATENCIES.map((label, k) => `${label} ${text(course.latency[k][i])}${course.latency[k][i] == null ? "" : " ms"}`);
  const load = LOADS.map((label, k) => `${label} ${text(course.load[k][i])} /s`);
  readout(id, clock(course.t[i]), [...latency, ...load]);
}

/* The long table of a course is only made when somebody opens it. */
function fillBins(details) {
  if (!details.open || details.querySelector("table")) return;
  const course = data.courses[+details.dataset.bins];
  const table = document.createElement("table");
  table.className = "grid";
  table.createCaption().textContent = `${course.name}: latency in ms and load per second, by bins of ${course.bin} s`;
  const head = table.createTHead().insertRow();
  for (const label of ["time", ...LATENCIES, ...LOADS]) {
    const cell = document.createElement("th");
    cell.scope = "col"; cell.className = "num"; cell.textContent = label;
    head.append(cell);
  }
  const body = table.createTBody();
  course.t.forEach((t, i) => {
    const row = body.insertRow();
    for (const value of [clock(t), ...[...course.latency, ...course.load].map((list) => list[i] == null ? "–" : text(list[i]))]) {
      const cell = row.insertCell();
      cell.className = "num"; cell.textContent = value;
    }
  });
  const box = document.createElement("div");
  box.className = "scroll bins"; box.tabIndex = 0;
  box.setAttribute("role", "region"); box.setAttribute("aria-label", `${course.name} over time`);
  box.append(table);
  details.append(box);
}

