// The page's copy of the event log, and the view at any step of it. Pure but for its own memory.
//
// Every 64th view is kept, so that any step is at most 64 small reductions away: 500 messages scrub at full speed.
// A scenario has steps of its own; when it has left the page, the classroom's are there again.

import { CHAPTERS, EMPTY, isStep, reduce } from "./reduce.js";

const EVERY = 64;

export class Log {
  constructor() {
    this.entries = [];
    this.steps = []; // {n, end}: a step is the entry n and what comes with it, before the entry `end` (null: the next)
    this.begun = 0; // how often time began again
    this.kept = [EMPTY]; // kept[k] = the view before entry k * EVERY
    this.cache = { count: 0, view: EMPTY };
    this.home = null; // the classroom's steps while a scenario is shown
  }

  /** Append entries that continue the log; what it has already is skipped. */
  add(entries) {
    for (const entry of entries) {
      if (entry.n !== this.entries.length) continue;
      if (entry.n > 0 && entry.n % EVERY === 0) this.kept.push(this.after(entry.n));
      this.entries.push(entry);
      this.turnTo(entry);
      if (isStep(entry.event)) this.steps.push({ n: entry.n, end: null });
    }
  }

  turnTo({ n, event: { type } }) {
    if (!["scene", "back", "reset"].includes(type)) return;
    if (type === "scene") {
      if (this.home === null && this.steps.length) this.steps.push({ ...this.steps.pop(), end: n });
      this.home ??= this.steps;
    }
    this.steps = type === "back" ? (this.home ?? this.steps) : [];
    if (type !== "scene") this.home = null;
    this.begun += 1;
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

  /** Return the view at a step: with everything that comes with it. */
  at(step) {
    return this.after(this.steps[step]?.end ?? this.steps[step + 1]?.n ?? this.entries.length);
  }

  /** Return the event of a step, or null in an empty log. */
  event(step) {
    return this.entries[this.steps[step]?.n]?.event ?? null;
  }

  get last() {
    return Math.max(this.steps.length - 1, 0);
  }

  /** Return the chapters: {id, step, title}. What has the same id as an earlier one gets a number. */
  chapters() {
    const seen = new Map();
    return this.steps.flatMap((_, step) => {
      const event = this.event(step);
      if (!CHAPTERS.has(event.type)) return [];
      const id = event.id ?? (event.type === "boots" ? `act-${event.act}` : event.type);
      seen.set(id, (seen.get(id) ?? 0) + 1);
      return [{ id: seen.get(id) > 1 ? `${id}-${seen.get(id)}` : id, step, title: event.title ?? "" }];
    });
  }

  /** Return where a step is, so that it means the same in another run: its chapter, and how many steps after it. */
  placeOf(step) {
    const chapter = this.chapters().findLast((one) => one.step <= step);
    return chapter ? (step === chapter.step ? chapter.id : `${chapter.id}.${step - chapter.step}`) : null;
  }

  /** Return the step of such a place, or null. */
  stepOf(place) {
    const [id, after = "0"] = (place ?? "").split(".");
    const chapter = this.chapters().find((one) => one.id === id);
    return chapter ? Math.min(chapter.step + Number(after), this.last) : null;
  }
}
