// What went wrong, and what to do about it.

import { announce, fill, h } from "./dom.js";
import { forget } from "./session.js";

const ADVICE = {
  0: "Check that the server runs and that this machine can reach it.",
  403: "Reading needs the role admin, service or auditor (rule placement:ext:read); changes need admin (rule placement:ext:manage).",
  404: "It may have been deleted, or this server is too old for it.",
  409: "Something changed at the same time. Look at the current state and try again.",
  503: "The database of the server does not answer. Try again in a moment.",
};

const TITLES = {
  0: "No answer",
  400: "Not understood",
  401: "Signed out",
  403: "Not allowed",
  404: "Not found",
  409: "Refused",
};

/** Return a panel that describes a failure, with a button to `retry`. */
export function panel(failure, retry) {
  const title = TITLES[failure.status] ?? "The server failed";
  const advice = ADVICE[failure.status];
  announce(`${title}: ${failure.message}`);
  return h(
    "div",
    { class: "failure", role: "alert" },
    h("p", {}, h("strong", {}, title), ": ", failure.message),
    advice && h("p", {}, advice),
    retry && h("button", { type: "button", onclick: retry }, "Try again"),
    failure.status === 403 &&
      h("button", { type: "button", class: "quiet", onclick: signOut }, "Use another token"),
  );
}

/**
 * Run a function that fills an element, and show its failure there, with a retry.
 *
 * Without a valid token the page asks for one.
 */
export async function guarded(element, work) {
  try {
    await work();
  } catch (failure) {
    if (failure.name === "AbortError") return;
    if (failure.status === undefined) console.error(failure);
    if (failure.status === 401) {
      forget();
      dispatchEvent(new CustomEvent("signed-out", { detail: failure }));
      return;
    }
    const shown = failure.status === undefined ? { status: -1, message: String(failure) } : failure;
    fill(element, panel(shown, () => guarded(element, work)));
  }
}

function signOut() {
  forget();
  dispatchEvent(new CustomEvent("signed-out"));
}
