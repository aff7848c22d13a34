// A scenario on the page: acts are fresh pictures, other arrangements have other readers, and the classroom comes back.

import assert from "node:assert/strict";
import test from "node:test";
import { Log } from "../../../services/lab/page/static/model/log.js";
import { holdings, locksOf, messageOf } from "../../../services/lab/page/static/model/all.js";
import { vantageOf, verdict } from "../../../services/lab/page/static/model/vantages.js";
import { wordsFor } from "../../../services/lab/page/static/model/words.js";
import { entries, envelope, EVENTS, header, INDIA, ONE } from "./story.mjs";

const CANADA = {
  name: "canada-2010",
  title: "One global key",
  says: "One key for all.",
  consumer: { custody: "global", who_reads: ["operator", "other-subscriber"] },
  enterprise: INDIA.enterprise,
};
const lock = (kid) => ({ header: { alg: "A256GCMKW", kid, iv: "", tag: "" }, encrypted_key: "" });
const sent = (kid) => ({
  type: "sent",
  mid: ONE,
  from: "alice",
  to: "bob",
  channel: "consumer",
  service: "bbm",
  text: "meet",
  subject: "",
  envelope: envelope(header(), [lock(kid)]),
});
const opened = { type: "opened", mid: ONE, by: "bob", text: "meet", unreadable: null };
const act = (number, arrangement, kid) => [
  { type: "boots", act: number, arrangement },
  { ...EVENTS[0], arrangement },
  { type: "told", title: `Act ${number} speaks`, text: "So it was." },
  sent(kid),
  opened,
  { type: "checked", what: "leaves", found: "0", mid: "" },
  {
    type: "cells",
    act: number,
    cells: [
      ["gateway", "target", "sealed"],
      ["other-subscriber", "target", number === 1 ? "reads" : "sealed"],
      ["one leaked key", "target", "reads"],
    ],
    mids: { target: ONE },
  },
];
const SCENE = [
  { type: "scene", name: "two", title: "Two acts", acts: 2 },
  ...act(1, CANADA, "global/in/1"),
  ...act(2, INDIA, "carrier/in/2100000a/8415360"),
  { type: "ended", verdict: "Nobody wins.", caught: "Nothing.", unknown: "", sources: ["a book"], failed: "" },
];
const RESET = { type: "reset" };
const after = (...events) => {
  const log = new Log();
  log.add(entries([...EVENTS, ...events]));
  return log;
};
const type = (log, wanted, which = 0) =>
  log.steps.map((n, at) => [at, log.entries[n].event]).filter(([, event]) => event.type === wanted)[which][0];
const reads = (view, id) => verdict(view, vantageOf(id), messageOf(view, ONE));

test("a scenario begins time again, and steps lead back through every act", () => {
  const log = after(...SCENE);
  assert.equal(log.steps.length, SCENE.length);
  assert.equal(log.event(0).type, "scene");
  const early = log.at(type(log, "opened"));
  assert.deepEqual([early.scene.act, early.world.arrangement.name, early.messages.length], [1, "canada-2010", 1]);
  const late = log.at(type(log, "opened", 1));
  assert.deepEqual([late.scene.act, late.world.arrangement.name, late.messages.length], [2, "india-2013", 1]);
});

test("every act begins with a fresh picture in its own arrangement", () => {
  const log = after(...SCENE);
  for (const which of [0, 1]) {
    const view = log.at(type(log, "boots", which));
    assert.deepEqual([view.messages, view.warrants, view.leaves, view.asserted], [[], [], [], null]);
    assert.equal(view.world.arrangement.name, ["canada-2010", "india-2013"][which]);
  }
});

test("India’s verdicts are never shown of another arrangement", () => {
  const log = after(...SCENE);
  const canada = log.at(type(log, "opened"));
  assert.deepEqual(
    [reads(canada, "other-subscriber").reads, reads(canada, "operator").reads, reads(canada, "gateway").reads],
    [true, true, false],
  );
  assert.match(reads(canada, "other-subscriber").why, /One global key: declared to read/);
  const india = log.at(type(log, "opened", 1));
  assert.equal(reads(india, "other-subscriber").reads, false);
});

test("at the end of an act its cells are measured, and only its", () => {
  const log = after(...SCENE);
  const view = log.at(type(log, "cells"));
  assert.deepEqual(
    [reads(view, "other-subscriber").measured, reads(view, "gateway").measured, reads(view, "operator").measured],
    [true, true, false],
  );
  assert.equal(reads(log.at(type(log, "checked")), "gateway").measured, false, "not before");
  assert.equal(reads(log.at(type(log, "opened", 1)), "gateway").measured, false, "nor in the next act");
});

test("a lock of the global key is everybody’s, and the carrier stands aside", () => {
  const view = after(...SCENE.slice(0, 6)).at(5);
  const [global] = locksOf(view, messageOf(view, ONE).left);
  assert.ok(["carrier", "alice", "mallory", "quentin"].every((name) => global.holders.includes(name)));
  assert.equal(holdings(view, messageOf(view, ONE)).find((row) => row.id === "carrier").holds, "");
});

test("the kids of an escrow and of a device name whose they are", () => {
  const view = after().at(0);
  const [escrow, device] = locksOf(
    view,
    envelope(header(), [lock("escrow/in/2100000a/8415360"), lock("device/2100000b/1")]),
  );
  assert.deepEqual([escrow.holders, escrow.lines], [[], ["escrow", "for Alice"]]);
  assert.deepEqual([device.holders, device.lines], [["bob"], ["Bob’s", "device"]]);
});

test("every sentence is there, and the end says who wins, with every act’s cells", () => {
  const log = after(...SCENE);
  const said = log.steps.map((_n, at) => wordsFor(log.event(at), log.at(at)));
  assert.ok(said.every(([title, text]) => title && text));
  assert.deepEqual(said.at(-1), ["Who wins, and why", "Nobody wins."]);
  const { scene } = log.at(log.last);
  assert.equal(scene.cells.length, 6);
  assert.deepEqual(scene.cells[1], [1, "other-subscriber", "target", "reads"]);
  assert.deepEqual(scene.names.target, { from: "alice", to: "bob", channel: "consumer", service: "bbm" });
});

test("a scenario that fails says so", () => {
  const log = after(SCENE[0], { ...SCENE.at(-1), failed: "A party did not start." });
  assert.deepEqual(wordsFor(log.event(1), log.at(1)), ["The scenario did not go as told", "A party did not start."]);
});

test("a lock of nobody’s is told, and a changed envelope is not called untouched", () => {
  const two = entries([...EVENTS]);
  const haunted = envelope(
    header({ channel: "enterprise", from: "3100000a", to: "3100000b" }),
    ["org/S50000001/3100000b/1", "org/S50000001/bes/1", "org/S50000001/3100000f/1"].map(lock),
  );
  const mid = header().mid;
  const ghost = [
    { ...EVENTS.find((one) => one.type === "sent" && one.channel === "enterprise"), mid, envelope: haunted },
    { type: "stored", mid, by: "quentin", envelope: `${haunted} ` },
    { ...opened, by: "quentin" },
  ];
  const log = new Log();
  log.add([...two.slice(0, 1), ...ghost.map((event, n) => ({ n: n + 1, at: 0, event }))]);
  assert.match(wordsFor(log.event(1), log.at(1))[1], /3 locks on it/);
  assert.equal(wordsFor(log.event(2), log.at(2))[0], "The relay has changed it");
  assert.match(wordsFor(log.event(3), log.at(3))[1], /whoever has the key of org\/S50000001\/3100000f\/1/);
});

test("back in the classroom its own world and public log are there again, also after two scenarios", () => {
  const log = after(...SCENE, ...SCENE, RESET);
  const view = log.at(log.last);
  assert.deepEqual([view.scene, view.messages, view.home], [null, [], null]);
  assert.deepEqual(view.leaves, ['{"type":"warrant.applied"}', '{"type":"warrant.served"}']);
  assert.equal(view.world.arrangement.name, "india-2013");
  assert.equal(log.last, 0);
});
