// The drawing's parts: a box, an envelope with its locks, the copies at the auditor, a gate that is shut.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";
import { Glyph } from "./icons.js";

const calm = () => matchMedia("(prefers-reduced-motion: reduce)").matches;

/**
 * A party. `lit`: a key of its own fits a lock on the envelope. `here`: we look from here. `acts`: it acts in this
 * step.
 * `guess` is yes, no, right or missed while a question is asked and answered.
 */
export function Box({ id, at, title, note, lit, here, acts, quiet, ghost, rogue, guess, choose, says, tag, noteAt }) {
  const [x, y, w, h] = at;
  const marks = { lit, here, acting: acts, quiet, ghost, rogue };
  const kind = ["box", ...Object.keys(marks).filter((name) => marks[name]), guess && `guess-${guess}`]
    .filter(Boolean)
    .join(" ");
  return html`<g class=${kind} data-box=${id} ...${choose && picks(says, here || guess === "yes", choose)}>
    <rect class="body" x=${x} y=${y} width=${w} height=${h} rx="9" />
    <text class="name" x=${x + 12} y=${y + (h < 50 ? 18 : 21)}>${title}</text>
    ${
      note &&
      html`<text class="note" x=${noteAt?.[0] ?? x + 12} y=${noteAt?.[1] ?? noteY(tag, y, h)} text-anchor=${noteAt?.[2]}
        >${note}</text
      >`
    }
    ${
      lit &&
      html`<circle class="lamp" cx=${x + w - 17} cy=${y + 17} r="12" /><${Glyph}
          name="key"
          x=${x + w - 17}
          y=${y + 17}
          size=${16}
          kind="onlamp"
        />`
    }
    ${
      here &&
      html`<g class="eye"
        ><rect x=${x + w / 2 - 20} y=${y - 14} width="40" height="22" rx="11" /><${Glyph}
          name="eye"
          x=${x + w / 2}
          y=${y - 3}
          size=${17}
          kind="oneye"
      /></g>`
    }
    ${guess && html`<${Guess} guess=${guess} x=${x + w - 16} y=${y + h - (h < 60 ? 6 : 16)} />`}
  </g>`;
}

const noteY = (tag, y, h) => (tag === "low" ? y + h - 11 : y + Math.min(41, h - 7));

const picks = (says, pressed, choose) => ({
  role: "button",
  tabIndex: 0,
  "aria-label": says,
  "aria-pressed": String(Boolean(pressed)),
  onClick: choose,
  onKeyDown: (pressed) => (pressed.key === "Enter" || pressed.key === " ") && (pressed.preventDefault(), choose()),
});

const Guess = ({ guess, x, y }) =>
  html`<g class="guess"
    ><circle cx=${x} cy=${y} r="11" />${
      guess !== "no" &&
      html`<${Glyph} name=${guess === "missed" ? "no" : "yes"} x=${x} y=${y} size=${15} kind="onguess" />`
    }</g
  >`;

const W = 78;
const H = 46;

/** An envelope with the locks that hang on it. `route` is the way it came: stations, the last one where it is now. */
export function Letter({ route, locks, reads, asked, moves, dim, mine, mark, label }) {
  const group = useRef(null);
  const [x, y] = route.at(-1);
  useLayoutEffect(() => {
    if (!moves || route.length < 2 || calm()) return;
    const frames = route.map(([fx, fy]) => ({ transform: `translate(${fx}px, ${fy}px)` }));
    const motion = group.current.animate(frames, {
      duration: 450 * (route.length - 1) + 250,
      easing: "cubic-bezier(.45,.05,.3,1)",
    });
    return () => motion.cancel();
  }, [mark]);
  return html`<g
    ref=${group}
    class=${`letter ${reads ? "readable" : asked ? "asked" : "sealed"} ${dim ? "dim" : ""}`}
    transform=${`translate(${x} ${y})`}
  >
    <title>${label}</title>
    <rect class="paper" x=${-W / 2} y=${-H / 2} width=${W} height=${H} rx="4" />
    ${asked ? html`<text class="mark" y="9" text-anchor="middle">?</text>` : reads ? OPEN : SHUT}
    ${locks.map(
      (lock, at) =>
        html`<${Hanging}
          key=${lock.kid}
          lock=${lock}
          x=${offset(at, locks.length)}
          small=${locks.length > 2}
          opened=${mine?.(lock)}
        />`,
    )}
  </g>`;
}

const OPEN = html`<path class="fold" d="M-39 -23 L0 -34 L39 -23" /><path
    class="lines"
    d="M-25 -10H25M-25 1H25M-25 12H8"
  />`;
const SHUT = html`<path class="fold" d="M-39 -23 L0 4 L39 -23" /><path
    class="fold thin"
    d="M-39 23 L-10 -3M39 23 L10 -3"
  />`;

const offset = (at, count) => (at - (count - 1) / 2) * (count > 2 ? 52 : 84);

function Hanging({ lock, x, small, opened }) {
  return html`<g
    class=${`hanging ${opened ? "opened" : ""} ${small ? "small" : ""} ${lock.stranger ? "stranger" : ""}`}
  >
    <path class="string" d=${`M${x * 0.45} 23 L${x} 32`} />
    <${Glyph} name=${opened ? "open" : "lock"} x=${x} y=${41} size=${22} kind="padlock" />
    <text x=${x} y="63" text-anchor="middle">${lock.lines[0]}</text>
    <text x=${x} y="77" text-anchor="middle">${lock.lines[1]}</text>
  </g>`;
}

/** The copy that a task makes: a small envelope on its way from the relay to the carrier. */
export function Copy({ from, to, moves, mark }) {
  const group = useRef(null);
  useLayoutEffect(() => {
    if (!moves || calm()) return;
    const frames = [from, to].map(([fx, fy]) => ({ transform: `translate(${fx}px, ${fy}px)` }));
    const motion = group.current.animate(frames, { duration: 900, easing: "ease-in-out" });
    return () => motion.cancel();
  }, [mark]);
  return html`<g ref=${group} class="copy" transform=${`translate(${to[0]} ${to[1]})`}>
    <rect class="under" x="-12" y="-12" width="30" height="20" rx="3" /><rect
      class="paper"
      x="-16"
      y="-8"
      width="30"
      height="20"
      rx="3"
    /><path class="fold" d="M-16 -8 L-1 4 L14 -8" />
  </g>`;
}

/** The copies that lie before the auditor, one by one: open and amber, or shut. `at` is the middle of the row. */
export function Copies({ findings, at: [x, y], moves, label, mark }) {
  const shown = findings.slice(0, 9);
  const gap = Math.min(38, 168 / Math.max(shown.length, 1));
  const left = x - (gap * (shown.length - 1)) / 2;
  return html`<g
    class="copies"
    role="img"
    aria-label=${label}
    data-copies=${findings.length}
    data-open=${findings.filter((one) => one.content != null).length}
  >
    ${shown.map(
      (one, at) =>
        html`<${Paper}
          key=${`${mark} ${at}`}
          open=${one.content != null}
          x=${left + gap * at}
          y=${y}
          delay=${moves ? 350 * (at + 1) : 0}
        />`,
    )}
  </g>`;
}

function Paper({ open, x, y, delay }) {
  const group = useRef(null);
  useLayoutEffect(() => {
    if (!delay || calm()) return;
    const motion = group.current.animate([{ opacity: 0 }, { opacity: 1 }], { delay, duration: 300, fill: "backwards" });
    return () => motion.cancel();
  }, []);
  return html`<g ref=${group} class=${`paper-copy ${open ? "readable" : "sealed"}`} transform=${`translate(${x} ${y})`}>
    <rect class="paper" x="-14" y="-9" width="28" height="18" rx="2.5" />
    <path class="fold" d=${open ? "M-14 -9 L0 -15 L14 -9" : "M-14 -9 L0 2 L14 -9"} />
    ${open && html`<path class="lines" d="M-8 -3H8M-8 3H3" />`}
  </g>`;
}

/** A gate across a lane: shut by an order, or by a refusal. `tall` lanes run downward. */
export const Gate = ({ at: [x, y], tall, text }) =>
  html`<g class="gate" transform=${`translate(${x} ${y})${tall ? " rotate(90)" : ""}`}>
    <path d="M-5 -34V34M5 -34V34M-14 -34H14M-14 34H14" />
    <g class="sign" transform=${tall ? "rotate(-90)" : ""}
      ><rect x="-30" y="-12" width="60" height="24" rx="12" /><text y="5" text-anchor="middle">${text}</text></g
    >
  </g>`;
