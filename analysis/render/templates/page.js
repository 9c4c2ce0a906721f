"use strict";
(() => {
  const data = JSON.parse(document.getElementById("report-data").textContent);
  const plots = {};
  const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2]];
  const PAPER_COLUMN = 325;  /* CSS px: half of an A4 page between its margins */
  const FONT = '12px system-ui, -apple-system, "Segoe UI", Roboto, "Liberation Sans", "DejaVu Sans", sans-serif';
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
  const fade = (colour, part) => colour + Math.round(part * 255).toString(16).padStart(2, "0");
  const number = new Intl.NumberFormat("en-US", { maximumFractionDigits: 1 });
  const text = (value) => value == null ? "not estimable"
    : number.format(Math.abs(value) >= 100 ? Math.round(value) : value);
  const clock = (s) => `${Math.floor(s / 60)}:${String(Math.floor(s % 60)).padStart(2, "0")}`;

  /* 1-2-5 steps between two positive numbers, thinned to what fits. */
  function steps(low, high, most) {
    let found = [];
    for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++)
      for (const digit of [1, 2, 5]) {
        const value = digit * 10 ** power;
        if (value >= low * 0.999 && value <= high * 1.001) found.push(value);
      }
    if (found.length > most) found = found.filter((v) => /^[15]/.test(v.toExponential()));
    if (found.length > most) found = found.filter((v) => /^1/.test(v.toExponential()));
    return found;
  }

  function extent(lists) {
    let low = Infinity, high = -Infinity;
    for (const list of lists) for (const value of list)
      if (value != null && value > 0) { low = Math.min(low, value); high = Math.max(high, value); }
    return low < high ? [low, high] : low === high ? [low / 2, high * 2] : [1, 10];
  }

  /* Latency axis: logarithmic once the largest value is over ten times the smallest. */
  function latencyScale(lists) {
    const [low, high] = extent(lists);
    const log = high / low > 10;
    return { log, range: log ? [low / 1.15, high * 1.2] : [0, high * 1.08] };
  }

  function axis(extra) {
    return {
      stroke: () => css("soft"), font: FONT, grid: { stroke: () => css("line"), width: 1 },
      ticks: { show: false }, ...extra,
    };
  }

  function latencyAxis(scale) {
    const extra = { size: 58, gap: 6, values: (u, values) => values.map((v) => v == null ? "" : number.format(v)) };
    if (scale.log) {
      extra.splits = () => steps(...scale.range, 8);
      extra.filter = (u, splits) => splits;
    }
    return axis(extra);
  }

  function make(id, options, values) {
    const host = document.getElementById(id);
    const size = () => ({ width: Math.max(200, host.clientWidth), height: host.clientHeight });
    const plot = new uPlot({ ...size(), legend: { show: false }, ...options }, values, host);
    new ResizeObserver(() => plot.setSize(size())).observe(host);
    host.addEventListener("keydown", (event) => step(plot, event));
    plots[id] = plot;
    return plot;
  }

  function step(plot, event) {
    const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (by === undefined) return;
    event.preventDefault();
    const last = plot.data[0].length - 1;
    const from = plot.cursor.idx == null ? (by > 0 ? -1 : last + 1) : plot.cursor.idx;
    const index = Math.min(last, Math.max(0, from + by));
    plot.setCursor({ left: plot.valToPos(plot.data[0][index], "x"), top: plot.bbox.height / devicePixelRatio / 2 });
  }

  /* One line of figures under a plot, for pointer, touch and keyboard alike; built from text nodes only. */
  function readout(id, lead, parts) {
    const line = document.getElementById(id);
    const head = document.createElement("b");
    head.textContent = lead === null ? "" : `${lead}  `;
    line.replaceChildren(head, parts.join(" · "));
  }

  const cursor = (size, extra) => ({
    y: false, drag: { x: false, y: false }, points: { size, width: 0, fill: (u, i) => u.series[i]._ink() }, ...extra,
  });

  /* A stroke that follows the theme; `_ink` serves the hover points. */
  function ink(series, name) {
    const colour = () => css(name);
    return { ...series, stroke: colour, _ink: colour, points: { show: false } };
  }

  function drawTail(index) {
    const tail = data.tails[index], id = `tail-${index}`;
    const values = [tail.x], series = [{}], bands = [];
    for (const curve of tail.curves) {
      const name = `c${curve.colour % 6}`, at = series.length;
      values.push(curve.low, curve.high, curve.values);
      series.push(ink({ width: 0, spanGaps: true }, name), ink({ width: 0, spanGaps: true }, name),
        ink({ width: 2.2, dash: DASHES[curve.colour % 6], spanGaps: true }, name));
      bands.push({ series: [at + 1, at], fill: () => fade(css(name), 0.16) });
    }
    const scale = latencyScale([...values.slice(1), tail.limits.map((limit) => limit.limit)]);
    unit(id, scale);
    const ticks = [["p50", 0.30103], ["p90", 1], ["p95", 1.30103], ["p99", 2], ["p99.9", 3]];
    make(id, {
      series, bands, padding: [14, 16, 0, 0],
      scales: { x: { time: false, range: [0.30103, 3] }, y: { distr: scale.log ? 3 : 1, range: scale.range } },
      axes: [axis({ splits: () => ticks.map((t) => t[1]), filter: (u, s) => s, values: () => ticks.map((t) => t[0]), size: 34 }),
        latencyAxis(scale)],
      cursor: cursor((u, i) => i % 3 === 0 ? 9 : 0),
      hooks: { ready: [(u) => readTail(u, tail, id)], 
        drawAxes: [(u) => tail.limits.forEach((limit) => drawLimit(u, limit))],
        draw: [(u) => tail.limits.forEach((limit) => drawDot(u, limit))], setCursor: [(u) => readTail(u, tail, id)] },
    }, values);
  }

  function readTail(u, tail, id) {
    const at95 = tail.p.reduce((best, p, k) => Math.abs(p - 0.95) < Math.abs(tail.p[best] - 0.95) ? k : best, 0);
    const i = u.cursor.idx ?? at95;
    const parts = tail.curves.filter((c, k) => u.series[k * 3 + 3].show).map((curve) => {
      const [value, low, high] = [curve.values[i], curve.low[i], curve.high[i]];
      return `${curve.name} ${text(value)}${value == null ? "" : " ms"}`
        + (low != null && high != null ? ` [${text(low)}, ${text(high)}]` : "");
    });
    readout(`${id}-readout`, `p${+(tail.p[i] * 100).toFixed(tail.p[i] < 0.985 ? 1 : 2)}`, parts);
  }

  function drawLimit(u, limit) {
    const { ctx, bbox } = u, ratio = devicePixelRatio;
    const x = u.valToPos(limit.x, "x", true), y = u.valToPos(limit.limit, "y", true);
    ctx.save();
    ctx.strokeStyle = ctx.fillStyle = css("ink");
    ctx.lineWidth = 1.4 * ratio;
    ctx.setLineDash([5 * ratio, 3 * ratio]);
    ctx.beginPath(); ctx.moveTo(bbox.left, y); ctx.lineTo(x, y); ctx.stroke();
    ctx.setLineDash([]);
    ctx.font = FONT.replace("12px", `${12 * ratio}px`);
    ctx.textAlign = "left"; ctx.textBaseline = "alphabetic";
    ctx.lineWidth = 4 * ratio; ctx.strokeStyle = css("paper"); ctx.lineJoin = "round";
    const room = ctx.measureText(limit.text).width, left = bbox.left + 6 * ratio;
    const start = Math.max(bbox.left, Math.min(left, bbox.left + bbox.width - room)), base = y - 6 * ratio < bbox.top + 12 * ratio ? y + 16 * ratio : y - 6 * ratio;
    ctx.strokeText(limit.text, start, base); ctx.fillText(limit.text, start, base);
    ctx.restore();
  }

  function drawDot(u, limit) {
    const { ctx } = u;
    ctx.save();
    ctx.fillStyle = css("ink");
    ctx.beginPath();
    ctx.arc(u.valToPos(limit.x, "x", true), u.valToPos(limit.limit, "y", true), 4.5 * devicePixelRatio, 0, 2 * Math.PI);
    ctx.fill();
    ctx.restore();
  }

  function unit(id, scale) {
    const label = document.querySelector(`[data-unit="${id}"]`);
    if (label) label.textContent = scale.log ? "ms, logarithmic" : "ms";
  }

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

  function drawCourse(index) {
    const course = data.courses[index], name = `c${course.colour % 6}`;
    const spans = course.phases.flatMap((span) => [span.start, span.end]);
    const range = [Math.min(course.t[0] ?? 0, ...spans), Math.max(course.t.at(-1) ?? 1, ...spans)];
    const scale = latencyScale(course.latency);
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
      hooks: { drawClear: [shadePhases(course, true)], ready: [read], setCursor: [read] },
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
    const i = u.cursor.idx, id = `course-${index}-readout`;
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

  function toggle(button) {
    const plot = plots[button.dataset.plot], curve = +button.dataset.curve;
    const show = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(show));
    const tail = button.dataset.plot.startsWith("tail");
    for (const i of tail ? [1, 2, 3].map((k) => curve * 3 + k) : [curve + 1]) plot.setSeries(i, { show });
  }

  const redraw = () => Object.values(plots).forEach((plot) => plot.redraw(false, true));
  data.tails.forEach((tail, index) => drawTail(index));
  data.courses.forEach((course, index) => drawCourse(index));
  document.querySelectorAll(".key").forEach((button) => button.addEventListener("click", () => toggle(button)));
  document.querySelectorAll("[data-bins]").forEach((d) => d.addEventListener("toggle", () => fillBins(d)));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  /* Paper is light whatever the screen is. */
  addEventListener("beforeprint", () => {
    document.documentElement.dataset.light = "";
    for (const plot of Object.values(plots)) plot.setSize({ width: PAPER_COLUMN, height: plot.height });
    redraw();
  });
  addEventListener("afterprint", () => {
    delete document.documentElement.dataset.light;
    for (const plot of Object.values(plots))
      plot.setSize({ width: Math.max(200, plot.root.parentElement.clientWidth), height: plot.height });
    redraw();
  });
  document.documentElement.dataset.plotted = String(Object.keys(plots).length);
})();
