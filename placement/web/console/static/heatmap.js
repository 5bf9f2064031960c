// A cell for each host, the fullest first.

import { h } from "./dom.js";
import { percent, plural, STATES } from "./format.js";

const GAP = 1;
const CELL_MAX = 26;
const HEIGHT_MAX = 240;
const STEPS = 5;

/** The map. The arrow keys move through its cells, and Enter opens a host. */
export class Heatmap {
  constructor(open) {
    this.open = open;
    this.hosts = [];
    this.active = -1;
    this.canvas = h("canvas", {
      tabindex: "0",
      role: "application",
      "aria-label": "Hosts by fullness",
      "aria-describedby": "cell",
      onkeydown: (event) => this.key(event),
      onmousemove: (event) => this.point(this.at(event)),
      onmouseleave: () => this.point(-1),
      onclick: (event) => this.choose(this.at(event)),
      onblur: () => this.point(-1),
    });
    this.caption = h("p", { id: "cell", class: "cell-caption", role: "status" });
    this.element = h("div", { class: "heatmap" }, this.canvas, this.caption, scale());
    new ResizeObserver(() => this.schedule()).observe(this.element);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.schedule());
    addEventListener("theme", () => this.schedule());
  }

  show(hosts) {
    this.hosts = hosts.toSorted((a, b) => b.fullness - a.fullness);
    this.active = -1;
    this.canvas.setAttribute(
      "aria-label",
      `${plural(hosts.length, "host")} by fullness. Arrow keys move, Enter opens. The table below lists the same hosts.`,
    );
    this.schedule();
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const width = this.element.clientWidth;
    if (!width) return;
    const fitting = Math.sqrt((width * HEIGHT_MAX) / Math.max(this.hosts.length, 1));
    this.size = Math.max(2, Math.min(CELL_MAX, Math.floor(fitting)));
    this.columns = Math.max(1, Math.floor(width / this.size));
    const height = Math.ceil(this.hosts.length / this.columns) * this.size;
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = Math.max(1, height) * ratio;
    this.canvas.style.height = `${height}px`;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const colours = readColours(this.element);
    this.hosts.forEach((host, index) => this.cell(context, colours, host, index));
    if (this.active >= 0) this.outline(context, colours.text);
    this.showCaption();
  }

  corner(index) {
    return [(index % this.columns) * this.size, Math.floor(index / this.columns) * this.size];
  }

  cell(context, colours, host, index) {
    const [x, y] = this.corner(index);
    const side = this.size - (this.size > 3 ? GAP : 0);
    context.fillStyle = host.isOver ? colours.bad : colours.steps[step(host.fullness)];
    context.fillRect(x, y, side, side);
    if (host.state !== "in_service") {
      // Half of the cell is cut off.
      context.fillStyle = colours.surface;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + side, y + side);
      context.lineTo(x, y + side);
      context.fill();
      context.strokeStyle = colours.text;
      context.lineWidth = 1;
      context.beginPath();
      context.moveTo(x, y);
      context.lineTo(x + side, y + side);
      context.stroke();
    }
    if (host.isOver && side >= 3) {
      context.fillStyle = colours.surface;
      const dot = Math.max(1, Math.round(side / 3));
      context.fillRect(x + (side - dot) / 2, y + (side - dot) / 2, dot, dot);
    }
  }

  outline(context, colour) {
    const [x, y] = this.corner(this.active);
    context.strokeStyle = colour;
    context.lineWidth = 2;
    context.strokeRect(x, y, this.size - GAP, this.size - GAP);
  }

  at(event) {
    const box = this.canvas.getBoundingClientRect();
    const column = Math.floor((event.clientX - box.left) / this.size);
    const row = Math.floor((event.clientY - box.top) / this.size);
    if (column < 0 || column >= this.columns) return -1;
    const index = row * this.columns + column;
    return index < this.hosts.length ? index : -1;
  }

  point(index) {
    if (index === this.active) return;
    this.active = index;
    this.schedule();
  }

  choose(index) {
    if (index >= 0) this.open(this.hosts[index]);
  }

  key(event) {
    const last = this.hosts.length - 1;
    const now = Math.max(0, this.active);
    const moves = {
      ArrowRight: this.active + 1,
      ArrowLeft: now - 1,
      ArrowDown: this.active < 0 ? 0 : now + this.columns,
      ArrowUp: now - this.columns,
      Home: 0,
      End: last,
    };
    if (event.key in moves) {
      event.preventDefault();
      this.point(Math.max(0, Math.min(last, moves[event.key])));
    } else if (event.key === "Enter") {
      this.choose(this.active);
    }
  }

  showCaption() {
    const host = this.hosts[this.active];
    if (host === undefined) {
      this.caption.textContent = "One cell for each host, the fullest first.";
      return;
    }
    const marks = [host.isOver ? "over capacity" : null, host.state === "in_service" ? null : STATES[host.state]];
    const facts = [`${percent(host.fullness)} full`, ...marks.filter(Boolean)];
    this.caption.textContent = `${host.name.slice(0, 80)}: ${facts.join(", ")}`;
  }
}

const step = (fullness) => Math.min(STEPS - 1, Math.floor(fullness * STEPS));

function readColours(element) {
  // Properties with light-dark() resolve only where a colour is expected.
  const resolve = (value) => {
    element.style.setProperty("outline-color", value);
    return getComputedStyle(element).outlineColor;
  };
  const named = (each) => resolve(`var(--${each})`);
  const steps = Array.from({ length: STEPS }, (_, index) => named(`heat-${index}`));
  const colours = { steps, bad: named("bad"), surface: named("surface"), text: named("text") };
  element.style.removeProperty("outline-color");
  return colours;
}

function scale() {
  const item = (kind, text) => h("li", {}, h("span", { class: `swatch ${kind}` }), text);
  return h(
    "ul",
    { class: "legend" },
    item("heat-0", "0–20% full"),
    item("heat-1", "20–40%"),
    item("heat-2", "40–60%"),
    item("heat-3", "60–80%"),
    item("heat-4", "80–100%"),
    item("over", "over capacity"),
    item("out", "out of service"),
  );
}
