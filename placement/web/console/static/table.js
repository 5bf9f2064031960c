// A table of many rows, of which only those in view are in the document.

import { fill, h } from "./dom.js";

const ROW_PIXELS = 36;
const MARGIN_ROWS = 8;

/**
 * A sortable table. Arrow keys move through its rows, and Enter opens one.
 *
 * `columns` have `title`, `cell(row)` (a node or text), `key(row)` to sort by, and
 * optionally `kind`, a class of their cells. `label(row)` names a row.
 */
export class RowTable {
  constructor(columns, { caption, label, open }) {
    this.columns = columns;
    this.label = label;
    this.open = open;
    this.rows = [];
    this.shown = [];
    this.sortedBy = 0;
    this.isDescending = false;
    this.active = 0;
    this.headers = columns.map((column, index) => this.header(column, index));
    this.body = h("tbody");
    this.before = h("div", { class: "spacer", "aria-hidden": "true" });
    this.after = h("div", { class: "spacer", "aria-hidden": "true" });
    this.table = h(
      "table",
      { class: "rows", role: "grid", "aria-label": caption, onkeydown: (event) => this.key(event) },
      h("thead", {}, h("tr", { "aria-rowindex": "1" }, this.headers)),
      this.body,
    );
    this.scroller = h("div", { class: "scroller", onscroll: () => this.schedule() }, this.before, this.table, this.after);
    new ResizeObserver(() => this.schedule()).observe(this.scroller);
  }

  header(column, index) {
    const mark = h("span", { class: "sort", "aria-hidden": "true" });
    const button = h("button", { type: "button", class: "link", onclick: () => this.sortBy(index) }, column.title, mark);
    return h("th", { scope: "col", class: column.kind ?? "" }, button);
  }

  /** Show other rows, in the chosen order. */
  show(rows) {
    this.rows = rows;
    this.sort();
  }

  sortBy(index) {
    this.isDescending = index === this.sortedBy ? !this.isDescending : Boolean(this.columns[index].isNumber);
    this.sortedBy = index;
    this.sort();
  }

  sort() {
    const { key } = this.columns[this.sortedBy];
    const sign = this.isDescending ? -1 : 1;
    const keyed = this.rows.map((row) => [key(row), row]);
    keyed.sort(([a], [b]) => (a < b ? -sign : a > b ? sign : 0));
    this.shown = keyed.map(([, row]) => row);
    this.headers.forEach((header, index) => {
      const isSorted = index === this.sortedBy;
      if (isSorted) header.setAttribute("aria-sort", this.isDescending ? "descending" : "ascending");
      else header.removeAttribute("aria-sort");
      header.querySelector(".sort").textContent = isSorted ? (this.isDescending ? " ↓" : " ↑") : "";
    });
    this.table.setAttribute("aria-rowcount", this.shown.length + 1);
    this.active = 0;
    this.scroller.scrollTop = 0;
    this.render();
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.render();
    });
  }

  render() {
    const height = this.scroller.clientHeight || 400;
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW_PIXELS) - MARGIN_ROWS);
    const last = Math.min(this.shown.length, first + Math.ceil(height / ROW_PIXELS) + 2 * MARGIN_ROWS);
    const hadFocus = this.body.contains(document.activeElement);
    const rows = [];
    for (let index = first; index < last; index += 1) rows.push(this.row(index));
    fill(this.body, rows);
    this.before.style.height = `${first * ROW_PIXELS}px`;
    this.after.style.height = `${(this.shown.length - last) * ROW_PIXELS}px`;
    this.first = first;
    if (hadFocus) this.body.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
  }

  row(index) {
    const row = this.shown[index];
    return h(
      "tr",
      {
        "aria-rowindex": index + 2,
        tabindex: index === this.active ? "0" : "-1",
        "aria-label": this.label(row),
        onclick: (event) => {
          if (!event.target.closest("a, button, input")) this.open(row);
        },
        onfocus: () => (this.active = index),
      },
      this.columns.map((column, position) =>
        h(position === 0 ? "th" : "td", { scope: position === 0 ? "row" : null, class: column.kind ?? "" }, column.cell(row)),
      ),
    );
  }

  key(event) {
    if (!this.body.contains(event.target)) return;
    const page = Math.max(1, Math.floor(this.scroller.clientHeight / ROW_PIXELS) - 2);
    const moves = {
      ArrowDown: this.active + 1,
      ArrowUp: this.active - 1,
      PageDown: this.active + page,
      PageUp: this.active - page,
      Home: 0,
      End: this.shown.length - 1,
    };
    if (event.key in moves) {
      event.preventDefault();
      this.move(moves[event.key]);
    } else if (event.key === "Enter" && event.target.matches("tr")) {
      event.preventDefault();
      this.open(this.shown[this.active]);
    }
  }

  move(index) {
    this.active = Math.max(0, Math.min(this.shown.length - 1, index));
    const top = this.active * ROW_PIXELS;
    const view = this.scroller.clientHeight - 2 * ROW_PIXELS;
    if (top < this.scroller.scrollTop) this.scroller.scrollTop = top;
    else if (top > this.scroller.scrollTop + view) this.scroller.scrollTop = top - view;
    this.render();
    this.body.querySelector("[tabindex='0']")?.focus({ preventScroll: true });
  }
}
