// Requests to the service that serves this page.

import { pause } from "./dom.js";
import { getToken } from "./session.js";

// The page is /console/ below the mount point.
const ROOT = new URL("../", document.baseURI);

// How long lines are parsed before the browser may draw.
const SLICE_MS = 25;

/** A refused or failed request; `status` is 0 if there was no answer. */
export class Failure extends Error {
  constructor(status, detail, code = "") {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

/**
 * Send a request and return the JSON of its answer, or null if it has none.
 *
 * With a `body` it is a POST unless `method` says otherwise. The token is in a header of
 * its own, which no other site can send.
 */
export async function request(path, options = {}) {
  const response = await send(path, options);
  if (response.status === 204) return null;
  if (options.isText) return response.text();
  try {
    return await response.json();
  } catch (failure) {
    throw lost(failure);
  }
}

/**
 * Send a request and yield lists of the documents of an answer in lines.
 *
 * Parses for a few milliseconds at a time, so that the page stays responsive.
 */
export async function* lines(path, options = {}) {
  const response = await send(path, { ...options, accept: "application/x-ndjson" });
  const reader = response.body.getReader();
  const decoder = new TextDecoder();
  let rest = "";
  let began = performance.now();
  for (;;) {
    const { done, value } = await reader.read().catch((failure) => {
      throw lost(failure);
    });
    rest += done ? decoder.decode() : decoder.decode(value, { stream: true });
    const parts = rest.split("\n");
    rest = parts.pop();
    let found = [];
    for (const part of parts) {
      found.push(JSON.parse(part));
      if (performance.now() - began > SLICE_MS) {
        yield found;
        found = [];
        await pause();
        began = performance.now();
      }
    }
    if (found.length) yield found;
    if (done) return;
  }
}

async function send(path, { method, body, accept, signal, isOpen, contentType, raw } = {}) {
  const headers = { Accept: accept ?? "application/json" };
  const token = getToken();
  if (!isOpen && token !== null) headers["X-Auth-Token"] = token;
  if (body !== undefined) headers["Content-Type"] = contentType ?? "application/json";
  let response;
  try {
    response = await fetch(new URL(path, ROOT), {
      method: method ?? (body === undefined ? "GET" : "POST"),
      headers,
      body: body === undefined || raw ? body : JSON.stringify(body),
      signal,
      cache: "no-store",
      credentials: "same-origin",
    });
  } catch (failure) {
    throw lost(failure);
  }
  if (!response.ok) throw await refused(response);
  return response;
}

function lost(failure) {
  if (failure.name === "AbortError") return failure;
  return new Failure(0, "The server does not answer, or the connection was lost.");
}

async function refused(response) {
  const text = await response.text().catch(() => "");
  try {
    const document = JSON.parse(text);
    const [error] = document.errors ?? [document.error ?? document];
    // The explanation of the status comes first, and is the same for all failures.
    const detail = (error.detail ?? error.message ?? "").split("\n\n").pop().trim();
    return new Failure(response.status, detail || error.title, error.code);
  } catch {
    return new Failure(response.status, `The server answered with status ${response.status}.`);
  }
}
