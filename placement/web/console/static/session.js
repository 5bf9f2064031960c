// The token of this browser tab.

import { request } from "./api.js";

const KEY = "placement.token";

export const getToken = () => sessionStorage.getItem(KEY);
export const setToken = (token) => sessionStorage.setItem(KEY, token);
export const forget = () => sessionStorage.removeItem(KEY);

/**
 * Exchange the code of a one-time link, `#link=CODE`, for a token.
 *
 * The code is removed from the address and from the history. Returns whether there was a
 * code. Throws a Failure if it cannot be used.
 */
export async function openLink() {
  const found = /^#link=([\w-]+)$/.exec(location.hash);
  if (!found) return false;
  history.replaceState(null, "", "#/");
  const body = { code: found[1] };
  const { token } = await request("-/v1/console/sessions", { body, isOpen: true });
  setToken(token);
  return true;
}
