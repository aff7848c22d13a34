// One title and one sentence for each step: which sentence, and about whom. The sentences stand in text.en.js. Pure.

import { T } from "../text.en.js";
import {
  capital,
  custodyOf,
  customerName,
  customersOf,
  epochOf,
  grouped,
  handsetOf,
  locksOf,
  minuteOf,
  serviceOf,
  strangersOf,
} from "./names.js";
import { envelopeOf, focusOf, messageOf, notWhole } from "./reduce.js";

const USUAL = { consumer: "carrier", enterprise: "customer" };
const { say } = T;
const target = (view, jti) => capital(view.warrants.find((one) => one.jti === jti)?.target ?? "somebody");
const named = (view, org) => capital(customerName(view.world, org));
const customers = (view, one) => customersOf(view, one).map(capital);
const ghosts = (view, one) => strangersOf(view, one).map((lock) => lock.kid);
const usual = (view, one) => custodyOf(view, one) === USUAL[one.channel] && ghosts(view, one).length === 0;

export const nameOf = (one) => T.messageName(capital(one.from), capital(one.to), serviceOf(one));

function sealed(view, one) {
  if (one.left === null) return one.stage === "written" ? say.sealed.not : say.sealed.unseen;
  if (!usual(view, one)) return say.sealed.other(locksOf(view, one.left).map((lock) => lock.text));
  if (one.channel === "consumer") return say.sealed.carrier(capital(one.from), grouped(epochOf(one.ts)));
  return say.sealed.customer(capital(one.to), customers(view, one));
}

function stored(view, one) {
  if (one.left === null) return say.passed;
  const strangers = ghosts(view, one);
  if (strangers.length) return say.ghost(strangers, Boolean(view.scene?.rogues.gateway));
  if (custodyOf(view, one) === "carrier") return say.admitted(capital(one.to));
  const [left, waits] = [one.left, envelopeOf(one)].map((envelope) => grouped(envelope.length));
  return one.left === envelopeOf(one) ? say.forwarded(left) : say.changed(left, waits);
}

function opened(view, event, one) {
  const by = capital(event.by);
  if (event.unreadable) return say.unreadable(by, event.unreadable);
  if (one.left === null) return say.opened.other(by);
  const strangers = ghosts(view, one);
  if (strangers.length) return say.opened.ghost(by, strangers);
  if (custodyOf(view, one) === "global") return say.opened.global(by);
  if (!usual(view, one)) return say.opened.other(by);
  return one.channel === "consumer" ? say.opened.carrier(by) : say.opened.customer(by, customers(view, one));
}

function inspected(view, event) {
  const { findings, grant_refused: refused } = event.inspection;
  const about = [target(view, event.jti), minuteOf(event.start), minuteOf(event.until)];
  if (refused) return say.keysRefused(...about, refused);
  const read = findings.filter((one) => one.content != null).length;
  return say.inspected(...about, read, findings.length - read);
}

function commanded(view, event) {
  const what = event.channels.flatMap((channel) => event.services.map((service) => T.service[channel][service]));
  return say.commanded(capital(event.regulator), event.kind, what.join(", "), minuteOf(event.starts), event.outcome);
}

const differs = (cell) => cell.content !== "unmeasured" && cell.content !== cell.declared;

const by = {
  scene: (event) => say.scene(event.title, event.acts),
  boots: (event, view) =>
    say.boots(event.arrangement.title, event.arrangement.says, view.scene.acts > 1 ? event.act : 0),
  cells: (event, view) => say.cells(event.cells.length, view.scene.acts > 1 ? event.act : 0),
  ended: (event) => say.ended(event.verdict, event.failed),
  world: (event, view) => say.world(view.scene ? event.arrangement.says : ""),
  back: () => say.back,
  told: (event) => [event.title, event.text],
  written: (event, view) => {
    const one = view.messages.findLast((it) => it.key === event.key);
    return say.written(capital(event.from), capital(event.to), serviceOf(event), sealed(view, one));
  },
  stored: (event, view) => stored(view, messageOf(view, event.mid)),
  copied: (event, view) =>
    say.copied(target(view, event.jti), custodyOf(view, messageOf(view, event.mid)) === "carrier"),
  opened: (event, view) => opened(view, event, messageOf(view, event.mid)),
  applied: ({ target: who, claims: { window } }) =>
    say.applied(capital(who), minuteOf(window.from), minuteOf(window.until)),
  decided: (event, view) => say.decided(event.verb, target(view, event.jti), event.status),
  served: (event, view) => say.served(target(view, event.jti), event.leaf),
  inspected: (event, view) => inspected(view, event),
  read: (event, view) => say.read(named(view, event.org)),
  ordered: (event, view) => say.ordered(named(view, event.org), event.decision, event.mids.length, event.leaf),
  revoked: (event, view) => say.revoked(named(view, event.org), capital(handsetOf(view.world, event.handset).name)),
  rotated: (event, view) => say.rotated(named(view, event.org), event.generation, event.destroyed.length > 0),
  commanded: (event, view) => commanded(view, event),
  refused: (event) => say.refused(event.act, event.detail, event.code),
  turned: (event) => say.turned(minuteOf(event.now)),
  measured: (event) => {
    const empty = notWhole(event);
    if (empty.length) return say.notWhole(empty);
    return say.measured(event.cells.filter(differs).length, event.cells.length, event.minutes);
  },
  reset: () => say.reset,
  asked: (_event, view) => say.asked(nameOf(focusOf(view))),
};

/** The kinds of steps that have words. */
export const SPOKEN = Object.keys(by);

/** Return [title, sentence] of a step; `view` is the view at that step. */
export function wordsFor(event, view) {
  return event && view.world && by[event.type] ? by[event.type](event, view) : say.waiting;
}
