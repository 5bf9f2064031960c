// One host: its tree, who holds what, and why something does not fit on it.

import { request } from "./api.js";
import { toQuery } from "./ask.js";
import { bar, usage } from "./bars.js";
import { consumerList } from "./consumers.js";
import { fill, h, name, section } from "./dom.js";
import { confirmCordon, confirmUncordon } from "./dialog.js";
import { explanation } from "./explain.js";
import { guarded } from "./failures.js";
import { byClass, plural, STATES } from "./format.js";
import { forgetCloud } from "./overview.js";

const INCLUDED = ["inventories", "usages", "traits", "aggregates"];

/** Show the page of the tree that has the provider `parameters.get("uuid")`. */
export async function show(main, parameters, signal) {
  fill(main, h("div", { class: "card loading" }, h("p", { role: "status" }, "Reading the host…")));
  await guarded(main, async () => {
    const body = { in_tree: parameters.get("uuid"), include: INCLUDED, state: "any", page_size: 10000 };
    const { providers } = await request("-/v1/providers:query", { body, signal });
    if (!providers.length) {
      fill(main, missing());
      return;
    }
    draw(main, providers, parameters, signal);
  });
}

function missing() {
  return h(
    "div",
    { class: "card empty" },
    h("h1", { tabindex: "-1" }, "No such host"),
    h("p", {}, "It may have been deleted. ", h("a", { href: "#/" }, "Back to the overview")),
  );
}

function draw(main, providers, parameters, signal) {
  const root = providers.find((each) => each.uuid === each.root_provider_uuid) ?? providers[0];
  const again = async () => {
    forgetCloud();
    await show(main, parameters, signal);
    main.querySelector(".title button")?.focus();
  };
  const consumers = h("div");
  document.title = `${root.name.slice(0, 60)} – Placement console`;
  fill(
    main,
    h(
      "div",
      { class: "title" },
      h("h1", { tabindex: "-1", class: "clamped" }, name(root.name)),
      h("span", { class: root.state === "in_service" ? "tag" : "tag warn" }, STATES[root.state]),
      stateButton(root, again),
    ),
    h("p", { class: "note mono" }, root.uuid),
    h(
      "div",
      { class: "columns" },
      treeSection(providers, root),
      h("div", { class: "column" }, whySection(root, signal), aggregatesSection(root)),
    ),
    section("Who holds what", consumers),
  );
  consumerList(consumers, new URLSearchParams({ in_tree: root.uuid }), signal);
}

function stateButton(root, again) {
  const put = (change) =>
    request(`-/v1/providers/${root.uuid}/state`, { method: "PUT", body: { ...change, subtree: true } });
  const isIn = root.state === "in_service";
  const ask = isIn ? confirmCordon : confirmUncordon;
  return h(
    "button",
    {
      type: "button",
      class: "quiet",
      onclick: async () => {
        if (await ask(root, put)) await again();
      },
    },
    isIn ? "Take out of service…" : "Return to service…",
  );
}

function treeSection(providers, root) {
  return section(
    providers.length > 1 ? `Tree of ${plural(providers.length, "provider")}` : "Resources",
    h("ul", { class: "tree" }, branch(providers, root)),
  );
}

function branch(providers, provider) {
  const children = providers.filter((each) => each.parent_provider_uuid === provider.uuid);
  const classes = Object.keys(provider.inventories).sort(byClass);
  const traits = provider.traits;
  return h(
    "li",
    {},
    h(
      "div",
      { class: "provider" },
      h("h3", {}, name(provider.name), provider.state !== "in_service" && h("span", { class: "tag warn" }, STATES[provider.state])),
      classes.length > 0
        ? h("dl", { class: "offers" }, classes.map((each) => offer(each, provider.inventories[each])))
        : h("p", { class: "note" }, "No inventory"),
      traits.length > 0 &&
        h("details", {}, h("summary", {}, plural(traits.length, "trait")), h("ul", { class: "chips" }, traits.map((each) => h("li", {}, each)))),
    ),
    children.length > 0 && h("ul", {}, children.map((each) => branch(providers, each))),
  );
}

function offer(resourceClass, inventory) {
  return h(
    "div",
    {},
    h("dt", {}, resourceClass),
    h("dd", {}, bar(inventory), usage(resourceClass, inventory)),
  );
}

function aggregatesSection(root) {
  return section(
    "Aggregates",
    root.aggregates.length
      ? h("ul", { class: "bare mono" }, root.aggregates.map((each) => h("li", {}, each)))
      : h("p", { class: "note" }, "None"),
  );
}

function whySection(root, signal) {
  const input = h("input", { id: "why", autocomplete: "off", spellcheck: "false", placeholder: "VCPU=4 MEMORY_MB=8192" });
  const answer = h("div", { class: "answer", "aria-live": "polite" });
  const ask = () =>
    guarded(answer, async () => {
      if (!input.value) input.value = input.placeholder;
      fill(answer, h("p", { class: "note" }, "Checking…"));
      const body = { query: toQuery(input.value), provider: root.uuid };
      const found = await request("-/v1/explain", { body, signal });
      const [here] = found.nearest;
      const isFit = here === undefined || here.failed.length === 0;
      fill(
        answer,
        h("p", { class: "big" }, h("strong", {}, isFit ? "It fits here" : "It does not fit here")),
        isFit ? null : explanation({ ...found, summary: "", relax: [] }, { hasCounts: false }),
      );
    });
  const form = h(
    "form",
    {
      class: "ask",
      onsubmit: (event) => {
        event.preventDefault();
        ask();
      },
    },
    h("label", { for: "why" }, "A request"),
    h("div", { class: "row" }, input, h("button", { type: "submit", class: "primary" }, "Check")),
  );
  return section("Why not here?", form, answer);
}
