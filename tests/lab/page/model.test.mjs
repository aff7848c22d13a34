// The model of the page: the log turned into a view, and what each vantage point holds of it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";
import { compare, measured } from "../../../services/lab/page/static/model/ask.js";
import { fits, folded, vantagesOf, verdict } from "../../../services/lab/page/static/model/eyes.js";
import { hide } from "../../../services/lab/page/static/model/hidden.js";
import { columnsOf, movesOf, playedIn } from "../../../services/lab/page/static/model/history.js";
import { Log } from "../../../services/lab/page/static/model/log.js";
import { readLink, writeLink } from "../../../services/lab/page/static/model/link.js";
import { copying, holdings, locksOf, suspensions, windowOf } from "../../../services/lab/page/static/model/names.js";
import { EMPTY, focusOf, isStep, KINDS, messageOf, reduce } from "../../../services/lab/page/static/model/reduce.js";
import { visible } from "../../../services/lab/page/static/model/visible.js";
import { SPOKEN, wordsFor } from "../../../services/lab/page/static/model/words.js";
import { T } from "../../../services/lab/page/static/text.en.js";
import { AT, ENTERPRISE, entries, EVENTS, JTI, ONE, STORED, TWO } from "./story.mjs";

const logOf = (events) => {
  const log = new Log();
  log.add(entries(events));
  return log;
};
const whole = () => logOf(EVENTS);
const stepOf = (log, type, which = 0) =>
  log.steps.map((_, at) => at).filter((at) => log.event(at).type === type)[which];

test("the view at the end holds every message, warrant and leaf", () => {
  const view = whole().after(EVENTS.length);
  assert.deepEqual(
    view.messages.map((one) => [one.key, one.mid, one.stage]),
    [
      ["bbm", ONE, "opened"],
      ["bes-bbm", TWO, "opened"],
    ],
  );
  assert.equal(view.messages[0].stored, STORED);
  assert.equal(view.messages[1].stored, ENTERPRISE, "where nothing changed the mailbox holds what left the handset");
  assert.deepEqual(view.leaves, ['{"type":"warrant.applied"}', '{"type":"warrant.served"}']);
  assert.equal(view.warrants[0].inspections[0].findings.length, 1);
});

test("a view is never changed by what comes after it", () => {
  const log = whole();
  const frozen = JSON.stringify(log.at(0));
  log.at(log.last);
  assert.equal(JSON.stringify(log.at(0)), frozen);
});

test("every step can be reached from every other, with the same view as from the beginning", () => {
  const many = [EVENTS[0], ...Array.from({ length: 60 }, () => EVENTS.slice(6, 18)).flat()];
  const log = logOf(many);
  const straight = (count) => entries(many).slice(0, count).reduce(reduce, EMPTY);
  for (const count of [0, 1, 63, 64, 65, 128, 300, 127, 64, 700])
    assert.deepEqual(log.after(count), straight(count), `after ${count}`);
});

test("what comes with an act is no step of its own", () => {
  const log = whole();
  const steps = [
    "world",
    "applied",
    "decided",
    "served",
    "written",
    "stored",
    "copied",
    "opened",
    "written",
    "stored",
    "opened",
    "inspected",
  ];
  assert.deepEqual(
    log.steps.map((_, at) => log.event(at).type),
    steps,
  );
  assert.deepEqual(log.at(1).leaves.length, 1, "the leaf stands there at the step of its act");
  assert.equal(log.at(stepOf(log, "written")).messages[0].stage, "sent", "and so does the acceptance");
});

test("entries that are there already are not taken twice", () => {
  const log = whole();
  log.add(entries());
  log.add([{ n: 99, at: 0, event: { type: "told", id: "x", title: "", text: "" } }]);
  assert.equal(log.entries.length, EVENTS.length);
});

test("a reset begins again, keeps the public log, and hides the steps before it", () => {
  const log = logOf([...EVENTS, { type: "reset" }]);
  const view = log.at(0);
  assert.equal(log.last, 0);
  assert.deepEqual([view.messages, view.warrants, view.leaves.length], [[], [], 2]);
  assert.ok(view.world);
});

/** Return the names of the events that Python may write: the classes of two files, in lower case. */
function pythonsEvents() {
  const read = (name) => readFileSync(new URL(`../../../services/lab/page/${name}.py`, import.meta.url), "utf8");
  const source = read("events") + read("scenes");
  const classes = [...source.matchAll(/^class (\w+)\((?:Event|ByCustomer),/gm)].map((found) => found[1].toLowerCase());
  return classes.filter((name) => name !== "bycustomer");
}

test("every kind of event that the lab writes is reduced here, and has words if it is a step", () => {
  assert.deepEqual(
    pythonsEvents().filter((kind) => !KINDS.includes(kind)),
    [],
  );
  const steps = KINDS.filter((type) => isStep({ type, kind: "X3" }));
  assert.deepEqual(
    steps.filter((kind) => !SPOKEN.includes(kind)),
    [],
  );
});

test("an event that this page does not know changes nothing but the time", () => {
  const view = whole().after(EVENTS.length);
  const next = reduce(view, { n: 0, at: 5, event: { type: "unheard-of" } });
  assert.deepEqual({ ...next, now: 0, last: null, by: null }, { ...view, now: 0, last: null, by: null });
});

test("verdicts are what the log says, the later over the earlier, and no rule of the page’s", () => {
  const log = whole();
  const reads = (step, id) => verdict(id, messageOf(log.at(step), ONE)).reads;
  const [before, after] = [stepOf(log, "opened"), log.last];
  assert.deepEqual([reads(before, "auditor"), reads(after, "auditor")], [false, true]);
  assert.deepEqual(
    ["operator", "gateway", "nobody-knows"].map((id) => reads(after, id)),
    [true, false, false],
  );
  const attacked = reduce(log.at(after), {
    n: 0,
    at: 0,
    event: { type: "judged", mid: ONE, measured: true, cells: { gateway: "reads size attack" } },
  });
  assert.deepEqual(verdict("gateway", messageOf(attacked, ONE)), {
    reads: true,
    shows: "size",
    why: "attack",
    measured: true,
  });
});

test("no module of the page decides who reads by the lane, the custody or a name", () => {
  const eyes = readFileSync(new URL("../../../services/lab/page/static/model/eyes.js", import.meta.url), "utf8");
  assert.doesNotMatch(eyes, /consumer|enterprise|custody|alice|priya/);
});

test("a party is lit when it reads by a key of its own, and a receiver not before the envelope waits for it", () => {
  const log = whole();
  const lit = (step, box) => fits(box, focusOf(log.at(step)));
  const [written, opened] = [stepOf(log, "written"), stepOf(log, "opened")];
  assert.deepEqual(
    [lit(written, "to"), lit(opened, "to"), lit(opened, "carrier"), lit(opened, "relay")],
    [false, true, true, false],
  );
  const keys = holdings(log.at(log.last), messageOf(log.at(log.last), TWO))
    .filter((row) => row.key)
    .map((row) => row.id);
  assert.deepEqual(keys, ["priya", "quentin", "acme"]);
});

test("a lock names whose key opens it, a stranger’s that it is nobody’s", () => {
  const view = whole().after(EVENTS.length);
  assert.deepEqual(
    locksOf(view, STORED).map((lock) => lock.owner),
    ["alice", "bob"],
  );
  assert.deepEqual(
    locksOf(view, ENTERPRISE).map((lock) => lock.owner),
    ["quentin", "acme"],
  );
  assert.deepEqual(locksOf(view, null), []);
});

test("while a question stands, nothing that is left of the view tells who reads", () => {
  const view = whole().after(EVENTS.length);
  const cells = { [`${ONE}.operator`]: { content: "reads" } };
  const measuredView = {
    ...view,
    matrix: { cells, mids: {}, keys: { bbm: [["the content key of bbm", "00"]] }, controls: [] },
  };
  const hidden = hide(measuredView, "bbm");
  const one = focusOf(hidden);
  assert.equal(one.text, "meet at six");
  assert.deepEqual([one.left, one.stored, one.copies, one.verdicts], [null, null, [], {}]);
  assert.deepEqual([Object.keys(hidden.matrix.cells), hidden.matrix.keys], [[], {}]);
  assert.deepEqual(hidden.warrants[0].inspections[0].findings, []);
  assert.deepEqual(
    vantagesOf(hidden)
      .map((who) => verdict(who.id, one).why)
      .filter((why) => why !== "hidden"),
    [],
  );
  assert.equal(
    holdings(hidden, one).some((row) => row.key),
    false,
  );
  assert.equal(JSON.stringify({ ...hidden, world: null }).includes(STORED), false);
});

test("a guess is held against measured cells, and only against those", () => {
  const view = whole().after(EVENTS.length);
  assert.deepEqual(measured(view, ONE), {});
  const event = {
    type: "judged",
    mid: ONE,
    measured: true,
    cells: { gateway: "sealed all no-key", receiver: "reads all own" },
  };
  const found = measured(reduce(view, { n: 0, at: 0, event }), ONE);
  const rows = compare(new Set(["gateway", "receiver"]), found);
  assert.deepEqual(
    rows.map((row) => [row.who, row.right]),
    [
      ["gateway", false],
      ["receiver", true],
    ],
  );
});

test("a message lies before, inside or after the window of its warrant", () => {
  const view = whole().after(EVENTS.length);
  assert.deepEqual(
    view.messages.map((one) => windowOf(view, one)),
    ["inside", ""],
  );
  const moved = (ts) => windowOf(view, { ...view.messages[0], ts });
  assert.deepEqual([moved(AT - 1), moved(AT + 60000)], ["before", "after"]);
});

test("a task copies from its service to the end of its window, and not while it is suspended", () => {
  const view = whole().after(EVENTS.length);
  assert.equal(copying(view).length, 1);
  assert.equal(copying({ ...view, now: AT + 60000 }).length, 0);
  const event = { type: "decided", jti: JTI, verb: "suspension", status: "Suspended", reason: "" };
  assert.equal(copying(reduce(view, { n: 0, at: AT, event })).length, 0);
});

test("an order shuts its lane from its date on, until it is withdrawn", () => {
  const order = {
    type: "commanded",
    regulator: "dot",
    reference: "r-1",
    kind: "suspend",
    channels: ["consumer"],
    services: ["bbm"],
    starts: AT,
    lifts: null,
    outcome: "applied",
  };
  const shut = (events, channel) =>
    suspensions(logOf([...EVENTS, ...events]).after(EVENTS.length + events.length), channel).length;
  assert.deepEqual([shut([order], "consumer"), shut([order], "enterprise")], [1, 0]);
  assert.equal(shut([{ ...order, starts: AT + 10 ** 9 }], "consumer"), 0);
  assert.equal(shut([order, { ...order, kind: "withdraw", reference: "r-2", lifts: "r-1" }], "consumer"), 0);
});

test("variants of a vantage point fold under it", () => {
  const rows = folded([
    { id: "a", variant_of: "" },
    { id: "b", variant_of: "a" },
    { id: "c", variant_of: "" },
  ]);
  assert.deepEqual(
    rows.map((row) => [row.id, row.variants.map((one) => one.id)]),
    [
      ["a", ["b"]],
      ["c", []],
    ],
  );
});

test("every step has a title and one sentence", () => {
  const log = whole();
  for (let step = 0; step <= log.last; step += 1) {
    const [title, sentence] = wordsFor(log.event(step), log.at(step));
    assert.ok(title.length > 3 && sentence.length > 10, `${log.event(step).type}: ${title}`);
    assert.doesNotMatch(`${title} ${sentence}`, /undefined|null|NaN|object/);
  }
});

test("every reason that the lab may give has a sentence", () => {
  const source = readFileSync(new URL("../../../services/lab/page/verdicts.py", import.meta.url), "utf8");
  const words = [...source.matchAll(/^ {8}\("([a-z-]+)", /gm)].map((found) => found[1]);
  assert.ok(words.length > 15);
  assert.deepEqual(
    words.filter((word) => !(word in T.why)),
    [],
  );
});

test("a link names a chapter, so that it means the same in another run, and nothing else", () => {
  const told = { type: "told", id: "two-warrants", title: "Two warrants", text: "Both." };
  const [short, long] = [
    logOf([EVENTS[0], told, ...EVENTS.slice(6)]),
    logOf([...EVENTS.slice(0, 6), told, ...EVENTS.slice(6)]),
  ];
  assert.equal(short.placeOf(3), "two-warrants.2");
  assert.deepEqual(short.event(3), long.event(long.stepOf("two-warrants.2")));
  assert.deepEqual(
    [short.stepOf("no-such"), short.stepOf(null), short.stepOf("two-warrants.99")],
    [null, null, short.last],
  );
  const place = { at: "two-warrants.2", as: "gateway", view: "bytes", message: "bbm", cell: "bbm.operator", tour: 3 };
  assert.deepEqual(readLink(writeLink(place)), place);
  const hostile = readLink("#at=../x&as=<script>&view=x&message=-1&cell=a.b.c&tour=1e9&text=hello");
  assert.deepEqual(hostile, { at: null, as: null, view: null, message: null, cell: null, tour: null });
});

test("acts from the command line are steps with words of their own, and change the picture", () => {
  const more = [
    { type: "told", id: "a", title: "A title", text: "And a sentence." },
    { type: "turned", now: AT + 60000 },
    { type: "read", org: "S50000001", mid: TWO, text: "the board meets" },
    { type: "ordered", org: "S50000001", decision: "disclose", leaf: 7, mids: [TWO] },
    { type: "ordered", org: "S50000001", decision: "refuse", leaf: 8, mids: [] },
    { type: "revoked", org: "S50000001", handset: "quentin" },
    { type: "rotated", org: "S50000001", generation: 2, destroyed: [1] },
    {
      type: "written",
      key: "m3",
      from: "alice",
      to: "bob",
      channel: "consumer",
      service: "bbm",
      text: "no",
      subject: "",
    },
    { type: "refused", by: "relay", act: "send", about: "m3", code: "order.suspended", detail: "Wait." },
    ...["approval", "rejection", "suspension", "resumption", "cancellation"].map((verb) => ({
      type: "decided",
      jti: JTI,
      verb,
      status: "Approved",
      reason: "",
    })),
  ];
  const log = logOf([...EVENTS, ...more]);
  assert.equal(log.last, 11 + more.length);
  const words = more.map((_, at) => wordsFor(log.event(12 + at), log.at(12 + at)));
  for (const [title, sentence] of words) assert.doesNotMatch(`${title} ${sentence}`, /undefined|null|NaN/);
  assert.equal(new Set(words.map(String)).size, more.length, "no two say the same");
  const view = log.at(log.last);
  assert.deepEqual(messageOf(view, TWO).readBy, ["S50000001", "court"]);
  assert.deepEqual([view.shutOut, view.generations], [["quentin"], { S50000001: 2 }]);
  assert.deepEqual([view.messages[2].stage, view.messages[2].refusal.code], ["refused", "order.suspended"]);
});

test("text of others is shown whole, with what cannot be seen made visible", () => {
  assert.deepEqual(visible("A\n\nB"), [{ text: "A\n\nB", mark: false }]);
  const parts = visible("pay \u202eLLIB\u0007 \u{e0041}x\ud800");
  assert.deepEqual(
    parts.filter((one) => one.mark).map((one) => one.text),
    ["⟨U+202E⟩", "⟨U+0007⟩", "⟨U+E0041⟩", "⟨U+D800⟩"],
  );
  assert.equal(
    parts
      .filter((one) => !one.mark)
      .map((one) => one.text)
      .join(""),
    "pay LLIB x",
  );
  assert.deepEqual(visible("नमस्ते 👋 שלום"), [{ text: "नमस्ते 👋 שלום", mark: false }]);
});

test("every sentence that the page makes stands in the file of texts", () => {
  const ui = new URL("../../../services/lab/page/static/ui/", import.meta.url);
  for (const name of readdirSync(ui)) {
    const source = readFileSync(new URL(name, ui), "utf8").replace(/\/\/.*$|\/\*\*[\s\S]*?\*\//gm, "");
    const words = [...source.matchAll(/>([^<>${}`=&|?;()]*[a-z]{3,} [a-z]{2,}[^<>${}`=]*)</gi)].map((found) =>
      found[1].trim(),
    );
    assert.deepEqual(words, [], name);
  }
});

test("what moved from one stop of the time line to the next is named, and nothing of the first", () => {
  const matrix = (act, auditor) => ({ act, arranged: "", reads: { auditor, relay: [false, false] }, own: {} });
  const stops = [
    { name: "a", matrices: [matrix(1, [true, false])] },
    { name: "b", matrices: [matrix(1, [true, false]), matrix(2, [false, true])] },
  ];
  const columns = columnsOf(stops);
  assert.deepEqual(
    columns.map((one) => one.moved),
    [{}, {}, { auditor: ["shuts", "opens"] }],
  );
  const rows = [{ id: "auditor" }, { id: "relay" }];
  assert.deepEqual(movesOf(columns[2], rows), {
    opens: [["auditor", "enterprise"]],
    shuts: [["auditor", "consumer"]],
  });
});

test("a scenario counts as measured once it has ended as told", () => {
  const told = (name, failed) =>
    [
      { type: "scene", name },
      { type: "ended", failed },
    ].map((event) => ({ event }));
  assert.deepEqual(
    [...playedIn([...told("a", ""), ...told("b", "it broke"), { event: { type: "scene", name: "c" } }])],
    ["a"],
  );
});

test("a capture that lacks what must be in it is said, and no cell is called as declared", () => {
  const cell = { mid: ONE, vantage: "store", declared: "sealed", content: "sealed" };
  const event = { type: "measured", cells: [cell], mids: {}, keys: {}, minutes: 0 };
  const whole = { ...event, controls: [["store", "the header of a message", "dump.rdb"]] };
  const empty = { ...event, controls: [["store", "the header of a message", null]] };
  const view = logOf(EVENTS).at(0);
  assert.match(wordsFor(whole, view)[1], /all as declared/);
  assert.match(wordsFor(empty, view)[1], /store lacks the header of a message/);
  assert.doesNotMatch(wordsFor(empty, view).join(" "), /as declared/);
});
