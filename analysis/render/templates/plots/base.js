/* What all pictures share: colours, axes, the readout under a picture, and the keys that read it. */
const data = JSON.parse(document.getElementById("report-data").textContent);
const plots = {};
const hiddenMarks = new Set();
const DASHES = [[], [7, 3], [2, 3], [9, 3, 2, 3], [4, 2], [1, 2]];
/* A seventh line has the colour of the first, with another dash. */
const dashes = (colour) => DASHES[(colour + Math.floor(colour / 6)) % 6];
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

/* Leaves out the labels that would touch the one before. */
function apart(u, splits, named, least = 52) {
  let last = -Infinity;
  return splits.map((value) => {
    const at = u.valToPos(value, "x");
    if (at - last < least) return "";
    last = at;
    return named(value);
  });
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
  const line = document.getElementById(`${id}-readout`);
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

function unit(id, scale) {
  const label = document.querySelector(`[data-unit="${id}"]`);
  if (label) label.textContent = scale.log ? "ms, logarithmic" : "ms";
}

