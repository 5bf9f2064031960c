// Used, free and stranded units, by resource class and by aggregate.

import { bar, legend } from "./bars.js";
import { byAggregate, totals } from "./cloud.js";
import { fill, h, section } from "./dom.js";
import { amount, byClass, percent, plural, whole } from "./format.js";

const AGGREGATES_SHOWN = 8;

const EXPLANATION =
  "Stranded units are free, but nothing can use them: the host has no more room for " +
  "another class that it offers (1 VCPU or PCPU, 1 GiB memory, 1 GB disk), or it is not " +
  "in service.";

/** Return the section of capacity by class. */
export function byClassSection(cloud) {
  const sums = totals(cloud.hosts);
  const rows = [...sums].sort(([a], [b]) => byClass(a, b));
  return section(
    "Capacity",
    legend(),
    h(
      "table",
      { class: "sums" },
      head("Resource class"),
      h("tbody", {}, rows.map(([each, sum]) => row(h("code", {}, each), each, sum))),
    ),
    h("p", { class: "note" }, EXPLANATION),
  );
}

/** Return the section of capacity by aggregate; `choose` is called with a uuid. */
export function byAggregateSection(cloud, choose) {
  const groups = byAggregate(cloud.hosts).map(([uuid, hosts]) => ({
    uuid,
    hosts: hosts.length,
    sums: totals(hosts),
  }));
  if (!groups.length) return null;
  const classes = cloud.classes();
  const body = h("tbody");
  let count = AGGREGATES_SHOWN;
  const select = h(
    "select",
    { id: "aggregate-class", onchange: () => show() },
    classes.map((each) => h("option", { value: each }, each)),
  );
  const more = h("button", { type: "button", class: "quiet", onclick: () => show((count = Infinity)) });
  const show = () => {
    const offered = groups.filter((each) => each.sums.has(select.value));
    fill(body, offered.slice(0, count).map((each) => aggregateRow(each, select.value, choose)));
    more.hidden = offered.length <= count;
    more.textContent = `Show all ${whole(offered.length)}`;
  };
  show();
  return section(
    "Aggregates",
    h("label", { class: "inline" }, "Resource class ", select),
    h("table", { class: "sums" }, head("Aggregate"), body),
    more,
  );
}

function aggregateRow({ uuid, hosts, sums }, resourceClass, choose) {
  const button = h(
    "button",
    { type: "button", class: "link mono", title: `${uuid}: show its hosts`, onclick: () => choose(uuid) },
    uuid.slice(0, 8),
  );
  return row([button, h("small", {}, plural(hosts, "host"))], resourceClass, sums.get(resourceClass));
}

function head(first) {
  const number = (text) => h("th", { scope: "col", class: "number" }, text);
  return h(
    "thead",
    {},
    h(
      "tr",
      {},
      h("th", { scope: "col" }, first),
      h("th", { scope: "col", class: "wide" }, h("span", { class: "hidden" }, "Share used")),
      number("Used"),
      number("Free"),
      number("Stranded"),
      h("th", { scope: "col", class: "number extra" }, "Capacity"),
    ),
  );
}

function row(title, resourceClass, sum) {
  const number = (units, kind = "") =>
    h("td", { class: `number ${kind}`, title: `${whole(units)} ${resourceClass}` }, amount(resourceClass, units));
  const share = sum.capacity > 0 ? sum.used / sum.capacity : 0;
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, title),
    h("td", { class: "wide" }, bar(sum), h("span", { class: "share" }, percent(share))),
    number(sum.used),
    number(sum.free - sum.stranded),
    number(sum.stranded, sum.stranded ? "warn" : ""),
    number(sum.capacity, "extra"),
  );
}
