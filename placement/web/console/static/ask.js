// The box to ask in: how many of a request fit, and why no more.

import { request } from "./api.js";
import { announce, fill, h, name, section } from "./dom.js";
import { explanation } from "./explain.js";
import { guarded } from "./failures.js";
import { amount, percent, plural, whole } from "./format.js";

const RESOURCE = /^([A-Z0-9_]+)[=:]([0-9]+)$/;
const EXAMPLE = "VCPU=4 MEMORY_MB=8192";

/**
 * Return the query string of what people write, such as `VCPU=4 MEMORY_MB=8192`,
 * `VCPU=4&required=HW_CPU_X86_AVX2`, or the query of a search.
 */
export function toQuery(text) {
  const resources = [];
  const others = [];
  for (const part of text.trim().replace(/^\?/, "").split(/[\s&]+/).filter(Boolean)) {
    const found = RESOURCE.exec(part);
    if (found) resources.push(`${found[1]}:${found[2]}`);
    else others.push(part);
  }
  const own = resources.length ? [`resources=${resources.join(",")}`] : [];
  return [...own, ...others].join("&");
}

/** Return the section with the box; its answers appear below. */
export function askSection(signal) {
  const input = h("input", {
    id: "ask",
    type: "text",
    autocomplete: "off",
    spellcheck: "false",
    placeholder: EXAMPLE,
    "aria-describedby": "ask-hint",
  });
  const answer = h("div", { class: "answer", "aria-live": "polite" });
  const submit = () => ask(input, answer, signal);
  const form = h(
    "form",
    {
      class: "ask",
      role: "search",
      onsubmit: (event) => {
        event.preventDefault();
        submit();
      },
    },
    h("label", { for: "ask" }, "How many of this fit?"),
    h("div", { class: "row" }, input, h("button", { type: "submit", class: "primary" }, "Ask")),
    h(
      "p",
      { id: "ask-hint", class: "note" },
      "Amounts by resource class, such as ",
      h("code", {}, EXAMPLE),
      ", and conditions such as ",
      h("code", {}, "required=HW_CPU_X86_AVX2"),
      ".",
    ),
  );
  const parts = section("Ask", form, answer);
  parts.classList.add("ask-card");
  return parts;
}

async function ask(input, answer, signal) {
  const query = toQuery(input.value || EXAMPLE);
  if (!input.value) input.value = EXAMPLE;
  fill(answer, h("p", { class: "note" }, "Counting…"));
  await guarded(answer, async () => {
    const body = { requests: [{ name: "ask", query }], hosts: 10 };
    const { results } = await request("-/v1/capacity", { body, signal });
    const [found] = results;
    if (found.at_most > 0) {
      announce(`${count(found)} fit`);
      fill(answer, fits(found, answer, query, input, signal));
    } else {
      await why(answer, query, input, signal);
    }
  });
}

const count = ({ at_least, at_most }) =>
  at_least === at_most ? whole(at_least) : `${whole(at_least)} to ${whole(at_most)}`;

function fits(found, answer, query, input, signal) {
  const { roots, when_empty: whenEmpty, bottleneck, stranded, hosts } = found;
  const ends = Object.entries(bottleneck).sort((a, b) => b[1] - a[1]);
  const idle = Object.entries(stranded).filter(([, each]) => each.units > 0);
  const explain = () => guarded(answer, () => why(answer, query, input, signal));
  return [
    h("p", { class: "big" }, h("strong", {}, count(found)), " fit"),
    h(
      "ul",
      { class: "facts" },
      h("li", {}, `on ${whole(roots.fitting)} of ${plural(roots.eligible, "host")} that could serve one if empty`),
      h("li", {}, `${count(whenEmpty)} if the cloud were empty`),
      ends.length > 0 && h("li", {}, "ends first: ", ends.map(([each, n]) => `${each} on ${plural(n, "host")}`).join(", ")),
      idle.length > 0 &&
        h("li", {}, "stranded for this request: ", idle.map(([each, { units, share }]) => `${amount(each, units)} ${each} (${percent(share)} of the free)`).join(", ")),
      !found.complete && h("li", {}, "The time limit ended the count: the bounds are right, but wide."),
    ),
    hosts?.length > 0 && hostCounts(hosts),
    h("button", { type: "button", class: "quiet", onclick: explain }, "Why not more?"),
  ];
}

function hostCounts(hosts) {
  return h(
    "table",
    { class: "plain" },
    h("caption", {}, "Hosts with the most room for it"),
    h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "Host"), h("th", { scope: "col", class: "number" }, "Fits"))),
    h(
      "tbody",
      {},
      hosts.map((each) =>
        h(
          "tr",
          {},
          h("th", { scope: "row" }, h("a", { href: `#/host/${each.root}` }, name(each.name))),
          h("td", { class: "number" }, whole(each.count)),
        ),
      ),
    ),
  );
}

async function why(answer, query, input, signal) {
  const found = await request("-/v1/explain", { body: { query, hosts: 5 }, signal });
  const title = found.fits ? `${plural(found.fits, "host")} can serve it` : "None fits";
  announce(`${title}. ${found.summary}`);
  const change = (changes) => {
    input.value = changed(input.value, changes);
    input.focus();
    ask(input, answer, signal);
  };
  fill(answer, h("p", { class: "big" }, h("strong", {}, title)), explanation(found, { ask: change }));
}

function changed(text, changes) {
  for (const { resource_class: resourceClass, to } of changes) {
    text = text.replace(new RegExp(`\\b(${resourceClass}[=:])[0-9]+`), `$1${to}`);
  }
  return text;
}
