/* Percentile spectra on an axis of nines, with intervals and limits. */
function drawTail(tail, index) {
  const id = `tail-${index}`;
  const values = [tail.x], series = [{}], bands = [];
  for (const curve of tail.curves) {
    const name = `c${curve.colour % 6}`, at = series.length;
    values.push(curve.low, curve.high, curve.values);
    series.push(ink({ width: 0, spanGaps: true }, name), ink({ width: 0, spanGaps: true }, name),
      ink({ width: 2.2, dash: dashes(curve.colour), spanGaps: true }, name));
    bands.push({ series: [at + 1, at], fill: () => fade(css(name), 0.16) });
  }
  const scale = latencyScale([...values.slice(1), tail.limits.map((limit) => limit.limit)]);
  const read = (u) => readTail(u, tail, id);
  unit(id, scale);
  const ticks = [["p50", 0.30103], ["p90", 1], ["p95", 1.30103], ["p99", 2], ["p99.9", 3]];
  make(id, {
    series, bands, padding: [14, 16, 0, 0],
    scales: { x: { time: false, range: [0.30103, 3] }, y: { distr: scale.log ? 3 : 1, range: scale.range } },
    axes: [axis({ splits: () => ticks.map((t) => t[1]), filter: (u, s) => s, values: () => ticks.map((t) => t[0]), size: 34 }),
      latencyAxis(scale)],
    cursor: cursor((u, i) => i % 3 === 0 ? 9 : 0),
    hooks: {
      drawAxes: [(u) => tail.limits.forEach((limit) => drawLimit(u, limit))],
      draw: [(u) => tail.limits.forEach((limit) => drawDot(u, limit))],
      ready: [read], setCursor: [read], setSeries: [read],
    },
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
  readout(id, `p${+(tail.p[i] * 100).toFixed(tail.p[i] < 0.985 ? 1 : 2)}`, parts);
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

