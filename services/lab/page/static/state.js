// What the page remembers: the log, where in it we stand, as whom we look. Everything drawn is computed from these.

import { batch, computed, effect, signal } from "./vendor/preact.js";
import { ALL, vantageOf } from "./model/eyes.js";
import { asksAt } from "./model/ask.js";
import { hide } from "./model/hidden.js";
import { Log } from "./model/log.js";
import { readLink, writeLink } from "./model/link.js";
import { wordsFor } from "./model/words.js";

const SHOWN = "tiers.shown"; // where the browser keeps how the page is shown
const [AT_LEAST, A_WORD] = [1200, 260]; // ms that a step stands, and for each of its words

const saved = document.getElementById("log");

/** In a lesson that was saved as somebody saw it, nobody else’s eyes can be chosen. */
export const only = saved && saved.dataset.as !== "all" ? saved.dataset.as : null;

export const log = new Log();
export const grown = signal(0);
export const step = signal(0);
export const playing = signal(false);
export const still = signal(true); // no motion: we jumped
export const as = signal("all");
export const view = signal("lanes");
export const picked = signal(null); // a message by its key, for the bytes
export const cell = signal(null); // a cell of the matrix, message.vantage
export const connected = signal("yes"); // yes, no, or lost: not let in any more
export const notice = signal(null); // {kind: "error"|"busy", text}
export const help = signal(false);
export const question = signal(null); // {key, guesses, verdicts}: verdicts once it is answered
export const tour = signal(null); // a stop of the tour, by number
export const deeds = signal(new Set()); // what was done on this page only, for the tour
export const confirming = signal(null); // {title, text, yes, doing}

// How it is shown: kept by the browser.
export const theme = signal("");
export const presenter = signal(false);
export const speed = signal(1);
export const stops = signal(false); // play stops where a chapter begins
export const asking = signal(false); // play stops at questions
export const letters = signal(true); // single letters are keys
export const folded = signal(false); // the sentence below is folded away
const KEPT = { theme, presenter, speed, stops, asking, letters, folded };

const stood = computed(() => (grown.value, log.at(step.value)));
const hidden = computed(() => question.value !== null && question.value.verdicts === null);

export const now = computed(() => (hidden.value ? hide(stood.value, question.value.key) : stood.value));
export const event = computed(() => (hidden.value ? { type: "asked" } : (grown.value, log.event(step.value))));
export const last = computed(() => (grown.value, log.last));
export const chapters = computed(() => (grown.value, log.chapters()));
export const words = computed(() => wordsFor(event.value, now.value));
export const vantage = computed(() => (hidden.value ? ALL : vantageOf(now.value, only ?? as.value)));

/** Go to a step; one step forward is drawn in motion, every other way without. A question that stands is let go. */
export function go(to, keepPlaying = false) {
  const target = Math.max(0, Math.min(to, log.last));
  batch(() => {
    if (target !== step.value) question.value = null;
    still.value = target !== step.value + 1;
    step.value = target;
    if (!keepPlaying) playing.value = false;
  });
}

export function play() {
  if (step.value >= log.last && log.last > 0) go(0, true);
  playing.value = true;
}

export const toggle = () => (playing.value ? (playing.value = false) : play());

let timer = null;
let shown = -1; // the step whose time runs, and since when
let since = 0;

/** How long a step stands: by its words, and by the speed that was chosen. */
const paceOf = ([title, sentence]) => (AT_LEAST + A_WORD * `${title} ${sentence}`.split(" ").length) / speed.value;

effect(() => {
  clearTimeout(timer);
  if (step.value !== shown) [shown, since] = [step.value, Date.now()];
  if (!playing.value || step.value >= last.value) return;
  timer = setTimeout(advance, Math.max(0, since + paceOf(words.value) - Date.now()));
});

function advance() {
  go(step.value + 1, true);
  const at = log.event(step.value);
  const key = asking.value ? asksAt(at, log.at(step.value), log.after(log.entries.length)) : null;
  if (key) ask(key);
  else if (stops.value && ["told", "boots", "cells", "ended"].includes(at?.type)) playing.value = false;
}

/** Ask who can read a message: until it is answered, nothing that would answer it is drawn. */
export function ask(key) {
  batch(() => {
    playing.value = false;
    question.value = { key, guesses: new Set(), verdicts: null };
    view.value = "lanes";
  });
}

/** Take note of something that was done on this page only. */
export const deed = (name) => (deeds.value = new Set([...deeds.value, name]));

/** Take a link's place; what it does not say stays. */
export function follow(hash) {
  const link = readLink(hash);
  batch(() => {
    const to = log.stepOf(link.at);
    if (to !== null) go(to);
    as.value = link.as ?? "all";
    view.value = link.view ?? "lanes";
    picked.value = link.message;
    cell.value = link.cell;
    tour.value = link.tour;
  });
}

const linkNow = () =>
  writeLink({
    at: log.placeOf(step.value),
    as: as.value,
    view: view.value,
    message: picked.value,
    cell: cell.value,
    tour: tour.value,
  });

/** Keep the address in step, once the log is here: replaced, not pushed, a few times a second at most. A link wins. */
export function keepAddress() {
  let due = null;
  let ours = location.hash;
  effect(() => {
    for (const one of [step, as, view, picked, cell, tour]) one.value;
    clearTimeout(due);
    due = setTimeout(() => location.hash === ours && history.replaceState(null, "", (ours = linkNow())), 250);
  });
  addEventListener("hashchange", () => follow((ours = location.hash)));
}

/** Remember how the page is shown, and show it so. What does not read as a setting is left as it is. */
export function keepShown() {
  const kept = read();
  for (const [name, one] of Object.entries(KEPT)) if (typeof kept[name] === typeof one.value) one.value = kept[name];
  if (![0.5, 1, 2].includes(speed.value)) speed.value = 1;
  if (innerHeight < 560) folded.value = true;
  effect(() => {
    const root = document.documentElement;
    if (["dark", "light"].includes(theme.value)) root.setAttribute("data-theme", theme.value);
    else root.removeAttribute("data-theme");
    root.toggleAttribute("data-presenter", presenter.value);
    const now = Object.fromEntries(Object.entries(KEPT).map(([name, one]) => [name, one.value]));
    write(JSON.stringify(now));
  });
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(SHOWN) ?? "{}");
    return kept !== null && typeof kept === "object" ? kept : {};
  } catch {
    return {};
  }
}

function write(text) {
  try {
    localStorage.setItem(SHOWN, text);
  } catch {
    // a browser that keeps nothing shows the page all the same
  }
}

export function otherTheme() {
  const dark = theme.value ? theme.value === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme.value = dark ? "light" : "dark";
}
