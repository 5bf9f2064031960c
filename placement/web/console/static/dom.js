// Elements. All text becomes text nodes, so no name of a provider can be markup.

const PROPERTIES = new Set(["value", "checked", "disabled", "hidden", "open", "type"]);

/** Return an element with attributes, listeners (`onclick`), and children. */
export function h(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "style") Object.assign(element.style, value);
    else if (PROPERTIES.has(name)) element[name] = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...flat(children));
  return element;
}

// Leaves out what is null, undefined or false.
function flat(children) {
  return children.flat(Infinity).filter((each) => each || each === 0 || each === "");
}

/** Replace the children of an element. */
export function fill(element, ...children) {
  element.replaceChildren(...flat(children));
  return element;
}

/** Return a name or other text of users, whose direction affects nothing around it. */
export function name(text, attributes = {}) {
  return h("bdi", { class: "name", title: excerpt(text), ...attributes }, text);
}

/** Return the beginning of a long text. */
export function excerpt(text, length = 300) {
  return text.length > length ? `${text.slice(0, length)}…` : text;
}

/** Return a field with its label. */
export function field(label, input, hint) {
  return h("label", { class: "field" }, h("span", {}, label), input, hint && h("small", {}, hint));
}

/** Return a section with a heading. */
export function section(title, ...children) {
  const id = `s-${title.toLowerCase().replace(/[^a-z]+/g, "-")}`;
  return h(
    "section",
    { class: "card", "aria-labelledby": id },
    h("h2", { id }, title),
    children,
  );
}

/** Say something to users of a screen reader. */
export function announce(text) {
  const status = document.getElementById("status");
  // An equal text would not be read again.
  status.textContent = status.textContent === text ? `${text}\u00a0` : text;
}

/** Let the browser draw and handle input. */
export function pause() {
  if (globalThis.scheduler?.yield) return scheduler.yield();
  return new Promise((resolve) => setTimeout(resolve));
}
