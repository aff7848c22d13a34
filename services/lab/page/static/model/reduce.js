// The log turned into a picture: `reduce(view, entry) -> view`. Pure; a view is never changed, only replaced.
//
// entry  {n, at, by, event: {type, …}}             services/lab/page/events.py
// view   see EMPTY. Who reads what is never decided here: `judged` says it, and a message keeps it (eyes.js).

export const EMPTY = Object.freeze({
  world: null,
  now: 0,
  messages: [], // see `fresh`
  warrants: [], // {jti, target, claims, status, served, leaf, liid, inspections, reason}
  leaves: [], // canonical JSON, in order
  checkpoint: null,
  told: null, // {id, title, text, facts}
  facts: [], // checked since the latest chapter: {what, found}
  refused: null,
  orders: [], // of regulators: {regulator, reference, kind, channels, services, starts, lifts, outcome}
  shutOut: [], // handsets that a customer revoked
  generations: {}, // of a customer's key, by org, once it was rotated
  matrix: null, // what was measured: {cells: {"mid.vantage": cell}, mids, keys, controls, minutes}
  scene: null, // while a scenario is shown: {name, title, acts, act, arranged, rogues, cells, names, ended}
  home: null, // meanwhile, the classroom's view
  inspected: null, // the inspection whose copies are on stage
  focus: null, // the key of the message that the latest event is about
  by: null, // who acted last
  last: null,
});

const on = {
  world: (view, event) => ({ ...view, world: event }),
  scene: (view, event) => ({
    ...EMPTY,
    world: view.world,
    home: view.home ?? view,
    scene: { ...event, act: 0, arranged: "", rogues: {}, cells: [], names: {}, ended: null },
  }),
  boots: (view, event) => ({
    ...EMPTY,
    world: { ...view.world, arrangement: event.arrangement },
    home: view.home,
    scene: { ...view.scene, act: event.act, arranged: event.arrangement.title, rogues: event.faults },
  }),
  checked: (view, event) => ({ ...view, facts: [...view.facts, { what: event.what, found: event.found }] }),
  cells: (view, event) => ({
    ...withFacts(view),
    scene: {
      ...view.scene,
      cells: [...view.scene.cells, ...event.cells.map((one) => [event.act, ...one])],
      names: { ...view.scene.names, ...namesOf(view, event.mids) },
    },
  }),
  ended: (view, event) => ({ ...view, scene: { ...view.scene, ended: event } }),
  back: (view) => view.home ?? view,
  told: (view, event) => ({ ...view, told: { ...event, facts: view.facts }, facts: [] }),
  written: (view, event) => ({
    ...view,
    focus: event.key,
    inspected: null,
    messages: [...view.messages, fresh(view, event)],
  }),
  accepted: (view, event) => ({
    ...view,
    messages: view.messages.map((one) => (isKey(one, event) ? taken(one, event) : one)),
  }),
  judged: (view, event) => judged(view, event),
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
  revoked: (view, event) => ({ ...view, shutOut: [...view.shutOut, event.handset] }),
  rotated: (view, event) => ({ ...view, generations: { ...view.generations, [event.org]: event.generation } }),
  applied: (view, event) => ({ ...view, warrants: [...view.warrants, applied(event)] }),
  decided: (view, event) => warrant(view, event.jti, () => ({ status: event.status, reason: event.reason })),
  served: (view, event) => warrant(view, event.jti, () => ({ served: true, leaf: event.leaf, liid: event.liid })),
  inspected: (view, event) => ({
    ...warrant(view, event.jti, (one) => ({ inspections: [...one.inspections, inspection(event)] })),
    focus: null,
    inspected: event, // what is on stage now are the copies
  }),
  refused: (view, event) => ({
    ...view,
    refused: event,
    messages: view.messages.map((one) =>
      event.act === "send" && one.key === event.about ? { ...one, stage: "refused", refusal: event } : one,
    ),
  }),
  commanded: (view, event) => ({ ...view, orders: [...view.orders, event] }),
  turned: (view) => view,
  logged: (view, event) => ({
    ...view,
    leaves: [...view.leaves.slice(0, event.first), ...event.leaves],
    checkpoint: event.checkpoint,
  }),
  measured: (view, event) => ({ ...view, matrix: merged(view.matrix, event) }),
  reset: ({ world, leaves, checkpoint }) => ({ ...EMPTY, world, leaves, checkpoint }),
  started: (view) => view, // exercises are reduced apart, from the whole log (board.js)
  answered: (view) => view,
  solved: (view) => view,
};

/** The kinds of events that this page knows. */
export const KINDS = Object.keys(on);

/** Return the view after one more entry. An event of a kind that this page does not know changes nothing. */
export function reduce(view, entry) {
  const { event } = entry;
  const step = on[event.type] ?? ((same) => same);
  const quiet = QUIET.has(event.type);
  const next = step(quiet ? view : { ...view, refused: null }, event);
  return { ...next, now: entry.at, by: quiet ? next.by : (entry.by ?? null), last: event };
}

const QUIET = new Set(["logged", "judged", "accepted", "checked", "started", "answered", "solved"]);

/** Whether an event is a step of the lesson. What is quiet comes with the act that it is about, X2 with its X3. */
export const isStep = (event) => !QUIET.has(event.type) && !(event.type === "copied" && event.kind === "X2");

/** Whether an event is the beginning of a chapter, by which a link finds its place. */
export const CHAPTERS = new Set(["told", "boots", "scene", "ended", "measured", "reset", "world"]);

const isKey = (one, event) => one.key === event.key && one.mid === null;

/** Which message a scenario's name for it means: {name: {from, to, channel, service, text}}. */
function namesOf(view, mids) {
  const found = Object.entries(mids).map(([name, mid]) => [name, messageOf(view, mid)]);
  return Object.fromEntries(
    found
      .filter(([, one]) => one)
      .map(([name, { from, to, channel, service, text }]) => [name, { from, to, channel, service, text }]),
  );
}

const withFacts = (view) =>
  view.facts.length && view.told
    ? { ...view, told: { ...view.told, facts: [...view.told.facts, ...view.facts] }, facts: [] }
    : view;

function fresh(view, event) {
  return {
    n: view.messages.length + 1,
    key: event.key,
    mid: null, // until the relay has accepted it
    from: event.from,
    to: event.to,
    channel: event.channel,
    service: event.service,
    text: event.text,
    subject: event.subject,
    ts: null,
    org: "",
    left: null,
    stored: null,
    stage: "written",
    opened: null,
    unreadable: null,
    refusal: null,
    copies: [],
    readBy: [],
    verdicts: {}, // by vantage: {reads, shows, why, measured}
  };
}

function taken(one, event) {
  const header = event.envelope === null ? {} : headerOf(event.envelope);
  return { ...one, mid: event.mid, stage: "sent", left: event.envelope, ts: header.ts ?? null, org: header.org ?? "" };
}

function judged(view, { mid, measured, cells }) {
  const verdicts = Object.fromEntries(
    Object.entries(cells).map(([who, said]) => [who, { ...readVerdict(said), measured }]),
  );
  const at = view.messages.findLastIndex((one) => one.mid === mid);
  if (at < 0) return view;
  const one = view.messages[at];
  return { ...view, messages: view.messages.with(at, { ...one, verdicts: { ...one.verdicts, ...verdicts } }) };
}

function readVerdict(said) {
  const [content, shows, why] = said.split(" ");
  return { reads: content === "reads", shows, why };
}

function merged(before, event) {
  const cells = { ...before?.cells };
  for (const cell of event.cells) cells[`${cell.mid}.${cell.vantage}`] = cell;
  return { ...event, cells, mids: { ...before?.mids, ...event.mids }, keys: { ...before?.keys, ...event.keys } };
}

function applied({ claims, target }) {
  const liid = claims.liid;
  return {
    jti: claims.jti,
    target,
    claims,
    status: "AwaitingApproval",
    served: false,
    leaf: null,
    liid,
    inspections: [],
    reason: "",
  };
}

const inspection = ({ start, until, inspection: found }) => ({ start, until, ...found });

function message(view, mid, change) {
  const at = view.messages.findLastIndex((one) => one.mid === mid);
  if (at < 0) return view;
  const one = view.messages[at];
  return { ...view, focus: one.key, inspected: null, messages: view.messages.with(at, { ...one, ...change(one) }) };
}

function warrant(view, jti, change) {
  return { ...view, warrants: view.warrants.map((one) => (one.jti === jti ? { ...one, ...change(one) } : one)) };
}

/** Return the protected header of an envelope. */
function headerOf(envelope) {
  return JSON.parse(atob(JSON.parse(envelope).protected.replaceAll("-", "+").replaceAll("_", "/")));
}

/** Return the message of this mid, or null. */
export const messageOf = (view, mid) => view.messages.findLast((one) => one.mid === mid) ?? null;

/** Return the message that the latest event is about, or null. */
export const focusOf = (view) =>
  view.focus === null ? null : (view.messages.findLast((one) => one.key === view.focus) ?? null);

/** Return the envelope as it is known at this moment, as it waits in the mailbox or left the handset; null before. */
export const envelopeOf = (one) => one.stored ?? one.left;

/** Return the captures of a measurement that lack what must be found in them: [[capture, what]]. */
export const notWhole = ({ controls }) => controls.filter(([, , found]) => found === null);
