// The log turned into a picture: `reduce(view, entry) -> view`. Pure; a view is never changed, only replaced.
//
// entry  {n, at, event: {type, …}}                 services/lab/page/events.py
// view   {world, now, messages, warrants, leaves, checkpoint, told, refused, matrix, focus, began, last}

export const EMPTY = Object.freeze({
  world: null,
  now: 0,
  messages: [], // {n, mid, from, to, channel, service, text, subject, ts, left, stored, stage, unreadable, copies, readBy}
  warrants: [], // {jti, target, claims, status, served, leaf, liid, inspections}
  leaves: [], // canonical JSON, in order
  checkpoint: null,
  told: null,
  refused: null,
  matrix: null, // {measured, mids, keys}
  focus: null, // the mid that the latest event is about
  began: 0, // entry number of the latest beginning
  last: null,
});

const on = {
  world: (view, event) => ({ ...view, world: event }),
  told: (view, event) => ({ ...view, told: { title: event.title, text: event.text } }),
  sent: (view, event) => ({ ...view, focus: event.mid, messages: [...view.messages, fresh(view, event)] }),
  stored: (view, event) => message(view, event.mid, (one) => ({ stage: "stored", stored: event.envelope ?? one.left })),
  opened: (view, event) =>
    message(view, event.mid, () => ({ stage: "opened", unreadable: event.unreadable, opened: event.text })),
  copied: (view, event) =>
    message(view, event.mid, (one) => ({ copies: [...one.copies, { jti: event.jti, kind: event.kind, pdu: event.pdu }] })),
  read: (view, event) => message(view, event.mid, (one) => ({ readBy: [...one.readBy, event.org] })),
  ordered: (view, event) => event.mids.reduce((so, mid) => message(so, mid, (one) => ({ readBy: [...one.readBy, "court"] })), view),
  applied: (view, event) => ({ ...view, warrants: [...view.warrants, applied(event)] }),
  decided: (view, event) => warrant(view, event.jti, () => ({ status: event.status, reason: event.reason })),
  served: (view, event) => warrant(view, event.jti, () => ({ served: true, leaf: event.leaf, liid: event.liid })),
  inspected: (view, event) =>
    warrant(view, event.jti, (one) => ({ inspections: [...one.inspections, inspection(event)] })),
  refused: (view, event) => ({ ...view, refused: event }),
  turned: (view) => view,
  logged: (view, event) => ({
    ...view,
    leaves: [...view.leaves.slice(0, event.first), ...event.leaves],
    checkpoint: event.checkpoint,
  }),
  measured: (view, event) => ({ ...view, matrix: { measured: event.matrix, mids: event.mids, keys: event.keys } }),
  reset: (view) => ({ ...EMPTY, world: view.world, leaves: view.leaves, checkpoint: view.checkpoint }),
};

/** Return the view after one more entry. An event of a kind that this page does not know changes nothing. */
export function reduce(view, entry) {
  const { event } = entry;
  const step = on[event.type] ?? ((same) => same);
  const next = step({ ...view, now: entry.at, last: event, refused: event.type === "logged" ? view.refused : null }, event);
  return event.type === "reset" ? { ...next, now: entry.at, last: event, began: entry.n } : next;
}

/** Whether an event is a step of the lesson. Leaves of the log come with the act that they are about, X2 with its X3. */
export const isStep = (event) => event.type !== "logged" && !(event.type === "copied" && event.kind === "X2");

function fresh(view, event) {
  const header = headerOf(event.envelope);
  return {
    n: view.messages.length + 1,
    mid: event.mid,
    from: event.from,
    to: event.to,
    channel: event.channel,
    service: event.service,
    text: event.text,
    subject: event.subject,
    ts: header.ts,
    org: header.org ?? "",
    left: event.envelope,
    stored: null,
    stage: "sent",
    opened: null,
    unreadable: null,
    copies: [],
    readBy: [],
  };
}

function applied(event) {
  const claims = event.claims;
  return { jti: claims.jti, target: event.target, claims, status: "AwaitingApproval", served: false, leaf: null, liid: claims.liid, inspections: [], reason: "" };
}

const inspection = ({ start, until, inspection: found }) => ({ start, until, ...found });

function message(view, mid, change) {
  const at = view.messages.findLastIndex((one) => one.mid === mid);
  if (at < 0) return view;
  const one = view.messages[at];
  return { ...view, focus: mid, messages: view.messages.with(at, { ...one, ...change(one) }) };
}

function warrant(view, jti, change) {
  return { ...view, warrants: view.warrants.map((one) => (one.jti === jti ? { ...one, ...change(one) } : one)) };
}

/** Return the protected header of an envelope as the relay stored it. */
export function headerOf(envelope) {
  const text = atob(JSON.parse(envelope).protected.replaceAll("-", "+").replaceAll("_", "/"));
  return JSON.parse(text);
}

/** Return the message of this mid, or null. */
export const messageOf = (view, mid) => view.messages.findLast((one) => one.mid === mid) ?? null;

/** Return the envelope as it is known at this moment: as it waits in the mailbox, or as it left the handset. */
export const envelopeOf = (one) => one.stored ?? one.left;
