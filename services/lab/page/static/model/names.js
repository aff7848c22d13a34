// Who can open which lock, and what everybody holds of a message. Pure.
//
// A lock is one of an envelope's `recipients`; its `kid` names the key that opens it (docs/spec/envelope.md).

import { envelopeOf } from "./reduce.js";

export const EPOCH_ZERO = 1262304000000; // 2010-01-01T00:00Z
export const MINUTE = 60_000;

export const epochOf = (ms) => Math.floor((ms - EPOCH_ZERO) / MINUTE);
export const capital = (name) => name.charAt(0).toUpperCase() + name.slice(1);
export const grouped = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
export const clockOf = (ms) => new Date(ms).toISOString().slice(11, 19);
export const minuteOf = (ms) => new Date(ms).toISOString().slice(11, 16);
export const SERVICE = {
  consumer: { bbm: "BBM", email: "BIS mail" },
  enterprise: { bbm: "BES BBM", email: "BES mail" },
};
export const serviceOf = (one) => SERVICE[one.channel][one.service];

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

/** Return the lock of a kid as it is drawn: two short lines, one sentence, and which boxes hold a key to it. */
export function lockOf(view, kid) {
  const key = readKid(kid);
  const name = capital(whoHas(view.world, key.pin)?.name ?? key.pin ?? "");
  if (key.kind === "other")
    return { kid, lines: [kid.split("/")[0], kid.split("/").slice(1).join("/")], text: kid, holders: [] };
  if (key.kind === "carrier") {
    return {
      kid,
      lines: ["carrier", `for ${name}`],
      text: `the carrier’s key for ${name}, minute ${grouped(key.epoch)}`,
      holders: ["carrier", whoHas(view.world, key.pin)?.name, ...(granted(view, key) ? ["auditor"] : [])],
    };
  }
  if (key.kind === "global")
    return {
      kid,
      lines: ["one key", "for everybody"],
      text: "the one global key, which is in every handset",
      holders: ["carrier", ...view.world.handsets.map((one) => one.name)],
    };
  if (key.kind === "escrow")
    return {
      kid,
      lines: ["escrow", `for ${name}`],
      text: `an escrow for ${name}, minute ${grouped(key.epoch)}, which carrier and court open only together`,
      holders: granted(view, key) ? ["auditor"] : [],
    };
  if (key.kind === "bes") {
    const customer = capital(customerName(view.world, key.org));
    return {
      kid,
      lines: [`${customer}’s`, "key server"],
      text: `${customer}’s own key server, key ${key.generation}`,
      holders: [customerName(view.world, key.org)],
    };
  }
  return {
    kid,
    lines: [`${name}’s`, "device"],
    text: `${name}’s device, key ${key.generation}`,
    holders: [whoHas(view.world, key.pin)?.name],
  };
}

/** Whether an inspection so far has brought the auditor the key of this subscriber and minute. */
export function granted(view, { pin, epoch }) {
  return view.warrants.some(
    (one) =>
      one.claims.sub === pin &&
      one.inspections.some(
        (found) => !found.grant_refused && epochOf(found.start) <= epoch && epoch < epochOf(found.until),
      ),
  );
}

/** Return the locks on an envelope. */
export const locksOf = (view, envelope) => JSON.parse(envelope).recipients.map((one) => lockOf(view, one.header.kid));

/** Return the customers whose key server an envelope names, by name. */
export function customersOf(view, one) {
  return JSON.parse(one.left)
    .recipients.map((it) => readKid(it.header.kid))
    .filter((key) => key.kind === "bes")
    .map((key) => customerName(view.world, key.org));
}

const STAGE = { sent: 1, stored: 2, opened: 3 };

/**
 * Return what each party holds of a message at this moment, and whether a key of its own fits.
 * Rows {id, name, holds, key}; `holds` is a sentence, empty for a party that never sees it.
 */
export function holdings(view, one) {
  const stage = STAGE[one.stage];
  const fits = new Set(locksOf(view, envelopeOf(one)).flatMap((lock) => lock.holders));
  const consumer = one.channel === "consumer";
  const passes = custodyOf(view, one) === "carrier";
  const copied = one.copies.length > 0;
  const inspected =
    copied && view.warrants.some((it) => it.inspections.some((found) => found.findings.some((f) => f.mid === one.mid)));
  const rows = [
    {
      id: one.from,
      name: `${capital(one.from)}’s handset`,
      holds: "the message that it wrote",
      key: fits.has(one.from),
    },
    { id: "relay", name: "Relay", holds: "the envelope in passing: header, locks, ciphertext", key: false },
    { id: "carrier", name: "Carrier", holds: carrierHolds(passes, stage, copied), key: fits.has("carrier") },
    { id: "mailbox", name: "Mailbox", holds: mailboxHolds(stage), key: false },
    {
      id: one.to,
      name: `${capital(one.to)}’s handset`,
      holds: stage > 2 ? "the envelope, and what it opened" : "",
      key: fits.has(one.to) && !one.unreadable,
    },
    { id: "court", name: "Court", holds: "", key: false },
    {
      id: "auditor",
      name: "Auditor",
      holds: inspected ? "the copy that the carrier delivered" : "",
      key: fits.has("auditor"),
    },
    { id: "ledger", name: "Ledger", holds: "", key: false },
  ];
  const customers = consumer ? [] : customersOf(view, one);
  for (const name of Object.values(view.world.customers)) {
    const concerned = customers.includes(name);
    rows.push({
      id: name,
      name: `${capital(name)}, a customer`,
      holds: concerned ? "its journal’s copy of the envelope" : "",
      key: concerned,
    });
  }
  return rows;
}

function mailboxHolds(stage) {
  if (stage < 2) return "";
  return stage === 2 ? "the envelope, waiting for the receiver" : "nothing any more: the receiver has acknowledged it";
}

function carrierHolds(passes, stage, copied) {
  if (copied) return "a copy of the envelope, for a warrant";
  return passes && stage > 1 ? "the header and the locks, never the ciphertext" : "";
}

/** Return the warrants whose task copies at `now`. */
export const copying = (view) =>
  view.warrants.filter(
    (one) =>
      one.served &&
      one.status === "Approved" &&
      one.claims.window.from <= view.now &&
      view.now < one.claims.window.until,
  );
