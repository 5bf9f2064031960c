// Consumers: search, orphans, and release.

import { request } from "./api.js";
import { auditSection } from "./audit.js";
import { announce, field, fill, h, name, section } from "./dom.js";
import { confirm } from "./dialog.js";
import { guarded } from "./failures.js";
import { amounts, plural, time, until, whole } from "./format.js";
import { forgetCloud } from "./overview.js";

const PAGE_SIZE = 200;
const NAMED = 5;
// The maximum of one request.
const RELEASED_MAX = 1000;

const FIELDS = {
  project_id: "Project",
  user_id: "User",
  consumer_type: "Type",
  provider: "Provider",
  resource_class: "Resource class",
};

/** Show the page; `parameters` are the filters, or `uuid`. */
export async function show(main, parameters, signal) {
  const results = h("div");
  const inputs = Object.entries(FIELDS).map(([key, label]) =>
    field(label, h("input", { name: key, autocomplete: "off", value: parameters.get(key) ?? "" })),
  );
  const form = h(
    "form",
    {
      class: "filters",
      role: "search",
      onsubmit: (event) => {
        event.preventDefault();
        const given = [...new FormData(form)].filter(([, value]) => value.trim());
        location.hash = `#/consumers?${new URLSearchParams(given)}`;
      },
    },
    inputs,
    h("button", { type: "submit", class: "primary" }, "Search"),
  );
  fill(
    main,
    h("div", { class: "title" }, h("h1", { tabindex: "-1" }, "Consumers")),
    section("Search", form, results),
    auditSection(signal),
  );
  await consumerList(results, parameters, signal);
}

/** Show the consumers that match in an element, with buttons for more and to release. */
export async function consumerList(element, parameters, signal) {
  const list = new ConsumerList(element);
  const more = async (token) => {
    const found = await read(parameters, token, signal);
    list.add(found.consumers);
    list.next = found.next_page_token ? () => guarded(list.end, () => more(found.next_page_token)) : null;
    list.draw();
  };
  list.reload = () => consumerList(element, parameters, signal);
  fill(element, h("p", { class: "note" }, "Reading consumers…"));
  await guarded(element, () => more(null));
}

async function read(parameters, token, signal) {
  if (parameters.has("uuid")) {
    return request("-/v1/consumers:query", { body: { uuid: [parameters.get("uuid")] }, signal });
  }
  const query = new URLSearchParams(parameters);
  query.set("page_size", PAGE_SIZE);
  if (token) query.set("page_token", token);
  return request(`-/v1/consumers?${query}`, { signal });
}

/** Consumers in a table, in which some can be selected and released. */
export class ConsumerList {
  constructor(element) {
    this.element = element;
    this.consumers = [];
    this.selected = new Set();
    this.next = null;
    this.end = h("div", { class: "buttons" });
    this.reload = () => {};
  }

  add(consumers) {
    this.consumers.push(...consumers);
  }

  draw() {
    if (!this.consumers.length) {
      fill(this.element, h("p", { class: "empty" }, "No consumers."));
      announce("No consumers");
      return;
    }
    this.release = h("button", { type: "button", class: "danger", onclick: () => this.askRelease() });
    const all = h("input", {
      type: "checkbox",
      "aria-label": "Select all",
      onchange: () => {
        this.selected = new Set(all.checked ? this.consumers : []);
        this.draw();
      },
      checked: this.selected.size === this.consumers.length,
    });
    const head = (text, kind = "") => h("th", { scope: "col", class: kind }, text);
    fill(this.end, this.next && h("button", { type: "button", class: "quiet", onclick: this.next }, "Show more"));
    fill(
      this.element,
      h("div", { class: "buttons" }, h("p", { class: "note" }, plural(this.consumers.length, "consumer"), this.next ? " so far" : ""), this.release),
      h(
        "table",
        { class: "plain consumers" },
        h("thead", {}, h("tr", {}, h("th", { class: "tick" }, all), head("Consumer"), head("Holds"), head("Project", "extra"), head("User", "extra"), head("Type", "extra"), head("Updated", "extra"))),
        h("tbody", {}, this.consumers.map((each) => this.row(each))),
      ),
      this.end,
    );
    this.count();
    announce(plural(this.consumers.length, "consumer"));
  }

  row(consumer) {
    const tick = h("input", {
      type: "checkbox",
      "aria-label": `Select ${consumer.uuid}`,
      checked: this.selected.has(consumer),
      onchange: () => {
        if (tick.checked) this.selected.add(consumer);
        else this.selected.delete(consumer);
        this.count();
      },
    });
    const held = Object.entries(consumer.allocations).map(([uuid, { name: title, resources }]) =>
      h("li", {}, h("span", {}, amounts(resources)), " at ", h("a", { href: `#/host/${uuid}` }, name(title ?? uuid))),
    );
    const hold = consumer.hold;
    return h(
      "tr",
      {},
      h("td", { class: "tick" }, tick),
      h("th", { scope: "row", class: "mono" }, consumer.uuid, hold && h("span", { class: "tag warn" }, `held, ends in ${until(hold)}`)),
      h("td", {}, h("ul", { class: "bare" }, held)),
      ["project_id", "user_id", "consumer_type"].map((key) => h("td", { class: "extra" }, name(consumer[key] ?? "–"))),
      h("td", { class: "extra" }, time(consumer.updated_at)),
    );
  }

  count() {
    const { size } = this.selected;
    this.release.textContent = size ? `Release ${whole(size)}…` : "Release…";
    this.release.disabled = size === 0 || size > RELEASED_MAX;
    this.release.title = size > RELEASED_MAX ? `At most ${whole(RELEASED_MAX)} at a time` : "";
  }

  async askRelease() {
    const chosen = [...this.selected];
    const isDone = await confirm({
      title: `Release ${plural(chosen.length, "consumer")}?`,
      text: [
        h("p", {}, "Everything that they hold becomes free. If one of them has changed since it was read, nothing is released."),
        h("ul", { class: "mono" }, chosen.slice(0, NAMED).map((each) => h("li", {}, each.uuid))),
        chosen.length > NAMED && h("p", {}, `and ${whole(chosen.length - NAMED)} more`),
        h("p", {}, `Together: ${amounts(sum(chosen)) || "nothing"}`),
      ],
      fields: [field("Reason", h("input", { name: "reason", required: true, maxlength: "1000", autocomplete: "off" }), "It is recorded.")],
      action: "Release",
      isDangerous: true,
      work: async ({ reason }) => {
        const consumers = chosen.map(({ uuid, generation }) => ({ uuid, generation }));
        await request("-/v1/consumers:release", { body: { consumers, reason } });
        announce(`${plural(chosen.length, "consumer")} released`);
      },
    });
    if (!isDone) return;
    forgetCloud();
    await this.reload(chosen);
    document.querySelector("h1")?.focus();
  }
}

function sum(consumers) {
  const total = {};
  for (const { allocations } of consumers) {
    for (const { resources } of Object.values(allocations)) {
      for (const [each, units] of Object.entries(resources)) total[each] = (total[each] ?? 0) + units;
    }
  }
  return total;
}

