// Who can read this? Where it is asked, whom one may name, and what a guess was worth. Pure.
//
// Checked against measured cells only: there is no answer key.

import { messageOf } from "./reduce.js";

/** Whom one may name, in the order of the list. */
export const NAMED = [
  "link",
  "gateway",
  "store",
  "carrier-keys",
  "court",
  "auditor",
  "ledger",
  "customer",
  "other-customer",
  "sender",
  "receiver",
];
const MARKED = new Set(["bbm", "bes-bbm", "employee-bbm", "bbm-after"]); // messages of the story

/** Return the message to ask about at a step, or null: where the story marks it, or a scenario has measured it. */
export function asksAt(event, view, end) {
  if (event?.type !== "stored") return null;
  const one = messageOf(view, event.mid);
  return MARKED.has(one?.key) || (view.scene && Object.keys(measured(end, event.mid)).length > 1) ? one.key : null;
}

/** Return what was measured of a message: {vantage: {reads, why}}, of those that may be named. */
export function measured(view, mid) {
  const verdicts = messageOf(view, mid)?.verdicts ?? {};
  return Object.fromEntries(NAMED.filter((who) => verdicts[who]?.measured).map((who) => [who, verdicts[who]]));
}

/** Lay guesses beside what was measured: [{who, guessed, reads, right, why}]. */
export const compare = (guesses, verdicts) =>
  Object.entries(verdicts).map(([who, { reads, why }]) => {
    const guessed = guesses.has(who);
    return { who, guessed, reads, right: guessed === reads, why };
  });
