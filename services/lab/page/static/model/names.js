// The names of locks and parties, and what everybody holds of a message. Pure.
//
// A lock is one of an envelope's `recipients`; its `kid` names the key that opens it (docs/spec/envelope.md).

import { envelopeOf } from "./reduce.js";
import { T } from "../text.en.js";
import { fits } from "./eyes.js";

const EPOCH_ZERO = 1262304000000; // 2010-01-01T00:00Z
export const MINUTE = 60_000;

export const epochOf = (ms) => Math.floor((ms - EPOCH_ZERO) / MINUTE);
export const capital = (name) => name.charAt(0).toUpperCase() + name.slice(1);
export const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
export const clockOf = (ms) => new Date(ms).toISOString().slice(11, 19);
export const minuteOf = (ms) => new Date(ms).toISOString().slice(11, 16);
export const serviceOf = (one) => T.service[one.channel][one.service];

/** Return who has this PIN, or null. */
export const whoHas = (world, pin) => world.handsets.find((one) => one.pin === pin) ?? null;
export const handsetOf = (world, name) => world.handsets.find((one) => one.name === name) ?? null;
export const customerName = (world, org) => world.customers[org] ?? org;

/** Return the custody of a message's channel, as the arrangement declares it. */
export const custodyOf = (view, one) => view.world.arrangement[one.channel].custody;

/** Read a kid: {kind: carrier|device|bes|global|escrow, …}. */
export function readKid(kid) {
  const part = kid.split("/");
  if (part[0] === "global") return { kind: "global" };
  if (part[0] === "escrow") return { kind: "escrow", pin: part[2], epoch: Number(part[3]) };
  if (part[0] === "device") return { kind: "device", pin: part[1], generation: Number(part[2]) };
  if (!["carrier", "org"].includes(part[0])) return { kind: "other", name: kid };
  if (part[0] === "carrier") return { kind: "carrier", carrier: part[1], pin: part[2], epoch: Number(part[3]) };
  if (part[2] === "bes") return { kind: "bes", org: part[1], generation: Number(part[3]) };
  return { kind: "device", org: part[1], pin: part[2], generation: Number(part[3]) };
}

/** Return the lock of a kid as it is drawn: two short lines, one sentence, and whose handset or server opens it. */
function lockOf(view, kid) {
  const key = readKid(kid);
  const person = whoHas(view.world, key.pin);
  const name = capital(person?.name ?? key.pin ?? "");
  const known = key.kind === "bes" ? key.org in view.world.customers : key.kind === "global" || person !== null;
  if (key.kind === "other" || !known)
    return { kid, ...T.lock.stranger(key.pin ?? kid.split("/")[1] ?? kid), owner: null, stranger: true };
  const minute = grouped(key.epoch ?? 0);
  const customer = key.kind === "bes" ? capital(customerName(view.world, key.org)) : "";
  const told = T.lock[key.kind]({ name, minute, customer, generation: key.generation });
  return { kid, ...told, owner: person?.name ?? (customer.toLowerCase() || "everybody"), stranger: false };
}

/** Return the locks on an envelope; none on none. */
export const locksOf = (view, envelope) =>
  envelope === null ? [] : JSON.parse(envelope).recipients.map((one) => lockOf(view, one.header.kid));

/** Return the locks on a message that are nobody’s whom the classroom knows. */
export const strangersOf = (view, one) => locksOf(view, envelopeOf(one)).filter((lock) => lock.stranger);

/** Return the customers whose key server a message names, by name. */
export function customersOf(view, one) {
  if (one.left === null) return [];
  const kids = JSON.parse(one.left).recipients.map((it) => readKid(it.header.kid));
  return kids.filter((key) => key.kind === "bes").map((key) => customerName(view.world, key.org));
}

const STAGE = { written: 0, refused: 0, sent: 1, stored: 2, opened: 3 };

/** Return what each party holds of a message at this moment: {id, name, holds, key: whether a key of its own fits}. */
export function holdings(view, one) {
  const stage = STAGE[one.stage];
  const copied = one.copies.length > 0;
  const admitted = custodyOf(view, one) === "carrier" && stage > 1;
  const inspected = view.warrants.some((it) =>
    it.inspections.some((found) => found.findings.some((f) => f.mid === one.mid)),
  );
  const customers = one.channel === "consumer" ? [] : customersOf(view, one);
  const { hold } = T;
  const row = (id, name, holds, box = id) => ({ id, name, holds, key: fits(box, one) });
  return [
    row(one.from, T.handsetOf(capital(one.from)), hold.sender, "from"),
    row("relay", T.box.relay, stage > 0 ? hold.relay : ""),
    row("carrier", T.box.carrier, copied ? hold.copy : admitted ? hold.admitted : ""),
    row("mailbox", T.box.mailbox, stage < 2 ? "" : stage === 2 ? hold.waiting : hold.gone),
    row(one.to, T.handsetOf(capital(one.to)), stage > 2 ? hold.receiver : "", "to"),
    row("court", T.box.court, ""),
    row("auditor", T.box.auditor, inspected ? hold.delivered : ""),
    row("ledger", T.box.ledger, ""),
    ...Object.values(view.world.customers).map((name) =>
      row(name, T.customer(capital(name)), customers.includes(name) && stage > 0 ? hold.journal : ""),
    ),
  ];
}

/** Return the warrants whose task copies at this moment. */
export const copying = (view) =>
  view.warrants.filter(
    (one) =>
      one.served &&
      one.status === "Approved" &&
      one.claims.window.from <= view.now &&
      view.now < one.claims.window.until,
  );

/** Say where a message lies to the window of the warrant that concerns it: before, inside, after, or "" without one. */
export function windowOf(view, one) {
  const pins = [one.from, one.to].map((name) => handsetOf(view.world, name).pin);
  const about = view.warrants.filter((it) => it.served && pins.includes(it.claims.sub));
  if (about.length === 0 || one.ts === null) return "";
  const inside = about.some(({ claims: { window } }) => window.from <= one.ts && one.ts < window.until);
  return inside ? "inside" : about.some(({ claims }) => one.ts < claims.window.from) ? "before" : "after";
}

/** Return the orders in force on a channel: suspended, begun, and neither withdrawn nor lifted since. */
export function suspensions(view, channel) {
  const lifted = new Set(view.orders.map((one) => one.lifts).filter(Boolean));
  return view.orders.filter(
    (one) =>
      one.kind === "suspend" && one.channels.includes(channel) && one.starts <= view.now && !lifted.has(one.reference),
  );
}
