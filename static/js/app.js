// What other modules share: the CSRF token, JSON requests that fail with a sentence, and toasts. No side effects on import.

export function csrfToken() {
  return document.querySelector('meta[name="csrf-token"]')?.content ?? "";
}

export class RequestFailed extends Error {
  constructor(message, status, body = null) {
    super(message);
    this.status = status; // 0: the server was not reached
    this.body = body;
  }
}

const SENTENCES = {
  0: "The server can't be reached. Check your connection.",
  401: "You have been signed out. Sign in again.",
  403: "You are not allowed to do that.",
  404: "That no longer exists.",
  429: "Too many requests at once. Try again in a moment.",
};

/** One JSON request. Resolves to the parsed body (null for 204); rejects with RequestFailed, whose message is for people. */
export async function api(url, { method = "GET", body, signal, keepalive = false } = {}) {
  const headers = { Accept: "application/json", "X-CSRFToken": csrfToken() };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(url, {
      method, headers, signal, keepalive, credentials: "same-origin",
      body: body === undefined ? undefined : JSON.stringify(body),
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new RequestFailed(SENTENCES[0], 0);
  }
  return readAnswer(response);
}

async function readAnswer(response) {
  if (response.redirected && isLogin(response.url)) throw new RequestFailed(SENTENCES[401], 401);
  if (response.status === 204) return null;
  const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
  const answer = isJson ? await response.json().catch(() => null) : null;
  if (response.ok && isJson) return answer;
  const sentence = answer?.error ?? SENTENCES[response.status] ?? `The server answered ${response.status}. Try again.`;
  throw new RequestFailed(sentence, response.ok ? 500 : response.status, answer);
}

export function isLogin(url) {
  const login = document.querySelector('meta[name="login-url"]')?.content;
  return Boolean(login) && new URL(url, location.href).pathname === login;
}

/** Show a short message; `action` = {label, run} adds a button. Returns a function that takes it away. */
export function toast(text, { kind = "info", action = null, seconds = 6 } = {}) {
  const box = document.createElement("div");
  box.className = `toast toast-${kind}`;
  const words = document.createElement("span");
  words.className = "grow";
  words.textContent = text;
  box.append(words);
  const close = () => box.remove();
  if (action) box.append(button(action.label, () => { close(); action.run(); }));
  else box.append(button("Close", close));
  document.getElementById("toasts")?.append(box);
  if (seconds) setTimeout(close, seconds * 1000);
  return close;
}

function button(label, run) {
  const made = document.createElement("button");
  made.type = "button";
  made.className = "btn";
  made.textContent = label;
  made.addEventListener("click", run);
  return made;
}

/** True when a key press belongs to a text field, a menu or an open dialog, not to the page. */
export function isTyping(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return true;
  const where = event.target instanceof Element ? event.target : document.body;
  return Boolean(where.closest("input:not([type=checkbox], [type=radio], [type=range]), textarea, select, [contenteditable], dialog[open]"))
    || Boolean(document.querySelector("dialog[open]"));
}
