// The first screen.

import { askSection } from "./ask.js";
import { Cloud } from "./cloud.js";
import { announce, fill, h } from "./dom.js";
import { exceptionsSection } from "./exceptions.js";
import { guarded } from "./failures.js";
import { plural, whole } from "./format.js";
import { Hosts } from "./hosts.js";
import { byAggregateSection, byClassSection } from "./summary.js";

// Kept while other pages are shown.
let cloud = null;

/** Let the overview be read again, after something was changed. */
export function forgetCloud() {
  cloud = null;
}

/** Show the first screen. */
export async function show(main, _parameters, signal) {
  const parts = h("div", { class: "overview" });
  const refresh = h("button", { type: "button", class: "quiet", onclick: () => load(parts, read, signal, true) }, "Refresh");
  const read = h("p", { class: "note read-at" });
  fill(
    main,
    h("div", { class: "title" }, h("h1", { tabindex: "-1" }, "Overview"), read, refresh),
    askSection(signal),
    parts,
  );
  await load(parts, read, signal, false);
}

async function load(parts, read, signal, isForced) {
  if (isForced) forgetCloud();
  await guarded(parts, async () => {
    if (cloud === null) cloud = await readCloud(parts, signal);
    read.textContent = `Read at ${cloud.readAt.toLocaleTimeString()}`;
    draw(parts, signal);
  });
}

async function readCloud(parts, signal) {
  const found = new Cloud();
  const text = h("p", { role: "status" }, "Reading hosts…");
  fill(parts, h("div", { class: "card loading" }, text, h("progress", { "aria-label": "Reading hosts" })));
  await found.read((count) => (text.textContent = `Reading hosts: ${whole(count)} so far…`), signal);
  return found;
}

function draw(parts, signal) {
  if (!cloud.hosts.length) {
    fill(parts, emptyCloud());
    return;
  }
  const hosts = new Hosts(cloud);
  fill(
    parts,
    h(
      "div",
      { class: "columns" },
      h(
        "div",
        { class: "column" },
        byClassSection(cloud),
        byAggregateSection(cloud, (uuid) => hosts.filter({ text: uuid })),
      ),
      exceptionsSection(cloud, (state) => hosts.filter({ state }), signal),
    ),
    hosts.element,
  );
  announce(`${plural(cloud.hosts.length, "host")} read`);
  // When the browser has drawn it.
  requestAnimationFrame(() => setTimeout(() => performance.mark("console-ready")));
}

function emptyCloud() {
  return h(
    "div",
    { class: "card empty" },
    h("h2", {}, "No hosts yet"),
    h("p", {}, "Register this machine with ", h("code", {}, "placement host report"), ", or let Nova or another service register its hosts."),
    h("p", {}, "To look at an example, stop this server and run ", h("code", {}, "placement demo"), "."),
  );
}
