/* Draws everything, and wires what can be clicked. */
function show(button) {
  const plot = plots[button.dataset.plot], shown = button.getAttribute("aria-pressed") === "true";
  if (!plot) return;
  for (const index of (button.dataset.series || "").split(" ").filter(Boolean)) plot.setSeries(+index, { show: shown });
  if (!button.dataset.marks) return;
  hiddenMarks[shown ? "delete" : "add"](`${button.dataset.plot} ${button.dataset.marks}`);
  plot.redraw(false, false);
}

function press(button) {
  button.setAttribute("aria-pressed", String(button.getAttribute("aria-pressed") !== "true"));
}

function resize(width) {
  for (const plot of Object.values(plots)) plot.setSize({ width: width(plot), height: plot.height });
  for (const plot of Object.values(plots)) plot.redraw(false, true);
}

data.tails.forEach(drawTail);
data.courses.forEach(drawCourse);
(data.spreads || []).forEach(drawSpread);
for (const button of document.querySelectorAll(".key")) {
  if (button.getAttribute("aria-pressed") === "false") show(button);
  button.addEventListener("click", () => { press(button); show(button); });
}
for (const button of document.querySelectorAll("[data-notes]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    press(button);
    document.documentElement.classList.toggle("noted", button.getAttribute("aria-pressed") === "true");
  });
}
document.querySelectorAll("[data-bins]").forEach((d) => d.addEventListener("toggle", () => fillBins(d)));
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  for (const plot of Object.values(plots)) plot.redraw(false, true);
});
/* Paper is light whatever the screen is. */
addEventListener("beforeprint", () => {
  document.documentElement.dataset.light = "";
  for (const details of document.querySelectorAll("[data-print]:not([open])")) details.open = details.wasShut = true;
  resize(() => PAPER_COLUMN);
});
addEventListener("afterprint", () => {
  delete document.documentElement.dataset.light;
  for (const details of document.querySelectorAll("[data-print]")) if (details.wasShut) details.open = details.wasShut = false;
  resize((plot) => Math.max(200, plot.root.parentElement.clientWidth));
});
document.documentElement.dataset.plotted = String(Object.keys(plots).length);
