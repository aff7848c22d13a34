// The line to the lab: events come in, acts go out. In a saved lesson there is none, and the log stands in the page.

import { batch, signal } from "./vendor/preact.js";
import { connected, follow, go, grown, keepAddress, log, notice, playing, step } from "./state.js";
import { readLink } from "./model/link.js";
import { L } from "./text.en.js";

const RETRY = 1000; // ms
let run = null;
let placed = false;

/** The log of a saved lesson, or null. */
const saved = () => JSON.parse(document.getElementById("log")?.textContent ?? "null");

/** Whether this is a saved lesson: it can be looked at, and nothing can be done. */
export const offline = document.getElementById("log") !== null;

/** Listen to the event log, from wherever we are in it, for as long as the page is open. */
export function listen() {
  if (offline) {
    take(saved().entries);
    return place();
  }
  const socket = new WebSocket(`ws://${location.host}/feed?from=${run ?? ""}:${log.entries.length - 1}`);
  socket.onmessage = (message) => hear(JSON.parse(message.data));
  socket.onopen = () => (connected.value = "yes");
  socket.onclose = lost;
}

function hear({ run: theirs, entries, present }) {
  if (run !== null && run !== theirs) return location.reload(); // another classroom: nothing we hold is of it
  run = theirs;
  if (entries.length) take(entries);
  if (present && !placed) place();
}

/** Find out why the line is cut, and try again. */
async function lost() {
  const answer = await fetch("/healthz").catch(() => null);
  connected.value = answer?.status === 401 ? "lost" : "no";
  setTimeout(listen, RETRY);
}

/** Add entries to the log. */
export function take(entries) {
  batch(() => {
    const before = log.begun;
    log.add(entries);
    grown.value += 1;
    if (log.begun !== before && placed) go(log.event(log.last)?.type === "back" ? log.last : 0, true);
  });
}

/** Begin, now that the past is here: where a link says, with a scenario from its beginning, or else in the present. */
function place() {
  placed = true;
  follow(location.hash);
  const linked = log.stepOf(readLink(location.hash).at) !== null;
  const { scene } = log.at(log.last);
  if (!linked && !(scene && !scene.ended) && !offline) go(log.last);
  playing.value = !linked && !offline;
  keepAddress();
}

/** Ask the classroom to act; returns the answer, or null after saying what went wrong. */
export async function ask(name, body = {}, busy = "") {
  notice.value = busy ? { kind: "busy", text: busy } : null;
  const answer = await post(name, body);
  notice.value = answer.error ?? null;
  return answer.error ? null : answer.said;
}

/** The same without a word: returns null where it fails. */
export const quietly = async (name, body = {}) => (await post(name, body)).said ?? null;

/** A list that the lab is asked for once, when it is first drawn; again where it did not answer. Empty until then. */
export function listed(name) {
  const known = signal(null);
  let asked = false;
  return () => {
    if (!asked) {
      asked = true;
      quietly(name).then((found) => {
        known.value = found;
        asked = found !== null;
      });
    }
    return known.value ?? [];
  };
}

async function post(name, body) {
  try {
    const headers = { "Content-Type": "application/json" };
    const response = await fetch(`/api/${name}`, { method: "POST", body: JSON.stringify(body), headers });
    const said = await response.json().catch(() => ({ detail: L.failed, code: String(response.status) }));
    return response.ok ? { said } : { error: { kind: "error", text: said.detail, code: said.code } };
  } catch {
    return { error: { kind: "error", text: L.silent } };
  }
}

/** Act now: stand at the end of the log and play what comes. */
export function act(name, body, busy) {
  batch(() => {
    if (step.value !== log.last) go(log.last, true);
    playing.value = true;
  });
  return ask(name, body, busy);
}
