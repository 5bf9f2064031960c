// What needs attention: over capacity, out of service, empty searches, ending holds.

import { request } from "./api.js";
import { fill, h, name, section } from "./dom.js";
import { plural, STATES, until, whole } from "./format.js";

const SHOWN = 5;
const SOON_MS = 5 * 60 * 1000;

// What the causes of empty searches mean.
const CAUSES = {
  not_offered: "asked for something that no host offers",
  excluded: "no host meets the conditions",
  too_large: "larger than any host",
  does_not_combine: "the parts do not fit together",
  cordoned: "only hosts out of service have room",
  full: "hosts are full",
};

/** Return the section; what needs requests of its own appears when it is there. */
export function exceptionsSection(cloud, chooseState, signal) {
  const over = cloud.hosts.filter((host) => host.isOver);
  const out = cloud.hosts.filter((host) => host.state !== "in_service");
  const holds = h("div", { class: "exception" }, waiting("Holds"));
  const searches = h("div", { class: "exception" }, waiting("Empty searches"));
  load(holds, "Holds", showHolds, signal);
  load(searches, "Empty searches", showSearches, signal);
  return section(
    "Needs attention",
    h("div", { class: "exception" }, hostList("Over capacity", over, "bad", () => chooseState("over"))),
    h("div", { class: "exception" }, hostList("Out of service", out, "warn", () => chooseState("out"))),
    holds,
    searches,
  );
}

function heading(title, count, kind) {
  const mark = count ? { bad: "!", warn: "–" }[kind] : "✓";
  return h(
    "h3",
    {},
    h("span", { class: `mark ${count ? kind : "good"}`, "aria-hidden": "true" }, mark),
    title,
    h("span", { class: "count" }, whole(count)),
  );
}

const waiting = (title) => [h("h3", {}, title), h("p", { class: "note" }, "Reading…")];

function hostList(title, hosts, kind, showAll) {
  const link = (host) =>
    h(
      "li",
      {},
      h("a", { href: `#/host/${host.uuid}` }, name(host.name)),
      host.state === "in_service" ? null : h("small", {}, STATES[host.state]),
    );
  return [
    heading(title, hosts.length, kind),
    hosts.length > 0 && h("ul", {}, hosts.slice(0, SHOWN).map(link)),
    hosts.length > SHOWN &&
      h("button", { type: "button", class: "link", onclick: showAll }, `Show all ${whole(hosts.length)} in the table`),
  ];
}

async function load(element, title, show, signal) {
  try {
    fill(element, await show(signal));
  } catch (failure) {
    if (failure.name === "AbortError") return;
    const retry = h("button", { type: "button", class: "link", onclick: () => load(element, title, show, signal) }, "Try again");
    fill(element, h("h3", {}, title), h("p", { class: "note" }, `Not available: ${failure.message} `, retry));
  }
}

async function showHolds(signal) {
  const ending = [];
  const { holds, next_page_token } = await request("-/v1/holds", { signal });
  for (const hold of holds) {
    if (Date.parse(hold.expires_at) - Date.now() < SOON_MS) ending.push(hold);
  }
  const isMore = next_page_token !== null;
  ending.sort((a, b) => Date.parse(a.expires_at) - Date.parse(b.expires_at));
  const item = (hold) =>
    h(
      "li",
      {},
      h("a", { class: "mono", href: `#/consumers?uuid=${hold.consumer_uuid}` }, hold.consumer_uuid),
      h("small", {}, `in ${until(hold.expires_at)}`),
    );
  return [
    heading("Holds that expire within 5 minutes", ending.length, "warn"),
    ending.length > 0 && h("ul", {}, ending.slice(0, SHOWN).map(item)),
    ending.length > SHOWN && h("p", { class: "note" }, `and ${whole(ending.length - SHOWN)} more`),
    isMore && h("p", { class: "note" }, "Only the first 1,000 holds were read."),
  ];
}

const SAMPLE = /^placement_searches_empty_total\{[^}]*cause="(\w+)"[^}]*\} ([0-9.e+]+)/gm;

async function showSearches(signal) {
  const text = await request("metrics", { signal, accept: "text/plain", isText: true });
  const found = [...text.matchAll(SAMPLE)]
    .map(([, cause, count]) => ({ cause, count: Number(count) }))
    .filter(({ count }) => count > 0)
    .sort((a, b) => b.count - a.count);
  const total = found.reduce((sum, each) => sum + each.count, 0);
  const item = ({ cause, count }) =>
    h("li", {}, h("span", {}, CAUSES[cause] ?? cause), h("span", { class: "count" }, whole(count)));
  return [
    heading("Searches without a result", total, "warn"),
    found.length > 0 && h("ul", { class: "counts" }, found.map(item)),
    h("p", { class: "note" }, total ? `${plural(total, "search", "searches")} since the server started.` : "None since the server started."),
  ];
}
