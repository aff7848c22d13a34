// The page's copy of the event log, and the view at any step of it. Pure but for its own memory.
//
// Every 64th view is kept, so that any step is at most 64 small reductions away: 500 messages scrub at full speed.

import { begins, EMPTY, isStep, reduce } from "./reduce.js";

const EVERY = 64;

export class Log {
  constructor() {
    this.entries = [];
    this.steps = []; // entry numbers of the steps since the latest beginning
    this.kept = [EMPTY]; // kept[k] = the view before entry k * EVERY
    this.cache = { count: 0, view: EMPTY };
  }

  /** Append entries that continue the log; what it has already is skipped. */
  add(entries) {
    for (const entry of entries) {
      if (entry.n !== this.entries.length) continue;
      if (entry.n > 0 && entry.n % EVERY === 0) this.kept.push(this.after(entry.n));
      this.entries.push(entry);
      if (begins(entry.event)) this.steps = [];
      if (isStep(entry.event)) this.steps.push(entry.n);
    }
  }

  /** Return the view after the first `count` entries. */
  after(count) {
    const kept = Math.min(Math.floor(count / EVERY), this.kept.length - 1);
    let at = kept * EVERY;
    let view = this.kept[kept];
    if (this.cache.count >= at && this.cache.count <= count) ({ count: at, view } = this.cache);
    for (; at < count; at += 1) view = reduce(view, this.entries[at]);
    this.cache = { count, view };
    return view;
  }

  /** Return the view at a step: with everything that came before the next one. */
  at(step) {
    return this.after(this.steps[step + 1] ?? this.entries.length);
  }

  /** Return the event of a step, or null in an empty log. */
  event(step) {
    return this.entries[this.steps[step]]?.event ?? null;
  }

  get last() {
    return Math.max(this.steps.length - 1, 0);
  }
}
