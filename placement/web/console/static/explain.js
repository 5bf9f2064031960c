// Why a request does not fit: the funnel, the nearest hosts, and what to change.

import { h, name } from "./dom.js";
import { amount, amounts, percent, plural, whole } from "./format.js";

const CONDITIONS = {
  offers: "offers the class",
  in_tree: "is in the given tree",
  not_member_of: "is in no forbidden aggregate",
  member_of: "is in the aggregate",
  forbidden: "has no forbidden trait",
  required: "has the trait",
  min_unit: "allows an amount so small",
  step_size: "allows the step",
  max_unit: "allows an amount so large",
  size: "is large enough when empty",
  room: "has room now",
  state: "is in service",
  root_required: "the root has the trait",
  root_forbidden: "the root has no forbidden trait",
};

const RULES = {
  sum: "the amounts at one provider fit together",
  isolate: "groups are at different providers",
  same_subtree: "groups are in one subtree",
  collective_traits: "the providers have the traits together",
  one_per_tree: "one provider serves all",
  shared_pool: "the amounts at a shared provider fit together",
};

/** Return the parts that show an explanation; `ask` is called with a changed request. */
export function explanation(found, { ask = null, hasCounts = true } = {}) {
  return [
    h("p", { class: "summary" }, sentence(found.summary)),
    hasCounts && funnel(found),
    found.nearest.length > 0 && nearest(found.nearest, hasCounts),
    found.relax.length > 0 && relaxations(found.relax, ask),
    !found.complete && h("p", { class: "note" }, "The time limit ended the work: there may be more."),
  ];
}

const sentence = (text) => text && `${text[0].toUpperCase()}${text.slice(1)}.`;

function slotName({ suffix, resource_class, amount: units, resources }) {
  if (resource_class) return `${amount(resource_class, units)} ${resource_class}`;
  return `Group ${suffix}: ${amounts(resources ?? {})}`;
}

function funnel({ roots, anchor, groups, combine }) {
  const step = (text, left, only) =>
    h(
      "tr",
      {},
      h("th", { scope: "row" }, text),
      h(
        "td",
        { class: "wide" },
        h("span", { class: "bar", "aria-hidden": "true" }, h("span", { class: "used", style: { width: `${(100 * left) / Math.max(roots, 1)}%` } })),
        h("span", { class: "share" }, percent(left / Math.max(roots, 1))),
      ),
      h("td", { class: "number" }, whole(left)),
      h("td", { class: "number extra" }, only ? whole(only) : ""),
    );
  const group = (title, rows) => [
    h("tr", { class: "group" }, h("th", { colspan: "4", scope: "colgroup" }, title)),
    rows,
  ];
  // A condition that every host passes says nothing.
  const steps = (found) =>
    found
      .filter(({ pass }) => pass < roots)
      .map((each) => step(conditionName(each), each.left, each.only));
  return h(
    "div",
    {},
    h("h3", {}, "Hosts left after each condition"),
    h(
      "table",
      { class: "sums funnel" },
      h(
        "thead",
        {},
        h(
          "tr",
          {},
          h("th", { scope: "col" }, "A host that"),
          h("th", { scope: "col", class: "wide" }, h("span", { class: "hidden" }, "Share of hosts")),
          h("th", { scope: "col", class: "number" }, "Hosts"),
          h("th", { scope: "col", class: "number extra", title: "Hosts that fail this condition and no other" }, "Only this fails"),
        ),
      ),
      h(
        "tbody",
        {},
        step("exists", roots, 0),
        anchor.length > 0 && group("Root", steps(anchor)),
        groups.map((each) => group(slotName(each), steps(each.steps))),
        combine.length > 0 &&
          group("Together", combine.map((each) => step(`${RULES[each.rule] ?? each.rule}: fails here first`, each.roots, 0))),
      ),
    ),
  );
}

function conditionName({ condition, value }) {
  const text = CONDITIONS[condition] ?? condition;
  return value?.length && condition !== "state" ? [text, " ", h("code", {}, name(value.join(" or ")))] : text;
}

function nearest(hosts, isList) {
  return h(
    "div",
    {},
    h("h3", {}, isList ? "Nearest hosts" : "What fails here"),
    h(
      "ul",
      { class: "nearest" },
      hosts.map((each) =>
        h(
          "li",
          {},
          isList && h("a", { href: `#/host/${each.root}` }, name(each.name)),
          h("ul", {}, each.failed.map((failed) => h("li", {}, failure(failed)))),
          each.failed.length === 0 && h("p", {}, "Nothing: the request fits."),
        ),
      ),
    ),
  );
}

function failure(failed) {
  const { resource_class: resourceClass, condition, rule, asked, free, short, suffix } = failed;
  const what = resourceClass ?? (suffix ? `group ${suffix}` : "");
  const text = CONDITIONS[condition] ?? RULES[rule] ?? condition ?? rule;
  const parts = [h("strong", {}, what), ` fails “${text}”`];
  if (asked !== undefined && resourceClass) {
    parts.push(`: ${amount(resourceClass, asked)} asked, ${amount(resourceClass, free)} free`);
    if (short) parts.push(h("span", { class: "tag warn" }, `${amount(resourceClass, short)} short`));
  } else if (failed.value?.length) {
    parts.push(": ", h("code", {}, name(failed.value.join(" or "))));
  }
  return parts;
}

function relaxations(relax, ask) {
  return h(
    "div",
    {},
    h("h3", {}, "Changes after which it fits"),
    h(
      "ul",
      { class: "relax" },
      relax.map(({ change, roots }) => {
        const amountsOnly = change.every(
          (each) => each.suffix === "" && each.resource_class && each.to !== undefined,
        );
        return h(
          "li",
          {},
          h("span", {}, change.map(changeName).join(", and ")),
          h("small", {}, `then ${plural(roots, "host fits", "hosts fit")}`),
          ask !== null &&
            amountsOnly &&
            h("button", { type: "button", class: "quiet", onclick: () => ask(change) }, "Ask this"),
        );
      }),
    ),
  );
}

function changeName({ condition, rule, resource_class: resourceClass, suffix, to, value }) {
  const where = suffix ? ` in group ${suffix}` : "";
  if (to !== undefined && resourceClass) return `${amount(resourceClass, to)} ${resourceClass}${where}`;
  if (to !== undefined) return `amounts ${JSON.stringify(to)}${where}`;
  const text = CONDITIONS[condition] ?? RULES[rule] ?? condition ?? rule;
  const detail = value?.length ? ` ${value.join(" or ")}` : "";
  return `not asking that it ${text}${detail}${resourceClass ? ` (${resourceClass})` : ""}${where}`;
}
