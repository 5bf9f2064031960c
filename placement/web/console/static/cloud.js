// The hosts of the cloud, added up from their providers.

import { lines } from "./api.js";
import { byClass } from "./format.js";

// What the smallest consumer needs. A host without room for one of these lines can take
// no consumer, so its other free units are stranded. Classes of a line are alternatives.
const NEEDS = [
  { VCPU: 1, PCPU: 1 },
  { MEMORY_MB: 1024 },
  { DISK_GB: 1 },
];

/** A root provider, with the sums of its tree. */
class Host {
  constructor(uuid) {
    this.uuid = uuid;
    this.name = uuid;
    this.state = "in_service";
    this.providers = 0;
    // By class: `capacity`, `used`, `free`, and `most`, the most free at one provider.
    this.offers = new Map();
    this.aggregates = [];
    this.fullness = 0;
    this.isOver = false;
  }

  add(provider) {
    this.providers += 1;
    if (provider.uuid === this.uuid) {
      this.name = provider.name;
      this.state = provider.state;
      this.aggregates = provider.aggregates;
    }
    for (const [resourceClass, { capacity, used }] of Object.entries(provider.inventories)) {
      const sum = this.offers.get(resourceClass) ?? { capacity: 0, used: 0, free: 0, most: 0 };
      const free = Math.max(0, capacity - used);
      sum.capacity += capacity;
      sum.used += used;
      sum.free += free;
      sum.most = Math.max(sum.most, free);
      this.isOver ||= used > capacity;
      this.offers.set(resourceClass, sum);
    }
  }

  /** Derive what depends on all providers of the tree. */
  finish() {
    this.fullness = 0;
    for (const { used, capacity } of this.offers.values()) {
      if (capacity > 0) this.fullness = Math.max(this.fullness, used / capacity);
      else if (used > 0) this.fullness = Math.max(this.fullness, 1);
    }
    this.search = `${this.name}\n${this.uuid}`.toLowerCase();
  }

  /** Return the free units of a class that nothing can use. */
  strandedOf(resourceClass) {
    const free = this.offers.get(resourceClass).free;
    if (this.state !== "in_service") return free;
    const isUnusable = NEEDS.some((need) => {
      const offered = Object.keys(need).filter((each) => this.offers.has(each));
      return (
        offered.length > 0 &&
        !(resourceClass in need) &&
        offered.every((each) => this.offers.get(each).most < need[each])
      );
    });
    return isUnusable ? free : 0;
  }
}

/** All hosts, in the order in which they were read. */
export class Cloud {
  constructor() {
    this.hosts = [];
    this.byUuid = new Map();
    this.readAt = null;
    this.aggregateLists = new Map();
  }

  /** Read all providers; `progress` is called with the number of hosts from time to time. */
  async read(progress, signal) {
    const path = "-/v1/providers?include=inventories,usages,aggregates&state=any";
    for await (const providers of lines(path, { signal })) {
      for (const provider of providers) this.add(provider);
      progress(this.hosts.length);
    }
    this.hosts.forEach((host) => host.finish());
    this.readAt = new Date();
    performance.mark("console-data");
  }

  add(provider) {
    provider.aggregates = this.shared(provider.aggregates);
    let host = this.byUuid.get(provider.root_provider_uuid);
    if (host === undefined) {
      host = new Host(provider.root_provider_uuid);
      this.byUuid.set(host.uuid, host);
      this.hosts.push(host);
    }
    host.add(provider);
  }

  // Hosts of an aggregate share the list, which saves memory.
  shared(aggregates) {
    const key = aggregates.join();
    if (!this.aggregateLists.has(key)) this.aggregateLists.set(key, aggregates);
    return this.aggregateLists.get(key);
  }

  /** Return the resource classes, well-known ones first. */
  classes() {
    const found = new Set();
    for (const host of this.hosts) for (const each of host.offers.keys()) found.add(each);
    return [...found].sort(byClass);
  }
}

/** Add up the units of each class at some hosts. */
export function totals(hosts) {
  const sums = new Map();
  for (const host of hosts) {
    for (const [resourceClass, { capacity, used, free }] of host.offers) {
      let sum = sums.get(resourceClass);
      if (sum === undefined) {
        sum = { capacity: 0, used: 0, free: 0, stranded: 0, hosts: 0 };
        sums.set(resourceClass, sum);
      }
      sum.capacity += capacity;
      sum.used += used;
      sum.free += free;
      sum.stranded += host.strandedOf(resourceClass);
      sum.hosts += 1;
    }
  }
  return sums;
}

/** Return the hosts of each aggregate, largest first. */
export function byAggregate(hosts) {
  const found = new Map();
  for (const host of hosts) {
    for (const aggregate of host.aggregates) {
      if (!found.has(aggregate)) found.set(aggregate, []);
      found.get(aggregate).push(host);
    }
  }
  return [...found].sort((a, b) => b[1].length - a[1].length);
}
