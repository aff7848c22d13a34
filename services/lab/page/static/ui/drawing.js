// The drawing's parts: a box, an envelope with its locks, a link between two boxes.

import { html, useLayoutEffect, useRef } from "../vendor/preact.js";
import { Glyph } from "./icons.js";

/** A party. `lit` = a key of its own fits a lock on the envelope; `here` = we look from here; `acts` = it acts in this step. */
export function Box({ at, title, note, lit, here, acts, quiet, ghost, choose, says, tag, noteAt }) {
  const [x, y, w, h] = at;
  const kind = ["box", lit && "lit", here && "here", acts && "acting", quiet && "quiet", ghost && "ghost"]
    .filter(Boolean)
    .join(" ");
  const pick = choose && {
    role: "button",
    tabIndex: 0,
    "aria-label": `See as ${says}`,
    "aria-pressed": String(Boolean(here)),
    onClick: choose,
    onKeyDown: (pressed) => (pressed.key === "Enter" || pressed.key === " ") && (pressed.preventDefault(), choose()),
  };
  return html`<g class=${kind} ...${pick}>
    <rect class="body" x=${x} y=${y} width=${w} height=${h} rx="9" />
    <text class="name" x=${x + 12} y=${y + (h < 50 ? 18 : 21)}>${title}</text>
    ${note && html`<text class="note" x=${noteAt?.[0] ?? x + 12} y=${noteAt?.[1] ?? (tag === "low" ? y + h - 11 : y + Math.min(41, h - 7))} text-anchor=${noteAt?.[2]}>${note}</text>`}
    ${lit && html`<circle class="lamp" cx=${x + w - 17} cy=${y + 17} r="12" /><${Glyph} name="key" x=${x + w - 17} y=${y + 17} size=${16} kind="onlamp" />`}
    ${here && html`<g class="eye"><rect x=${x + w / 2 - 20} y=${y - 14} width="40" height="22" rx="11" /><${Glyph} name="eye" x=${x + w / 2} y=${y - 3} size=${17} kind="oneye" /></g>`}
  </g>`;
}

const W = 78;
const H = 46;

/** An envelope with the locks that hang on it. `route` is the way it came: stations, the last one where it is now. */
export function Letter({ route, locks, reads, moves, dim, mine, mark, label }) {
  const group = useRef(null);
  const [x, y] = route.at(-1);
  useLayoutEffect(() => {
    if (!moves || route.length < 2 || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    const frames = route.map(([fx, fy]) => ({ transform: `translate(${fx}px, ${fy}px)` }));
    const motion = group.current.animate(frames, {
      duration: 450 * (route.length - 1) + 250,
      easing: "cubic-bezier(.45,.05,.3,1)",
    });
    return () => motion.cancel();
  }, [mark]);
  return html`<g
    ref=${group}
    class=${`letter ${reads ? "readable" : "sealed"} ${dim ? "dim" : ""}`}
    transform=${`translate(${x} ${y})`}
  >
    <title>${label}</title>
    <rect class="paper" x=${-W / 2} y=${-H / 2} width=${W} height=${H} rx="4" />
    ${
      reads
        ? html`<path class="fold" d="M-39 -23 L0 -34 L39 -23" /><path
              class="lines"
              d="M-25 -10H25M-25 1H25M-25 12H8"
            />`
        : html`<path class="fold" d="M-39 -23 L0 4 L39 -23" /><path
              class="fold thin"
              d="M-39 23 L-10 -3M39 23 L10 -3"
            />`
    }
    ${locks.map((lock, at) => html`<${Hanging} key=${lock.kid} lock=${lock} x=${offset(at, locks.length)} small=${locks.length > 2} opened=${mine?.(lock)} />`)}
  </g>`;
}

const offset = (at, count) => (at - (count - 1) / 2) * (count > 2 ? 57 : 84);

function Hanging({ lock, x, small, opened }) {
  return html`<g class=${`hanging ${opened ? "opened" : ""} ${small ? "small" : ""}`}>
    <path class="string" d=${`M${x * 0.45} 23 L${x} 32`} />
    <${Glyph} name=${opened ? "open" : "lock"} x=${x} y=${41} size=${22} kind="padlock" />
    <text x=${x} y="63" text-anchor="middle">${lock.lines[0]}</text>
    <text x=${x} y="77" text-anchor="middle">${lock.lines[1]}</text>
  </g>`;
}

/** The copy that a task makes: a small envelope on its way from the relay to the carrier, or at rest with its count. */
export function Copy({ from, to, moves, mark }) {
  const group = useRef(null);
  useLayoutEffect(() => {
    if (!moves || matchMedia("(prefers-reduced-motion: reduce)").matches) return;
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
