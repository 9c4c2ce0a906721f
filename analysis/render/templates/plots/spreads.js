/* Distributions on a logarithmic axis: the share of all values in each bin, one outline per endpoint. */
const few = new Intl.NumberFormat("en-US", { maximumSignificantDigits: 3 });

function money(value) {
  return `$${value.toLocaleString("en-US", { maximumSignificantDigits: 3, maximumFractionDigits: 9 })}`;
}

function drawSpread(spread, index) {
  const id = `spread-${index}`, edges = spread.edges;
  const named = (value) => spread.unit === "usd" ? money(value) : few.format(value);
  const read = (u) => readSpread(u, spread, id, named);
  const lines = (u) => spread.curves.forEach((curve, k) => u.series[k + 1].show && drawMark(u, curve));
  let ticks = steps(edges[0], edges.at(-1), 6);
  if (ticks.length < 2) ticks = [edges[0], edges[Math.floor(edges.length / 2)], edges.at(-1)];
  make(id, {
    padding: [10, 16, 0, 0], cursor: cursor(7),
    series: [{}, ...spread.curves.map(({ colour }) => ink({
      width: 1.8, dash: dashes(colour), paths: uPlot.paths.stepped({ align: 1 }),
      fill: () => fade(css(`c${colour % 6}`), 0.1),
    }, `c${colour % 6}`))],
    scales: {
      x: { time: false, distr: 3, range: [edges[0], edges.at(-1)] },
      y: { range: [0, Math.max(1, extent(spread.curves.map((curve) => curve.shares))[1] * 1.08)] },
    },
    axes: [axis({ splits: () => ticks, filter: (u, s) => s, values: (u, s) => apart(u, s, named), size: 34 }),
      axis({ size: 58, gap: 6, space: 34, values: (u, values) => values.map((v) => `${v}%`) })],
    hooks: { draw: [lines], ready: [read], setCursor: [read], setSeries: [read] },
  }, [edges, ...spread.curves.map((curve) => [...curve.shares, null])]);
}

function drawMark(u, curve) {
  if (curve.mark == null) return;
  const { ctx, bbox } = u, x = u.valToPos(curve.mark, "x", true);
  ctx.save();
  ctx.strokeStyle = css(`c${curve.colour % 6}`);
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.setLineDash(dashes(curve.colour).map((length) => length * devicePixelRatio));
  ctx.beginPath(); ctx.moveTo(x, bbox.top); ctx.lineTo(x, bbox.top + bbox.height); ctx.stroke();
  ctx.restore();
}

function readSpread(u, spread, id, named) {
  const shown = spread.curves.filter((curve, k) => u.series[k + 1].show);
  const i = u.cursor.idx == null ? null : Math.min(u.cursor.idx, spread.edges.length - 2);
  if (i === null) return readout(id, null, shown.map((curve) => `${curve.name} ${curve.said}`));
  const bin = `${named(spread.edges[i])} to ${named(spread.edges[i + 1])}${spread.unit === "usd" ? "" : ` ${spread.unit}`}`;
  readout(id, bin, shown.map((curve) => `${curve.name} ${number.format(curve.shares[i] ?? 0)}%`));
}
