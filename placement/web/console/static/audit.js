// Orphans: consumers that hold resources and are not in a list of live ones.

import { request } from "./api.js";
import { ConsumerList } from "./consumers.js";
import { announce, field, fill, h, pause, section } from "./dom.js";
import { guarded } from "./failures.js";
import { plural } from "./format.js";

const UUID = /[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}/gi;
const PIECE = 1 << 20;

/** Return the section. */
export function auditSection(signal) {
  const results = h("div");
  const text = h("textarea", { name: "live", rows: "4", spellcheck: "false", placeholder: "One uuid on each line" });
  const file = h("input", { type: "file", name: "file" });
  const form = h(
    "form",
    {
      class: "audit",
      onsubmit: (event) => {
        event.preventDefault();
        audit(form, results, signal);
      },
    },
    h("p", { class: "note" }, "Compare with the ids of all servers that exist, for example from ", h("code", {}, "openstack server list --all-projects -f value -c ID"), "."),
    field("Live ids", text),
    field("or a file with them", file),
    field("Ignore consumers younger than (seconds)", h("input", { name: "older", type: "number", min: "0", value: "3600" })),
    h("button", { type: "submit", class: "primary" }, "Find orphans"),
  );
  return section("Orphans", form, results);
}

async function audit(form, results, signal) {
  const { live, file, older } = Object.fromEntries(new FormData(form));
  await guarded(results, async () => {
    fill(results, h("p", { class: "note", role: "status" }, "Comparing…"));
    const uuids = new Set(await find(live));
    if (file.size) for (const uuid of await find(await file.text())) uuids.add(uuid);
    if (!uuids.size) {
      fill(results, h("p", { class: "failure", role: "alert" }, "There are no uuids in the list. Without live ids everything would be an orphan."));
      return;
    }
    const found = await request(`-/v1/consumers:audit?older_than_seconds=${Number(older) || 0}`, {
      body: [...uuids].map((each) => `"${each}"\n`).join(""),
      contentType: "application/x-ndjson",
      raw: true,
      signal,
    });
    const list = new ConsumerList(h("div"));
    list.add(found.orphans);
    list.reload = () => audit(form, results, signal);
    list.draw();
    announce(plural(found.orphans.length, "orphan"));
    fill(
      results,
      h("p", { class: "big" }, h("strong", {}, plural(found.orphans.length, "orphan")), ` beside ${plural(uuids.size, "live id")}`),
      found.without_allocations?.length > 0 && h("p", { class: "note" }, `${plural(found.without_allocations.length, "live id")} without allocations`),
      found.orphans.length > 0 && list.element,
    );
  });
}

async function find(text) {
  const found = [];
  for (let start = 0; start < text.length; ) {
    // A piece ends between lines.
    const end = text.indexOf("\n", start + PIECE);
    const piece = text.slice(start, end < 0 ? undefined : end);
    found.push(...(piece.match(UUID) ?? []).map((each) => each.toLowerCase()));
    start = end < 0 ? text.length : end;
    await pause();
  }
  return found;
}
