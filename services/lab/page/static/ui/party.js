// A party in the drawing: whether it acts, whether we look from it, what it says of itself.

import { as, question, vantage } from "../state.js";
import { custodyOf } from "../model/names.js";
import { L } from "../text.en.js";
import { tap } from "./question.js";

/** Which boxes act in a step. */
const ACTS = {
  written: (it) => [`${it.channel}.from`],
  stored: (it, view) => (custodyOf(view, it) === "carrier" ? ["relay", "carrier", "mailbox"] : ["relay", "mailbox"]),
  opened: (it) => ["mailbox", `${it.channel}.to`],
  copied: () => ["relay", "carrier"],
  applied: () => ["court", "ledger"],
  decided: () => ["court", "ledger"],
  served: () => ["carrier", "ledger", "relay"],
  inspected: () => ["auditor", "carrier", "ledger"],
  commanded: () => ["regulator", "relay", "ledger"],
};
/** Return the boxes that act in this step: by the kind of step, or whoever its entry names. */
export function acting(what, focus, view) {
  if (what.type === "asked") return new Set();
  const needsMessage = ["written", "stored", "opened"].includes(what.type);
  if (ACTS[what.type] && (focus || !needsMessage)) return new Set(ACTS[what.type](focus, view));
  return new Set(view.by ? [view.by] : []);
}

/** Whether we look from a box. */
export const lookedFrom = (id) => vantage.value.at.includes(id) && question.value === null;

/** Look through a party’s eyes, or, while a question stands, say that it can read. */
export function pick(id, see) {
  if (question.value) return () => tap(see);
  return () => (as.value = as.value === see ? "all" : see);
}

/** What a screen reader says of a party: its name, its state, and what choosing it does. */
export function sayParty(title, note, lit, see) {
  const state = question.value ? "" : lit ? L.itReads : L.itReadsNot;
  return [title, note, state, question.value ? L.sayReads : L.lookAs(see)].filter(Boolean).join(". ");
}
