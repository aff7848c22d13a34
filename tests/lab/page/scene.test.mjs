// A scenario on the page: acts are fresh pictures, other arrangements have other readers, and the classroom comes back.

import assert from "node:assert/strict";
import test from "node:test";
import { Log } from "../../../services/lab/page/static/model/log.js";
import { verdict } from "../../../services/lab/page/static/model/eyes.js";
import { locksOf, strangersOf } from "../../../services/lab/page/static/model/names.js";
import { messageOf } from "../../../services/lab/page/static/model/reduce.js";
import { wordsFor } from "../../../services/lab/page/static/model/words.js";
import { entries, envelope, EVENTS, header, INDIA, ONE, WORLD } from "./story.mjs";

const CANADA = {
  name: "canada-2010",
  title: "One global key",
  says: "One key for all.",
  consumer: { custody: "global", who_reads: [] },
  enterprise: INDIA.enterprise,
};
const lock = (kid) => ({ header: { alg: "A256GCMKW", kid, iv: "", tag: "" }, encrypted_key: "" });
const write = (key, channel = "consumer", from = "alice", to = "bob") => ({
  type: "written",
  key,
  from,
  to,
  channel,
  service: "bbm",
  text: "meet",
  subject: "",
});
const accept = (key, kid) => ({ type: "accepted", key, mid: ONE, envelope: envelope(header(), [lock(kid)]) });
const opened = { type: "opened", mid: ONE, by: "bob", text: "meet", unreadable: null };
const judged = (cells, measured = false) => ({ type: "judged", mid: ONE, measured, cells });
const act = (number, arrangement, kid) => [
  { type: "boots", act: number, arrangement, faults: number === 2 ? { gateway: "any-readers" } : {} },
  { ...WORLD, arrangement },
  { type: "checked", what: "leaves", found: "0", mid: "" },
  { type: "told", id: `act-${number}-speaks`, title: `Act ${number} speaks`, text: "So it was." },
  write("target"),
  accept("target", kid),
  judged({ operator: number === 1 ? "reads all global" : "sealed all no-key" }),
  opened,
  {
    type: "cells",
    act: number,
    cells: [
      ["gateway", "target", "sealed"],
      ["one leaked key", "target", "reads"],
    ],
    mids: { target: ONE },
  },
  judged({ gateway: "sealed all no-key" }, true),
];
const SCENE = [
  { type: "scene", name: "two", title: "Two acts", acts: 2 },
  ...act(1, CANADA, "global/in/1"),
  ...act(2, INDIA, "carrier/in/2100000a/8415360"),
  { type: "ended", verdict: "Nobody wins.", caught: "Nothing.", unknown: "", sources: ["a book"], failed: "" },
];
const BACK = { type: "back" };
const after = (...events) => {
  const log = new Log();
  log.add(entries([...EVENTS, ...events]));
  return log;
};
const stepOf = (log, type, which = 0) =>
  log.steps.map((_, at) => at).filter((at) => log.event(at).type === type)[which];
const says = (view, id) => verdict(id, messageOf(view, ONE));

test("a scenario begins time again, and steps lead back through every act", () => {
  const log = after(...SCENE);
  assert.equal(log.event(0).type, "scene");
  const acts = [0, 1].map((which) => log.at(stepOf(log, "opened", which)));
  assert.deepEqual(
    acts.map((view) => [view.scene.act, view.world.arrangement.name, view.messages.length]),
    [
      [1, "canada-2010", 1],
      [2, "india-2013", 1],
    ],
  );
});

test("every act begins with a fresh picture in its own arrangement, and names who misbehaves in it", () => {
  const log = after(...SCENE);
  for (const which of [0, 1]) {
    const view = log.at(stepOf(log, "boots", which));
    assert.deepEqual([view.messages, view.warrants, view.leaves], [[], [], []]);
    assert.equal(view.world.arrangement.name, ["canada-2010", "india-2013"][which]);
    assert.deepEqual(view.scene.rogues, [{}, { gateway: "any-readers" }][which]);
  }
});

test("verdicts are the act’s own, declared until its end and measured then, and only its", () => {
  const log = after(...SCENE);
  const [canada, india] = [0, 1].map((which) => log.at(stepOf(log, "opened", which)));
  assert.deepEqual([says(canada, "operator").reads, says(india, "operator").reads], [true, false]);
  const end = log.at(stepOf(log, "cells"));
  assert.deepEqual(
    [says(end, "gateway").measured, says(end, "operator").measured, says(india, "gateway").measured],
    [true, false, false],
  );
});

test("what was checked stands under its heading", () => {
  const log = after(...SCENE);
  assert.deepEqual(log.at(stepOf(log, "told")).told.facts, [{ what: "leaves", found: "0" }]);
  assert.equal(stepOf(log, "checked"), undefined);
});

test("the kids of an escrow and of a device name whose they are, and a ghost is a stranger", () => {
  const view = after().at(0);
  const [escrow, device, ghost] = locksOf(
    view,
    envelope(header(), ["escrow/in/2100000a/8415360", "device/2100000b/1", "org/S50000001/3100000f/1"].map(lock)),
  );
  assert.deepEqual([escrow.lines, device.owner, device.lines], [["escrow", "for Alice"], "bob", ["Bob’s", "device"]]);
  assert.deepEqual([ghost.stranger, escrow.stranger, device.stranger], [true, false, false]);
});

test("a third lock is told, with the relay that lets it pass, and never called untouched", () => {
  const haunted = envelope(
    header({ channel: "enterprise" }),
    ["org/S50000001/3100000b/1", "org/S50000001/bes/1", "org/S50000001/3100000f/1"].map(lock),
  );
  const ghost = [
    write("haunted", "enterprise", "priya", "quentin"),
    { type: "accepted", key: "haunted", mid: ONE, envelope: haunted },
    { type: "stored", mid: ONE, by: "quentin", envelope: null },
    { ...opened, by: "quentin" },
  ];
  const log = after(...SCENE.slice(0, 1), ...act(2, INDIA, "x").slice(0, 4), ...ghost);
  const said = [log.last - 2, log.last - 1, log.last].map((step) => wordsFor(log.event(step), log.at(step)).join(" "));
  assert.match(said[0], /3 locks on it/);
  assert.match(said[1], /third lock.*told not to count/);
  assert.match(said[2], /3100000f.*reads it as well/);
  assert.doesNotMatch(said.join(), /Nobody stands in between/);
  assert.equal(strangersOf(log.at(log.last), log.at(log.last).messages[0]).length, 1);
});

test("an envelope that waits with other bytes is not called untouched", () => {
  const changed = {
    type: "stored",
    mid: ONE,
    by: "bob",
    envelope: envelope(header(), [lock("carrier/in/2100000b/8415360")]),
  };
  const world = { ...WORLD, arrangement: { ...INDIA, consumer: { custody: "device", who_reads: [] } } };
  const log = new Log();
  log.add(entries([world, write("one"), accept("one", "device/2100000b/1"), changed]));
  assert.equal(wordsFor(log.event(log.last), log.at(log.last))[0], "The relay has changed it");
});

test("every sentence is there, and the end says who wins, with every act’s cells", () => {
  const log = after(...SCENE);
  const said = log.steps.map((_, at) => wordsFor(log.event(at), log.at(at)));
  assert.ok(said.every(([title, text]) => title && text));
  assert.deepEqual(said.at(-1), ["Who wins, and why", "Nobody wins."]);
  const { scene } = log.at(log.last);
  assert.deepEqual(scene.cells[1], [1, "one leaked key", "target", "reads"]);
  assert.deepEqual(scene.names.target, { from: "alice", to: "bob", channel: "consumer", service: "bbm", text: "meet" });
});

test("a scenario that fails says so", () => {
  const log = after(SCENE[0], { ...SCENE.at(-1), failed: "A party did not start." });
  assert.deepEqual(wordsFor(log.event(1), log.at(1)), ["The scenario did not go as told", "A party did not start."]);
});

test("back in the classroom everything is there as it was, every step of it, also after two scenarios", () => {
  const before = after();
  const log = after(...SCENE, ...SCENE, BACK);
  const view = log.at(log.last);
  assert.deepEqual([view.scene, view.home], [null, null]);
  assert.deepEqual(view.messages, before.at(before.last).messages);
  assert.deepEqual(view.warrants, before.at(before.last).warrants);
  assert.equal(log.last, before.last + 1);
  for (const step of [0, 4, before.last]) assert.deepEqual(log.at(step), before.at(step), `step ${step}`);
  assert.equal(wordsFor(log.event(log.last), view)[0], "Back in the classroom");
});
