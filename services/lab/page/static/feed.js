// The line to the lab: events come in, acts go out.

import { batch } from "./vendor/preact.js";
import { connected, follow, go, grown, keepAddress, log, notice, playing, step } from "./state.js";
import { readLink } from "./model/link.js";

let run = null;
let placed = false;

/** Listen to the event log, from wherever we are in it; the browser connects again by itself. */
export function listen() {
  const source = new EventSource("/feed");
  source.addEventListener("run", (message) => {
    if (run !== null && run !== message.data) location.reload(); // another classroom: nothing we hold is of it
    run = message.data;
  });
  source.addEventListener("present", () => placed || place());
  source.onopen = () => (connected.value = true);
  source.onerror = () => (connected.value = false);
  source.onmessage = (message) => take(JSON.parse(message.data));
}

/** Add entries to the log. */
export function take(entries) {
  batch(() => {
    const before = log.steps;
    log.add(entries);
    grown.value += 1;
    if (log.steps !== before && placed) go(0, true); // the lesson began again
  });
}

/** Begin, now that the past is here: where a link says, with a scenario from its beginning, or else in the present. */
function place() {
  placed = true;
  follow(location.hash);
  const linked = readLink(location.hash).step !== null;
  const { scene } = log.at(log.last);
  if (!linked && !(scene && !scene.ended)) go(log.last);
  playing.value = !linked;
  keepAddress();
}

/** Ask the classroom to act; returns the answer, or null after saying what went wrong. */
export async function ask(name, body = {}, busy = "") {
  notice.value = busy ? { kind: "busy", text: busy } : null;
  try {
    const response = await fetch(`/api/${name}`, {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "Content-Type": "application/json" },
    });
    const answer = await response
      .json()
      .catch(() => ({ detail: "The classroom failed at this. Its terminal says how.", code: String(response.status) }));
    notice.value = response.ok ? null : { kind: "error", text: answer.detail, code: answer.code };
    return response.ok ? answer : null;
  } catch {
    notice.value = { kind: "error", text: "The classroom does not answer. Is `tiers up` still running?" };
    return null;
  }
}

/** Return the scenarios that can be played, or null. */
export async function catalogue() {
  const response = await fetch("/api/scenarios", {
    method: "POST",
    body: "{}",
    headers: { "Content-Type": "application/json" },
  }).catch(() => null);
  return response?.ok ? response.json() : null;
}

/** Act now: stand at the end of the log and play what comes. */
export function act(name, body, busy) {
  batch(() => {
    if (step.value !== log.last) go(log.last, true);
    playing.value = true;
  });
  return ask(name, body, busy);
}
