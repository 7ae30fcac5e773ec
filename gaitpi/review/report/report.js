"use strict";
// Zooms the charts, all of them together. Without it they are as they are: all that is shown.
(() => {
  const SVG = "http://www.w3.org/2000/svg", HEIGHT = 1000, LEAST_S = 10;
  const STEPS = [1, 2, 5, 10, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 43200, 86400];
  const panes = [...document.querySelectorAll(".pane[data-end]")].map((pane) => ({
    pane,
    plot: pane.querySelector(".plot"),
    labels: pane.querySelector(".xlabels"),
    title: pane.querySelector("title").textContent,
    points: pointsOf(pane.querySelector(".plot .line").getAttribute("d")),
  }));
  if (!panes.length) return;
  const end = Math.max(...panes.map(({ pane }) => Number(pane.dataset.end)));
  const start = Math.min(...panes.map(({ pane }) => Number(pane.dataset.start)));
  let from = start, to = end, printing = false;

  // run time as mm:ss, h:mm:ss from an hour on
  function clock(seconds) {
    const s = Math.floor(seconds), two = (n) => String(n).padStart(2, "0");
    const h = Math.floor(s / 3600), m = Math.floor(s / 60);
    return h ? `${h}:${two(m % 60)}:${two(s % 60)}` : `${two(m)}:${two(s % 60)}`;
  }

  // what a path is made of: M x y, then l dx dy dx dy ...
  function pointsOf(path) {
    const points = [];
    for (const piece of path.split("M").slice(1)) {
      const [x, y, ...moves] = piece.match(/-?[\d.]+/g).map(Number);
      let at = [x, y];
      points.push(at);
      for (let k = 0; k + 1 < moves.length; k += 2) {
        at = [at[0] + moves[k], at[1] + moves[k + 1]];
        points.push(at);
      }
    }
    return points;
  }

  function make(name, attributes, parent) {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  }

  // pixels of a chart on paper, of two side by side
  const printed = (pane) => (pane.closest(".two") ? 330 : 640);

  function show(a, b) {
    const span = Math.min(Math.max(b - a, Math.min(LEAST_S, end - start)), end - start);
    from = Math.min(Math.max((a + b - span) / 2, start), end - span);
    to = from + span;
    for (const { pane, plot, labels } of panes) {
      const most = Math.max(3, Math.floor((printing ? printed(pane) : plot.clientWidth) / 64));
      const step = STEPS.find((s) => span / s <= most) || STEPS[STEPS.length - 1];
      plot.setAttribute("viewBox", `${from} 0 ${span} ${HEIGHT}`);
      labels.replaceChildren();
      for (let t = Math.ceil(from / step) * step; t <= to; t += step) {
        const share = (t - from) / span;
        const side = share < 0.03 ? "first" : share > 0.97 ? "last" : "";
        const text = make("text", { x: `${100 * share}%`, y: "1em", class: side }, labels);
        text.textContent = clock(t);
      }
    }
    const whole = span >= end - start;
    for (const [name, button] of Object.entries(buttons)) {
      button.disabled =
        (whole && name !== "in") || (name === "in" && span <= LEAST_S) ||
        (name === "earlier" && from <= start) || (name === "later" && to >= end);
    }
    shown.textContent = whole && !start ? `whole run, ${clock(end)}` : `${clock(from)} to ${clock(to)}`;
  }

  const acts = {
    in: () => show(from + (to - from) / 4, to - (to - from) / 4),
    out: () => show(from - (to - from) / 2, to + (to - from) / 2),
    earlier: () => show(from - (to - from) / 2, to - (to - from) / 2),
    later: () => show(from + (to - from) / 2, to + (to - from) / 2),
    whole: () => show(start, end),
  };
  const words = {
    in: ["+", "Zoom in"], out: ["−", "Zoom out"], earlier: ["←", "Earlier"],
    later: ["→", "Later"], whole: ["Whole run", "Whole run"],
  };
  const keys = {
    "+": "in", "=": "in", "-": "out", ArrowLeft: "earlier", ArrowRight: "later",
    0: "whole", Home: "whole", Escape: "whole",
  };

  const tools = document.createElement("div");
  tools.className = "tools";
  tools.setAttribute("role", "toolbar");
  tools.setAttribute("aria-label", "Zoom of all charts");
  const buttons = {};
  for (const [name, [sign, label]] of Object.entries(words)) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = sign;
    if (sign !== label) button.setAttribute("aria-label", label);
    button.addEventListener("click", acts[name]);
    tools.append(button);
    buttons[name] = button;
  }
  const shown = document.createElement("output");
  const hint = document.createElement("span");
  hint.textContent = "Drag over a chart to see a time closely.";
  tools.append(shown, hint);
  panes[0].pane.closest("figure").before(tools);

  for (const { pane, plot, title, points } of panes) {
    const readout = document.createElement("span");
    readout.className = "readout";
    pane.append(readout);
    pane.tabIndex = 0;
    pane.setAttribute("role", "group");
    pane.setAttribute(
      "aria-label", `${title}: plus and minus zoom, arrow keys move, 0 shows the whole run`);
    pane.addEventListener("keydown", (event) => {
      const act = acts[keys[event.key]];
      if (!act || event.ctrlKey || event.altKey || event.metaKey) return;
      event.preventDefault();
      act();
    });
    const { low, high, digits, unit } = pane.dataset;
    const valueOf = (y) => (+high - (y / HEIGHT) * (high - low)).toFixed(+digits);
    const timeAt = (event) => {
      const box = plot.getBoundingClientRect();
      const share = (event.clientX - box.left) / box.width;
      return from + Math.min(Math.max(share, 0), 1) * (to - from);
    };
    let drag = null, select = null;
    plot.addEventListener("pointerdown", (event) => {
      if (event.button) return;
      plot.setPointerCapture(event.pointerId);
      drag = { x: event.clientX, time: timeAt(event) };
      select = make("path", { class: "select" }, plot);
    });
    plot.addEventListener("pointermove", (event) => {
      const time = timeAt(event);
      if (drag) {
        select.setAttribute("d", `M${drag.time} 0H${time}V${HEIGHT}H${drag.time}z`);
        readout.textContent = [drag.time, time].sort((a, b) => a - b).map(clock).join(" to ");
        return;
      }
      const near = points.reduce(
        (best, one) => (Math.abs(one[0] - time) < Math.abs(best[0] - time) ? one : best));
      const known = Math.abs(near[0] - time) < Math.max(10, (to - from) / 100);
      readout.textContent = `${clock(known ? near[0] : time)}  ` +
        (known ? `${valueOf(near[1])} ${unit}` : "not known");
    });
    const done = (event) => {
      if (!drag) return;
      const [a, b] = [drag.time, timeAt(event)].sort((x, y) => x - y);
      const dragged = Math.abs(event.clientX - drag.x) > 6;
      select.remove();
      drag = select = null;
      if (dragged && event.type === "pointerup") show(a, b);
    };
    plot.addEventListener("pointerup", done);
    plot.addEventListener("pointercancel", done);
    plot.addEventListener("dblclick", acts.whole);
  }
  for (const when of ["beforeprint", "afterprint"]) {
    addEventListener(when, () => {
      printing = when === "beforeprint";
      show(from, to);
    });
  }
  addEventListener("resize", () => show(from, to));
  show(start, end);
})();
