// Bars of used, stranded and free units, always beside their numbers.

import { h } from "./dom.js";
import { amount, percent } from "./format.js";

/**
 * Return a bar of shares of a capacity.
 *
 * Stranded units are striped, so that the parts differ without their colour. The bar is
 * hidden from screen readers: the numbers beside it say the same.
 */
export function bar({ used, stranded = 0, capacity }) {
  const whole = Math.max(capacity, used, 1);
  const part = (kind, units) =>
    units > 0 && h("span", { class: kind, style: { width: `${(100 * units) / whole}%` } });
  const isOver = used > capacity;
  return h(
    "span",
    { class: isOver ? "bar over" : "bar", "aria-hidden": "true" },
    part("used", Math.min(used, whole)),
    part("stranded", Math.min(stranded, whole - used)),
  );
}

/** Return `used of capacity`, with the percentage. */
export function usage(resourceClass, { used, capacity }) {
  const share = capacity > 0 ? percent(used / capacity) : used > 0 ? "over" : "–";
  return h(
    "span",
    { class: "usage" },
    `${amount(resourceClass, used)} of ${amount(resourceClass, capacity)}`,
    h("span", { class: "share" }, share),
    used > capacity && h("strong", { class: "tag bad" }, "over capacity"),
  );
}

/** Return the explanation of the parts of bars. */
export function legend() {
  const item = (kind, text) => h("li", {}, h("span", { class: `swatch ${kind}` }), text);
  return h(
    "ul",
    { class: "legend" },
    item("used", "used"),
    item("stranded", "stranded"),
    item("free", "free"),
  );
}
