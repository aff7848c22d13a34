// The keyboard: everything that the mouse can do with time and vantage.

import { as, go, help, last, otherTheme, presenter, step, toggle, view } from "./state.js";
import { KEYS } from "./model/vantages.js";

export const HELP = [
  ["←  →", "one step back, one step forward"],
  ["Space", "play, pause"],
  ["Home  End", "the beginning, the present"],
  ["1 – 9", "see as: link, relay, operator, auditor, court, state, customer, other subscriber, receiver"],
  ["0", "see everything"],
  ["l  b  w  g  m  s", "lanes, bytes, warrants, the ledger, the matrix, scenarios"],
  ["p", "presenter mode: large type, nothing else"],
  ["d", "dark or light"],
  ["?", "this help"],
];

const VIEW = { l: "lanes", b: "bytes", w: "warrants", g: "log", m: "matrix", s: "scenarios" };

const KEY = {
  ArrowLeft: () => go(step.value - 1),
  ArrowRight: () => go(step.value + 1),
  " ": toggle,
  Home: () => go(0),
  End: () => go(last.value),
  p: () => (presenter.value = !presenter.value),
  d: otherTheme,
  "?": () => (help.value = !help.value),
};

const typing = (element) => element.matches("input:not([type=range]), textarea, select, dialog[open] *");
const pressing = (element, key) => key === " " && element.closest("button, [role=button], summary, a");

export function handleKey(pressed) {
  const { key, target } = pressed;
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey || typing(target) || pressing(target, key)) return;
  const doing =
    KEY[key] ??
    (VIEW[key] && (() => (view.value = VIEW[key]))) ??
    (/^\d$/.test(key) && (() => (as.value = KEYS[Number(key)])));
  if (!doing) return;
  pressed.preventDefault();
  doing();
}

export const listenToKeys = () => addEventListener("keydown", handleKey);
