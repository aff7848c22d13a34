// From whose eyes the page is seen: what a vantage point holds of each message. Pure.
//
// The verdict is the measured one where the lab has attacked this very message (`measured: true`); before that it is the
// declared rule of the channel, and the page says so. Names and ids are those of docs/spec/matrix.md.

import { capital, custodyOf, customersOf, epochOf, granted } from "./all.js";

const NO_KEY = "It holds the envelope and no key that fits any of its locks.";
const NEVER = "It never sees the message: neither the content nor the envelope.";
const CARRIER = "It holds the carrier’s master key: every key of every subscriber and minute is derived from it.";
const NO_ENTERPRISE =
  "No lock on this envelope is the carrier’s: only the receiver’s device and the customer’s key server open it.";
const consumer = (one) => one.channel === "consumer";
const party = (name) => (one) => one.from === name || one.to === name;
const yes = (why) => ({ reads: true, why });
const no = (why) => ({ reads: false, why });

const sealed = () => no(NO_KEY);
const never = () => no(NEVER);
const master = (one) => (consumer(one) ? yes(CARRIER) : no(NO_ENTERPRISE));
const own = (name) => (one) =>
  party(name)(one)
    ? yes(`It is ${capital(name)}’s own message.`)
    : no(`It is not ${capital(name)}’s: no lock has that name.`);
const customer = (name) => (one, view) =>
  !consumer(one) && customersOf(view, one).includes(name)
    ? yes("Its key server is one of the recipients: the employer reads enterprise mail.")
    : no(consumer(one) ? "Consumer messages have no lock of the customer’s." : "The lock is another customer’s.");

function grantedFor(one, view) {
  const pins = [one.from, one.to].map((name) => view.world.handsets.find((it) => it.name === name).pin);
  return pins.some((pin) => granted(view, { pin, epoch: epochOf(one.ts) }));
}

function covered(one, view) {
  if (!consumer(one)) return no(NO_ENTERPRISE);
  return grantedFor(one, view)
    ? yes("A warrant covers this minute, the carrier granted its keys, and the copy was delivered.")
    : no("No grant covers it: no warrant for these two, not in this minute, or not inspected yet.");
}

// [id, title, what it holds, the boxes it sits in, metadata, knows of warrants, rule]
// metadata: "all" what every envelope says in the clear · "copied" only of copied messages · "size" length and time · "none"
const TABLE = [
  [
    "all",
    "Everything",
    "the glass box: the lab sees all, because it plays everybody",
    [],
    "all",
    true,
    () => yes("The lab plays everybody, so it sees everything. Choose other eyes above, or click a party."),
  ],
  [
    "link",
    "The link",
    "the radio and the wire between handset and relay: TLS records",
    ["link"],
    "size",
    false,
    () => no("TLS hides it: the link shows that something passed, how long it was and when."),
  ],
  ["gateway", "The relay", "the relay’s memory, state and log", ["relay"], "all", true, sealed],
  [
    "store",
    "The mailbox store",
    "the store’s files and memory: every envelope ever accepted",
    ["mailbox"],
    "all",
    false,
    sealed,
  ],
  [
    "logs",
    "The logs",
    "every log file of every party",
    [],
    "none",
    false,
    () => no("Logs hold counts and codes, never content."),
  ],
  [
    "carrier-keys",
    "A stolen master key",
    "the carrier’s key files, and the store’s ciphertext beside them",
    ["carrier"],
    "all",
    false,
    master,
  ],
  [
    "operator",
    "The operator",
    "relay, mailbox store and carrier together",
    ["relay", "mailbox", "carrier"],
    "all",
    true,
    master,
  ],
  [
    "auditor",
    "The auditor",
    "its key, valid warrants, the delivered product, the grants",
    ["auditor"],
    "copied",
    true,
    covered,
  ],
  [
    "auditor-none",
    "An agency without a warrant",
    "a second agency’s certificate and every answer that it gets: refusals",
    ["auditor"],
    "all",
    false,
    () => no("Every party refuses it: no warrant names this agency."),
  ],
  [
    "auditor-expired",
    "The auditor, after expiry",
    "the answers it gets once the warrant has expired",
    ["auditor"],
    "all",
    true,
    () => no("The warrant is over: the carrier grants nothing any more."),
  ],
  [
    "auditor-wrong-subject",
    "The auditor, Priya’s grant only",
    "the grant for Priya, and all ciphertext",
    ["auditor"],
    "all",
    true,
    (one, view) =>
      party("priya")(one)
        ? covered(one, view)
        : no("The grant is for another subscriber: her tree of keys is not his."),
  ],
  [
    "auditor-outside-window",
    "The auditor, outside the window",
    "all grants, and all ciphertext",
    ["auditor"],
    "all",
    true,
    covered,
  ],
  ["court", "The court", "the judge’s key and the register of warrants", ["court"], "none", true, never],
  ["ledger", "The public ledger", "the log, its key, its witness: no target’s name", ["ledger"], "none", false, never],
  [
    "state",
    "The whole state",
    "operator, court, auditor and ledger together: the strongest coalition without the customer",
    ["relay", "mailbox", "carrier", "court", "auditor", "ledger"],
    "all",
    true,
    master,
  ],
  ["customer", "Acme, the customer", "its key server, on its own premises", ["acme"], "all", false, customer("acme")],
  [
    "other-customer",
    "Globex, another customer",
    "its own key server, and the store’s ciphertext",
    ["globex"],
    "all",
    false,
    customer("globex"),
  ],
  [
    "sender",
    "The sender",
    "the handset that wrote the message",
    ["from"],
    "all",
    false,
    () => yes("The sender wrote it."),
  ],
  [
    "receiver",
    "The receiver",
    "the handset that it was written to",
    ["to"],
    "all",
    false,
    () => yes("One lock is the receiver’s."),
  ],
  [
    "seized-handset",
    "A seized handset",
    "the receiver’s handset after she deleted her messages, with the store and the link beside it",
    ["to", "mailbox", "link"],
    "all",
    false,
    (one) =>
      consumer(one)
        ? no("The handset has erased the keys of every minute that it has drained.")
        : yes("A static device key still opens ciphertext that somebody kept."),
  ],
  [
    "other-subscriber",
    "Another subscriber",
    "Mallory’s handset, and the store’s ciphertext",
    [],
    "all",
    false,
    own("mallory"),
  ],
  [
    "gateway-and-subscriber",
    "The relay, in league with Mallory",
    "the relay, the store and Mallory’s handset",
    ["relay", "mailbox"],
    "all",
    true,
    own("mallory"),
  ],
  ["other-employee", "Another employee", "Ravi’s handset, and the store’s ciphertext", [], "all", false, own("ravi")],
];

export const VANTAGES = TABLE.map(([id, title, holds, boxes, metadata, warrants, rule]) => ({
  id,
  title,
  holds,
  boxes,
  metadata,
  warrants,
  rule,
}));
export const KEYS = [
  "all",
  "link",
  "gateway",
  "operator",
  "auditor",
  "court",
  "state",
  "customer",
  "other-subscriber",
  "receiver",
];

/** Return the vantage of this id; everything for an id that nobody knows. */
export const vantageOf = (id) => VANTAGES.find((one) => one.id === id) ?? VANTAGES[0];

/** Return the measured cell of a message, or null. */
export function cellOf(view, vantage, mid) {
  const key = Object.entries(view.matrix?.mids ?? {}).find(([, its]) => its === mid)?.[0];
  return key === undefined
    ? null
    : (view.matrix.measured.cells.find((cell) => cell.message === key && cell.vantage === vantage) ?? null);
}

const reads = (cell) => cell.content === "reads";
const USUAL = { consumer: "carrier", enterprise: "customer" }; // the custodies that the rules above are about
const PEOPLE = { "other-subscriber": "mallory", "gateway-and-subscriber": "mallory", "other-employee": "ravi" };

/** Say what the arrangement declares of a message: by the rules above, or by its own list of readers. */
function declared(view, vantage, one) {
  const { custody, who_reads: readers } = view.world.arrangement[one.channel];
  if (custody === USUAL[one.channel] || vantage.id === "all" || vantage.id === "sender") return vantage.rule(one, view);
  if (party(PEOPLE[vantage.id])(one)) return own(PEOPLE[vantage.id])(one);
  const needsGrant = vantage.id.startsWith("auditor");
  const itReads =
    readers.includes(needsGrant ? "auditor" : vantage.id) && (!needsGrant || granting(vantage, one, view));
  return {
    reads: itReads,
    why: `${view.world.arrangement.title}: declared ${itReads ? "to read" : "not to read"} ${one.channel} messages in this arrangement.`,
  };
}

const granting = (vantage, one, view) =>
  ["auditor", "auditor-outside-window"].includes(vantage.id) && grantedFor(one, view);

/** Return what a scenario has asserted of a message at the end of its act, or null. */
function assertedOf(view, vantage, mid) {
  const { cells = [], mids = {} } = view.asserted ?? {};
  const found = cells.find(([whose, key]) => whose === vantage && mids[key] === mid);
  if (!found) return null;
  const itReads = found[2] === "reads";
  return {
    reads: itReads,
    why: `Measured at the end of this act, as told: what it holds ${itReads ? "opens the message" : "does not open it"}.`,
    measured: true,
  };
}

/** Say whether a vantage reads a message, and why: {reads, why, measured}. */
export function verdict(view, vantage, one) {
  const asserted = assertedOf(view, vantage.id, one.mid);
  if (asserted) return asserted;
  const rule = declared(view, vantage, one);
  const cell = cellOf(view, vantage.id, one.mid);
  if (cell === null || !["reads", "sealed"].includes(cell.content)) return { ...rule, measured: false };
  const why =
    cell.because ||
    (reads(cell) === rule.reads
      ? rule.why
      : reads(cell)
        ? "The attack opened it: its derivation is in the matrix."
        : NO_KEY);
  return { reads: reads(cell), why, measured: true };
}

/** Say which metadata a vantage has of a message: "all", "size" or "none". */
export function metadataFor(view, vantage, one) {
  const cell = vantage.id === "all" ? null : cellOf(view, vantage.id, one.mid);
  if (cell) return cell.metadata.includes("from") ? "all" : cell.metadata.includes("size") ? "size" : "none";
  if (vantage.metadata !== "copied") return vantage.metadata;
  return one.copies.length > 0 ? "all" : "none";
}
