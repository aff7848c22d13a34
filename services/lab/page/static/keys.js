// The keyboard: everything that the mouse can do with time and vantage.

import { as, go, help, last, letters, otherTheme, presenter, question, step, toggle, view } from "./state.js";
import { KEYS } from "./model/eyes.js";

const VIEW = {
  l: "lanes",
  b: "bytes",
  w: "warrants",
  g: "log",
  m: "matrix",
  s: "scenarios",
  e: "exercises",
  a: "arrange",
};

const KEY = {
  ArrowLeft: () => go(step.value - 1),
  ArrowRight: () => go(step.value + 1),
  " ": toggle,
  Home: () => go(0),
  End: () => go(last.value),
};
const LETTER = {
  p: () => (presenter.value = !presenter.value),
  d: otherTheme,
  "?": () => (help.value = !help.value),
};

const typing = (element) =>
  element.matches("input:not([type=range], [type=checkbox]), textarea, select, dialog[open] *");
const pressing = (element, key) => key === " " && element.closest("button, [role=button], [type=checkbox], summary, a");

/** Whether a key scrolls what has the focus: a region that is wider or higher than it shows keeps its arrows. */
const scrolling = (element, key) =>
  /^(Arrow|Home|End| )/.test(key) &&
  element.tabIndex === 0 &&
  !element.matches("button, input, [role=button], summary, a") &&
  (element.scrollWidth > element.clientWidth || element.scrollHeight > element.clientHeight);

function letterFor(key) {
  if (!letters.value || question.value?.verdicts === null) return null;
  if (VIEW[key]) return () => (view.value = VIEW[key]);
  return LETTER[key] ?? (/^\d$/.test(key) ? () => (as.value = KEYS[Number(key)]) : null);
}

function handleKey(pressed) {
  const { key, target } = pressed;
  if (pressed.ctrlKey || pressed.metaKey || pressed.altKey) return;
  if (typing(target) || pressing(target, key) || scrolling(target, key)) return;
  const doing = KEY[key] ?? letterFor(key);
  if (!doing) return;
  pressed.preventDefault();
  doing();
}

export const listenToKeys = () => addEventListener("keydown", handleKey);
