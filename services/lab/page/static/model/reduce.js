// The log turned into a picture: `reduce(view, entry) -> view`. Pure; a view is never changed, only replaced.
//
// entry  {n, at, event: {type, …}}                 services/lab/page/events.py
// view   {world, now, messages, warrants, leaves, checkpoint, told, refused, matrix, scene, home, focus, last}

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
  scene: null, // while a scenario is shown: {name, title, acts, act, arranged, cells, names, ended}
  asserted: null, // {cells, mids} of the act that has just ended
  home: null, // meanwhile, what the classroom left behind: {world, leaves, checkpoint}
  focus: null, // the mid that the latest event is about
  last: null,
});

const on = {
  world: (view, event) => ({ ...view, world: event }),
  scene: (view, event) => ({
    ...EMPTY,
    world: view.world,
    home: view.home ?? left(view),
    scene: { ...event, act: 0, arranged: "", cells: [], names: {}, ended: null },
  }),
  boots: (view, event) => ({
    ...EMPTY,
    world: { ...view.world, arrangement: event.arrangement },
    home: view.home,
    scene: { ...view.scene, act: event.act, arranged: event.arrangement.title },
  }),
  checked: (view, event) => ({ ...view, focus: event.mid || view.focus }),
  cells: (view, event) => ({
    ...view,
    asserted: event,
    scene: {
      ...view.scene,
      cells: [...view.scene.cells, ...event.cells.map((one) => [event.act, ...one])],
      names: { ...view.scene.names, ...namesOf(view, event.mids) },
    },
  }),
  ended: (view, event) => ({ ...view, scene: { ...view.scene, ended: event } }),
  told: (view, event) => ({ ...view, told: { title: event.title, text: event.text } }),
  sent: (view, event) => ({ ...view, focus: event.mid, messages: [...view.messages, fresh(view, event)] }),
  stored: (view, event) => message(view, event.mid, (one) => ({ stage: "stored", stored: event.envelope ?? one.left })),
  opened: (view, event) =>
    message(view, event.mid, () => ({ stage: "opened", unreadable: event.unreadable, opened: event.text })),
  copied: (view, event) =>
    message(view, event.mid, (one) => ({
      copies: [...one.copies, { jti: event.jti, kind: event.kind, pdu: event.pdu }],
    })),
  read: (view, event) => message(view, event.mid, (one) => ({ readBy: [...one.readBy, event.org] })),
  ordered: (view, event) =>
    event.mids.reduce((so, mid) => message(so, mid, (one) => ({ readBy: [...one.readBy, "court"] })), view),
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
  reset: (view) => ({ ...EMPTY, ...(view.home ?? left(view)) }),
};

/** What outlives a lesson: who is there, and the public log. */
const left = ({ world, leaves, checkpoint }) => ({ world, leaves, checkpoint });

/** Which message a scenario's name for it means: {name: {from, to, channel, service}}. */
function namesOf(view, mids) {
  const found = Object.entries(mids).map(([name, mid]) => [name, messageOf(view, mid)]);
  return Object.fromEntries(
    found
      .filter(([, one]) => one)
      .map(([name, { from, to, channel, service }]) => [name, { from, to, channel, service }]),
  );
}

/** Return the view after one more entry. An event of a kind that this page does not know changes nothing. */
export function reduce(view, entry) {
  const { event } = entry;
  const step = on[event.type] ?? ((same) => same);
  const next = step({ ...view, refused: event.type === "logged" ? view.refused : null }, event);
  return { ...next, now: entry.at, last: event };
}

/** Whether time begins again with an event: what came before is no step any more. */
export const begins = (event) => event.type === "reset" || event.type === "scene";

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
  return {
    jti: claims.jti,
    target: event.target,
    claims,
    status: "AwaitingApproval",
    served: false,
    leaf: null,
    liid: claims.liid,
    inspections: [],
    reason: "",
  };
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
