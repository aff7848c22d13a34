// The model of the page: the log turned into a view, and what each vantage point holds of it.

import assert from "node:assert/strict";
import test from "node:test";
import { Log } from "../../../services/lab/page/static/model/log.js";
import { EMPTY, reduce } from "../../../services/lab/page/static/model/reduce.js";
import { copying, holdings, locksOf, messageOf } from "../../../services/lab/page/static/model/all.js";
import { metadataFor, VANTAGES, vantageOf, verdict } from "../../../services/lab/page/static/model/vantages.js";
import { wordsFor } from "../../../services/lab/page/static/model/words.js";
import { readLink, writeLink } from "../../../services/lab/page/static/model/link.js";
import { AT, ENTERPRISE, entries, EVENTS, JTI, ONE, STORED, TWO } from "./story.mjs";

const whole = () => {
  const log = new Log();
  log.add(entries());
  return log;
};
const reads = (view, id, mid) => verdict(view, vantageOf(id), messageOf(view, mid)).reads;

test("the view at the end holds every message, warrant and leaf", () => {
  const view = whole().after(EVENTS.length);
  assert.deepEqual(
    view.messages.map((one) => [one.mid, one.stage]),
    [
      [ONE, "opened"],
      [TWO, "opened"],
    ],
  );
  assert.equal(view.messages[0].stored, STORED);
  assert.equal(view.messages[1].stored, ENTERPRISE, "where nothing changed the mailbox holds what left the handset");
  assert.deepEqual(view.leaves, ['{"type":"warrant.applied"}', '{"type":"warrant.served"}']);
  assert.equal(view.warrants[0].inspections[0].findings.length, 1);
});

test("a view is never changed by what comes after it", () => {
  const log = whole();
  const early = log.at(0);
  const frozen = JSON.stringify(early);
  log.at(log.last);
  assert.equal(JSON.stringify(log.at(0)), frozen);
});

test("every step can be reached from every other, with the same view as from the beginning", () => {
  const many = [EVENTS[0], ...Array.from({ length: 60 }, () => EVENTS.slice(6, 14)).flat()];
  const log = new Log();
  log.add(entries(many));
  const straight = (count) => entries(many).slice(0, count).reduce(reduce, EMPTY);
  for (const count of [0, 1, 63, 64, 65, 128, 300, 127, 64, 481])
    assert.deepEqual(log.after(count), straight(count), `after ${count}`);
});

test("leaves of the log and X2 are no steps of their own", () => {
  const log = whole();
  assert.deepEqual(
    log.steps.map((n) => EVENTS[n].type),
    [
      "world",
      "applied",
      "decided",
      "served",
      "sent",
      "stored",
      "copied",
      "opened",
      "sent",
      "stored",
      "opened",
      "inspected",
    ],
  );
  assert.deepEqual(log.at(1).leaves.length, 1, "the leaf stands there at the step of its act");
});

test("entries that are there already are not taken twice", () => {
  const log = whole();
  log.add(entries());
  log.add([{ n: 99, at: 0, event: { type: "told", title: "", text: "" } }]);
  assert.equal(log.entries.length, EVENTS.length);
});

test("a reset begins again, keeps the public log, and hides the steps before it", () => {
  const log = whole();
  log.add([{ n: EVENTS.length, at: AT + 99, event: { type: "reset" } }]);
  const view = log.at(0);
  assert.equal(log.last, 0);
  assert.deepEqual([view.messages, view.warrants], [[], []]);
  assert.equal(view.leaves.length, 2);
  assert.ok(view.world);
});

test("an event that this page does not know changes nothing but the time", () => {
  const view = whole().after(EVENTS.length);
  const next = reduce(view, { n: 0, at: 5, event: { type: "unheard-of" } });
  assert.deepEqual({ ...next, now: 0, last: null }, { ...view, now: 0, last: null });
});

test("a lock names who can open it, and the auditor only once the window has been granted", () => {
  const log = whole();
  const before = locksOf(log.at(5), STORED)[0].holders;
  const after = locksOf(log.at(log.last), STORED)[0].holders;
  assert.deepEqual(
    [before, after],
    [
      ["carrier", "alice"],
      ["carrier", "alice", "auditor"],
    ],
  );
  assert.deepEqual(locksOf(log.at(5), STORED)[1].holders, ["carrier", "bob"], "no grant for Bob");
  assert.deepEqual(
    locksOf(log.at(log.last), ENTERPRISE).flatMap((lock) => lock.holders),
    ["quentin", "acme"],
  );
});

test("on the enterprise lane no party of the provider has a key, whatever was granted", () => {
  const view = whole().after(EVENTS.length);
  const keys = holdings(view, messageOf(view, TWO))
    .filter((row) => row.key)
    .map((row) => row.id);
  assert.deepEqual(keys, ["quentin", "acme"]);
});

test("see as: what the rules of each lane say", () => {
  const view = whole().after(EVENTS.length);
  const readers = (mid) => VANTAGES.map((one) => one.id).filter((id) => reads(view, id, mid));
  assert.deepEqual(readers(ONE), [
    "all",
    "carrier-keys",
    "operator",
    "auditor",
    "auditor-outside-window",
    "state",
    "sender",
    "receiver",
  ]);
  assert.deepEqual(readers(TWO), ["all", "customer", "sender", "receiver", "seized-handset"]);
});

test("before the inspection the auditor reads nothing", () => {
  const view = whole().at(8);
  assert.equal(reads(view, "auditor", ONE), false);
});

test("a measured cell decides over the rule, and says so", () => {
  const view = whole().after(EVENTS.length);
  const cell = { message: "bbm", vantage: "logs", content: "reads", metadata: ["from"], because: "a leak" };
  const measured = { ...view, matrix: { measured: { cells: [cell] }, mids: { bbm: ONE }, keys: {} } };
  assert.deepEqual(verdict(measured, vantageOf("logs"), messageOf(view, ONE)), {
    reads: true,
    why: "a leak",
    measured: true,
  });
  assert.equal(metadataFor(measured, vantageOf("logs"), messageOf(view, ONE)), "all");
  assert.equal(metadataFor(view, vantageOf("logs"), messageOf(view, ONE)), "none");
  assert.equal(verdict(measured, vantageOf("logs"), messageOf(view, TWO)).measured, false);
});

test("the auditor has the metadata of copied messages only", () => {
  const view = whole().after(EVENTS.length);
  const held = (mid) => metadataFor(view, vantageOf("auditor"), messageOf(view, mid));
  assert.deepEqual([held(ONE), held(TWO)], ["all", "none"]);
});

test("a task copies from its service to the end of its window, and not while it is suspended", () => {
  const view = whole().after(EVENTS.length);
  assert.equal(copying(view).length, 1);
  assert.equal(copying({ ...view, now: AT + 60000 }).length, 0);
  const suspended = reduce(view, {
    n: 0,
    at: AT,
    event: { type: "decided", jti: JTI, verb: "suspension", status: "Suspended", reason: "" },
  });
  assert.equal(copying(suspended).length, 0);
});

test("every step has a title and one sentence", () => {
  const log = whole();
  for (let step = 0; step <= log.last; step += 1) {
    const [title, sentence] = wordsFor(log.event(step), log.at(step));
    assert.ok(title.length > 3 && sentence.length > 10, `${log.event(step).type}: ${title}`);
    assert.doesNotMatch(`${title} ${sentence}`, /undefined|null|NaN/);
  }
});

test("a link holds a place and nothing else", () => {
  const place = { step: 12, as: "gateway", view: "bytes", message: 3, cell: "bbm.operator" };
  assert.equal(writeLink(place), "#step=12&as=gateway&view=bytes&message=3&cell=bbm.operator");
  assert.deepEqual(readLink(writeLink(place)), place);
  const hostile = readLink("#step=1e9&as=<script>&view=x&message=-1&cell=a.b.c&text=hello");
  assert.deepEqual(hostile, { step: null, as: null, view: null, message: null, cell: null });
});

test("acts from the command line are steps with words of their own", () => {
  const more = [
    { type: "told", title: "A title", text: "And a sentence." },
    { type: "turned", now: AT + 60000 },
    { type: "read", org: "S50000001", mid: TWO, text: "the board meets" },
    { type: "ordered", org: "S50000001", decision: "disclose", leaf: 7, mids: [TWO] },
    { type: "ordered", org: "S50000001", decision: "refuse", leaf: 8, mids: [] },
    { type: "revoked", org: "S50000001", handset: "quentin" },
    { type: "rotated", org: "S50000001", generation: 2, destroyed: [1] },
    { type: "refused", act: "send", about: "alice to bob", code: "session.revoked", detail: "Activate again." },
    ...["approval", "rejection", "suspension", "resumption", "cancellation"].map((verb) => ({
      type: "decided",
      jti: JTI,
      verb,
      status: "Approved",
      reason: "",
    })),
  ];
  const log = new Log();
  log.add(entries([...EVENTS, ...more]));
  assert.equal(log.last, 11 + more.length);
  const words = more.map((_, at) => wordsFor(log.event(12 + at), log.at(12 + at)));
  for (const [title, sentence] of words) assert.doesNotMatch(`${title} ${sentence}`, /undefined|null|NaN/);
  assert.equal(new Set(words.map(String)).size, more.length, "no two say the same");
  assert.deepEqual(messageOf(log.at(log.last), TWO).readBy, ["S50000001", "court"]);
});
