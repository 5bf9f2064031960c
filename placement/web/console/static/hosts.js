// The hosts as a map of cells and as a table, with one filter for both.

import { bar, usage } from "./bars.js";
import { announce, h, name, section } from "./dom.js";
import { percent, plural, STATES } from "./format.js";
import { Heatmap } from "./heatmap.js";
import { RowTable } from "./table.js";

const CLASSES_SHOWN = 3;

const FILTERS = {
  "": ["all hosts", () => true],
  in_service: ["in service", (host) => host.state === "in_service"],
  out: ["out of service", (host) => host.state !== "in_service"],
  over: ["over capacity", (host) => host.isOver],
};

const goTo = (host) => (location.hash = `#/host/${host.uuid}`);

/** The section of hosts; `filter` shows some of them. */
export class Hosts {
  constructor(cloud) {
    this.cloud = cloud;
    this.map = new Heatmap(goTo);
    this.table = new RowTable(columns(cloud), {
      caption: "Hosts",
      open: goTo,
      label: (host) => `${host.name.slice(0, 100)}, ${percent(host.fullness)} full, ${STATES[host.state]}`,
    });
    this.table.sortedBy = 2;
    this.table.isDescending = true;
    this.text = h("input", {
      type: "search",
      id: "filter",
      placeholder: "name, uuid or aggregate",
      autocomplete: "off",
      oninput: () => this.schedule(),
    });
    this.state = h(
      "select",
      { id: "filter-state", onchange: () => this.apply() },
      Object.entries(FILTERS).map(([value, [text]]) => h("option", { value }, text)),
    );
    this.count = h("p", { class: "note", role: "status" });
    this.element = section(
      "Hosts",
      h(
        "div",
        { class: "filters" },
        h("label", { class: "field" }, h("span", {}, "Filter"), this.text),
        h("label", { class: "field" }, h("span", {}, "Show"), this.state),
        this.count,
      ),
      this.map.element,
      this.table.scroller,
    );
    this.apply();
  }

  /** Filter by a text and a state, and move the focus to the table. */
  filter({ text = "", state = "" }) {
    this.text.value = text;
    this.state.value = state;
    this.apply();
    this.element.scrollIntoView({ block: "start" });
    this.text.focus({ preventScroll: true });
    announce(this.count.textContent);
  }

  schedule() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.apply(), 120);
  }

  apply() {
    const wanted = this.text.value.trim().toLowerCase();
    const [, isShown] = FILTERS[this.state.value];
    const found = this.cloud.hosts.filter(
      (host) =>
        isShown(host) &&
        (wanted === "" || host.search.includes(wanted) || host.aggregates.includes(wanted)),
    );
    this.count.textContent =
      found.length === this.cloud.hosts.length
        ? plural(found.length, "host")
        : `${plural(found.length, "host")} of ${this.cloud.hosts.length.toLocaleString("en")}`;
    this.map.show(found);
    this.table.show(found);
  }
}

function columns(cloud) {
  const used = (resourceClass) => ({
    title: resourceClass,
    kind: "number extra",
    isNumber: true,
    key: (host) => {
      const offer = host.offers.get(resourceClass);
      return offer ? offer.used / Math.max(offer.capacity, 1) : -1;
    },
    cell: (host) => {
      const offer = host.offers.get(resourceClass);
      return offer ? usage(resourceClass, offer) : "–";
    },
  });
  return [
    { title: "Name", kind: "host", key: (host) => host.name, cell: nameCell },
    { title: "State", kind: "state", key: (host) => stateRank(host), cell: stateCell },
    {
      title: "Fullness",
      kind: "full",
      isNumber: true,
      key: (host) => host.fullness,
      cell: (host) => [
        bar({ used: host.fullness, capacity: 1 }),
        h("span", { class: "share" }, percent(host.fullness)),
      ],
    },
    ...cloud.classes().slice(0, CLASSES_SHOWN).map(used),
  ];
}

const nameCell = (host) => h("a", { href: `#/host/${host.uuid}`, tabindex: "-1" }, name(host.name));

const stateRank = (host) => (host.isOver ? 0 : host.state === "in_service" ? 2 : 1);

function stateCell(host) {
  return h(
    "span",
    {},
    host.isOver && h("span", { class: "tag bad" }, "over"),
    host.state === "in_service"
      ? !host.isOver && h("span", { class: "tag" }, "in service")
      : h("span", { class: "tag warn" }, STATES[host.state]),
  );
}
