// From whose eyes the page is seen. Pure. Every verdict comes from the log (`judged`); nothing is decided here.

export const ALL = { id: "all", name: "Everything", says: "", group: "", at: [], variant_of: "", knows_warrants: true };
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
const GROUPS = ["way", "provider", "state", "company", "ends"];

/** Return the vantage points, "everything" first. */
export const vantagesOf = (view) => [ALL, ...(view.world?.vantages ?? [])];

/** Return the vantage of this id; everything for an id that nobody knows. */
export const vantageOf = (view, id) => vantagesOf(view).find((one) => one.id === id) ?? ALL;

const SEES_ALL = { reads: true, shows: "all", why: "all", measured: false };
const HIDDEN = { reads: false, shows: "none", why: "hidden", measured: false };
const NOT_SENT = { reads: false, shows: "none", why: "not-sent", measured: false };

/** Return what a vantage point has of a message: {reads, shows: all|size|none, why, measured}. */
export function verdict(id, one) {
  if (one.hidden) return HIDDEN;
  if (id === "all") return SEES_ALL;
  return one.verdicts[id] ?? (one.left === null && id === "sender" ? { ...SEES_ALL, why: "own" } : NOT_SENT);
}

/** Which vantage point each box of the drawing is. */
const BOX = {
  relay: "gateway",
  mailbox: "store",
  carrier: "carrier-keys",
  auditor: "auditor",
  court: "court",
  ledger: "ledger",
  acme: "customer",
  globex: "other-customer",
  from: "sender",
  to: "receiver",
};

/** Whether a key of a party's own fits a message that has come so far. */
export function fits(box, one) {
  if (!one || one.hidden || one.left === null) return false;
  if (box === "to" && (one.unreadable || !["stored", "opened"].includes(one.stage))) return false;
  return verdict(BOX[box], one).reads;
}

/** Return the rows of a table of vantage points: those that are no variant of another here, each with its variants. */
export function folded(vantages) {
  return vantages
    .filter((one) => !vantages.some((it) => it.id === one.variant_of))
    .map((one) => ({ ...one, variants: vantages.filter((it) => it.variant_of === one.id) }));
}

/** Return the groups that have rows, in order: [group, its rows]. */
export const inGroups = (rows) =>
  GROUPS.map((group) => [group, rows.filter((row) => row.group === group)]).filter(([, own]) => own.length > 0);
