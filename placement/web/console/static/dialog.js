// Questions before something is changed.

import { announce, field, fill, h, name } from "./dom.js";
import { panel } from "./failures.js";

/**
 * Ask before a change, in a dialog; `work` gets the values of the fields and does it.
 *
 * Failures are shown in the dialog, which stays open. Afterwards the focus returns to
 * where it was. Resolves to whether the change was made.
 */
export function confirm({ title, text, fields = [], action, isDangerous = false, work }) {
  const opener = document.activeElement;
  const { promise, resolve } = Promise.withResolvers();
  const errors = h("div");
  const submit = h("button", { type: "submit", class: isDangerous ? "danger" : "primary" }, action);
  const form = h(
    "form",
    { method: "dialog" },
    h("h2", { id: "dialog-title" }, title),
    h("div", { class: "dialog-text" }, text),
    fields,
    errors,
    h(
      "div",
      { class: "buttons" },
      h("button", { type: "button", class: "quiet", onclick: () => dialog.close() }, "Cancel"),
      submit,
    ),
  );
  const dialog = h("dialog", { "aria-labelledby": "dialog-title" }, form);
  let isDone = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    submit.disabled = true;
    try {
      await work(Object.fromEntries(new FormData(form)));
      isDone = true;
      dialog.close();
    } catch (failure) {
      fill(errors, panel(failure.status === undefined ? { status: -1, message: String(failure) } : failure, null));
      submit.disabled = false;
    }
  });
  dialog.addEventListener("close", () => {
    dialog.remove();
    if (opener?.isConnected) opener.focus();
    resolve(isDone);
  });
  document.body.append(dialog);
  dialog.showModal();
  return promise;
}

/** Ask for the reason and the end, and take a host out of service. */
export function confirmCordon(host, work) {
  return confirm({
    title: "Take out of service?",
    text: [h("p", {}, name(host.name), " takes no new or larger allocations. What it holds stays.")],
    fields: [
      field("Reason", h("input", { name: "reason", maxlength: "1000", autocomplete: "off" })),
      field("Until", h("input", { name: "until", type: "datetime-local" }), "Empty: until it is returned to service."),
      h("label", { class: "check" }, h("input", { type: "checkbox", name: "quarantine" }), " Also hide it from lists of all providers (quarantine)"),
    ],
    action: "Take out of service",
    isDangerous: true,
    work: async ({ reason, until, quarantine }) => {
      await work({
        state: quarantine ? "quarantined" : "cordoned",
        reason,
        until: until ? new Date(until).toISOString() : null,
      });
      announce("The host is out of service");
    },
  });
}

/** Ask, and return a host to service. */
export function confirmUncordon(host, work) {
  return confirm({
    title: "Return to service?",
    text: [h("p", {}, name(host.name), " takes new allocations again.")],
    action: "Return to service",
    work: async () => {
      await work({ state: "in_service" });
      announce("The host is in service");
    },
  });
}
