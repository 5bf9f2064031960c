// Starts the page: the session, the route, the colours.

import { fill, h, announce, field } from "./dom.js";
import { panel } from "./failures.js";
import * as consumers from "./consumers.js";
import * as host from "./host.js";
import * as overview from "./overview.js";
import { forget, getToken, openLink, setToken } from "./session.js";

const main = document.getElementById("main");
const signOut = document.getElementById("sign-out");
const theme = document.getElementById("theme");

const PAGES = { overview, host, consumers };

let shown = new AbortController();

/** Return the page and the parameters that the address names. */
function route() {
  const [path, query] = location.hash.replace(/^#\/?/, "").split("?");
  const [first, uuid] = path.split("/");
  const parameters = new URLSearchParams(query);
  if (first === "host" && uuid) {
    parameters.set("uuid", uuid);
    return ["host", parameters];
  }
  return [first === "consumers" ? "consumers" : "overview", parameters];
}

async function navigate({ isFirst = false } = {}) {
  shown.abort();
  shown = new AbortController();
  if (getToken() === null) {
    showSignIn();
    return;
  }
  const [page, parameters] = route();
  signOut.hidden = false;
  document.title = "Placement console";
  for (const link of document.querySelectorAll("nav a")) {
    if (link.dataset.route === page) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  const ready = PAGES[page].show(main, parameters, shown.signal);
  if (!isFirst) focusTitle();
  await ready;
  const focused = document.activeElement;
  if (!isFirst && (focused === main || !main.contains(focused))) focusTitle();
}

function focusTitle() {
  scrollTo(0, 0);
  (main.querySelector("h1") ?? main).focus();
}

function showSignIn(failure) {
  signOut.hidden = true;
  const token = h("input", { type: "password", name: "token", required: true, autocomplete: "off", spellcheck: "false" });
  const form = h(
    "form",
    {
      onsubmit: (event) => {
        event.preventDefault();
        setToken(token.value.trim());
        navigate();
      },
    },
    field("Token", token, "It is kept in this tab only, until you close it or sign out."),
    h("button", { type: "submit", class: "primary" }, "Sign in"),
  );
  fill(
    main,
    h(
      "div",
      { class: "card sign-in" },
      h("h1", { tabindex: "-1" }, "Sign in"),
      failure && panel(failure, null),
      form,
      h("h2", {}, "Where to find a token"),
      h(
        "ul",
        {},
        h("li", {}, "With Keystone: ", h("code", {}, "openstack token issue -f value -c id")),
        h("li", {}, "On the machine of a server without Keystone: ", h("code", {}, "placement console"), " prints a link that signs you in."),
      ),
    ),
  );
  announce("Sign in");
  token.focus();
}

function setTheme(value) {
  if (value) document.documentElement.dataset.theme = value;
  else delete document.documentElement.dataset.theme;
  try {
    localStorage.setItem("placement.theme", value);
  } catch {
    // Storage is off: the choice lasts until the page is closed.
  }
  dispatchEvent(new Event("theme"));
}

async function start() {
  theme.value = document.documentElement.dataset.theme ?? "";
  theme.addEventListener("change", () => setTheme(theme.value));
  signOut.addEventListener("click", () => {
    forget();
    navigate();
  });
  document.getElementById("skip").addEventListener("click", (event) => {
    // The fragment of the address names the page.
    event.preventDefault();
    focusTitle();
  });
  addEventListener("hashchange", () => navigate());
  addEventListener("signed-out", (event) => {
    shown.abort();
    showSignIn(event.detail);
  });
  try {
    await openLink();
  } catch (failure) {
    showSignIn(failure);
    return;
  }
  await navigate({ isFirst: true });
}

start();
