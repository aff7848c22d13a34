// What the page remembers: the log, where in it we stand, as whom we look. Everything drawn is computed from these.

import { batch, computed, effect, signal } from "./vendor/preact.js";
import { Log } from "./model/log.js";
import { readLink, writeLink } from "./model/link.js";
import { vantageOf } from "./model/vantages.js";
import { wordsFor } from "./model/words.js";

const PACE = 1700; // ms a step when it plays
const SHOWN = "tiers.shown"; // where the browser keeps theme and presenter mode

export const log = new Log();
export const grown = signal(0);
export const step = signal(0);
export const playing = signal(false);
export const still = signal(true); // no motion: we jumped
export const as = signal("all");
export const view = signal("lanes");
export const picked = signal(null); // a message by its number, for the bytes
export const cell = signal(null); // a cell of the matrix, message.vantage
export const connected = signal(false);
export const notice = signal(null); // {kind: "error"|"busy", text}
export const help = signal(false);
export const theme = signal("");
export const presenter = signal(false);

export const now = computed(() => (grown.value, log.at(step.value)));
export const event = computed(() => (grown.value, log.event(step.value)));
export const last = computed(() => (grown.value, log.last));
export const words = computed(() => wordsFor(event.value, now.value));
export const vantage = computed(() => vantageOf(as.value));

/** Go to a step; one step forward is drawn in motion, every other way without. */
export function go(to, keepPlaying = false) {
  const target = Math.max(0, Math.min(to, log.last));
  batch(() => {
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
let moved = 0;
effect(() => {
  clearTimeout(timer);
  if (!playing.value || step.value >= last.value) return;
  timer = setTimeout(
    () => {
      moved = Date.now();
      go(step.value + 1, true);
    },
    Math.max(0, moved + PACE - Date.now()),
  );
});

/** Take a link's place; what it does not say stays. */
export function follow(hash) {
  const link = readLink(hash);
  batch(() => {
    if (link.step !== null) go(link.step);
    as.value = link.as ?? "all";
    view.value = link.view ?? "lanes";
    picked.value = link.message;
    cell.value = link.cell;
  });
}

export const linkNow = () =>
  writeLink({ step: step.value, as: as.value, view: view.value, message: picked.value, cell: cell.value });

/** Keep the address in step, once the log is here: replaced, not pushed, at most a few times a second. A link wins. */
export function keepAddress() {
  let due = null;
  let ours = location.hash;
  effect(() => {
    const hash = linkNow();
    clearTimeout(due);
    due = setTimeout(() => location.hash === ours && history.replaceState(null, "", (ours = hash)), 250);
  });
  addEventListener("hashchange", () => follow((ours = location.hash)));
}

/** Remember how the page is shown, and show it so. */
export function keepShown() {
  const kept = JSON.parse(localStorage.getItem(SHOWN) ?? "{}");
  theme.value = kept.theme ?? "";
  presenter.value = kept.presenter ?? false;
  effect(() => {
    const root = document.documentElement;
    theme.value ? root.setAttribute("data-theme", theme.value) : root.removeAttribute("data-theme");
    root.toggleAttribute("data-presenter", presenter.value);
    localStorage.setItem(SHOWN, JSON.stringify({ theme: theme.value, presenter: presenter.value }));
  });
}

export function otherTheme() {
  const dark = theme.value ? theme.value === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  theme.value = dark ? "light" : "dark";
}
