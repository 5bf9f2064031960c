// Numbers and names for people.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { maximumSignificantDigits: 3 });
const PERCENT = new Intl.NumberFormat("en", { style: "percent", maximumFractionDigits: 0 });

// The binary units that a class counts in, as a power of 1024.
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
const STORED_IN = { _KB: 1, _MB: 2, _GB: 3 };

const FIRST = ["VCPU", "PCPU", "MEMORY_MB", "DISK_GB"];

export const whole = (value) => WHOLE.format(value);

export const plural = (count, noun, nouns = `${noun}s`) =>
  `${whole(count)} ${count === 1 ? noun : nouns}`;

/** Return a share as percent; a share that is not 0 or 1 is never shown as such. */
export function percent(share) {
  if (share > 0 && share < 0.01) return "<1%";
  if (share > 0.99 && share < 1) return ">99%";
  return PERCENT.format(share);
}

/** Return an amount of a class, such as `1.5 TiB` for 1,572,864 MEMORY_MB. */
export function amount(resourceClass, units) {
  let power = STORED_IN[resourceClass.slice(-3)];
  if (power === undefined) return WHOLE.format(units);
  let value = units;
  while (Math.abs(value) >= 1024 && power < UNITS.length - 1) {
    value /= 1024;
    power += 1;
  }
  return `${value < 1000 ? SHORT.format(value) : WHOLE.format(value)} ${UNITS[power]}`;
}

/** Return amounts such as `4 VCPU, 8 GiB MEMORY_MB`. */
export function amounts(resources) {
  const classes = Object.keys(resources).sort(byClass);
  return classes.map((each) => `${amount(each, resources[each])} ${each}`).join(", ");
}

/** Compare resource classes: well-known ones come first. */
export function byClass(a, b) {
  const [i, j] = [FIRST.indexOf(a), FIRST.indexOf(b)];
  if (i !== j) return (i + 1 || FIRST.length + 1) - (j + 1 || FIRST.length + 1);
  return a < b ? -1 : Number(a > b);
}

export const STATES = {
  in_service: "in service",
  cordoned: "cordoned",
  quarantined: "quarantined",
};

/** Return a time in the zone of the browser. */
export function time(text) {
  return text ? new Date(text).toLocaleString() : "";
}

/** Return how long it is until a time, such as `3 min`. */
export function until(text, now = Date.now()) {
  const seconds = Math.round((Date.parse(text) - now) / 1000);
  if (seconds <= 0) return "now";
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}
