// Drawn icons, each in a box of 24 by 24 and in the colour of the text around it. They say nothing alone: words
// stand beside.

import { html } from "../vendor/preact.js";

const SHAPES = {
  lock: html`<rect x="5" y="11" width="14" height="9" rx="2" /><path d="M8 11V8a4 4 0 0 1 8 0v3" fill="none" />`,
  open: html`<rect x="5" y="11" width="14" height="9" rx="2" /><path d="M8 11V7a4 4 0 0 1 7.6-1.7" fill="none" />`,
  key: html`<circle cx="8" cy="12" r="4" fill="none" /><path d="M12 12h9M17 12v4M20.5 12v3" fill="none" />`,
  eye: html`<path d="M2 12s4-6.5 10-6.5S22 12 22 12s-4 6.5-10 6.5S2 12 2 12z" fill="none" /><circle
      cx="12"
      cy="12"
      r="2.8"
    />`,
  play: html`<path d="M7 5l12 7-12 7z" />`,
  pause: html`<path d="M7 5h3.5v14H7zM13.5 5H17v14h-3.5z" />`,
  back: html`<path d="M15 5l-7 7 7 7" fill="none" />`,
  forward: html`<path d="M9 5l7 7-7 7" fill="none" />`,
  first: html`<path d="M17 5l-7 7 7 7M7 5v14" fill="none" />`,
  last: html`<path d="M7 5l7 7-7 7M17 5v14" fill="none" />`,
  clock: html`<circle cx="12" cy="12" r="8.5" fill="none" /><path d="M12 7v5l3.5 2" fill="none" />`,
  again: html`<path d="M5 12a7 7 0 1 0 2.2-5.1M5 4v4h4" fill="none" />`,
  theme: html`<circle cx="12" cy="12" r="8.5" fill="none" /><path d="M12 3.5a8.5 8.5 0 0 1 0 17z" />`,
  stage: html`<path d="M3 5h18v11H3zM12 16v4M8 20h8" fill="none" />`,
  help: html`<circle cx="12" cy="12" r="9" fill="none" /><path
      d="M9.3 9.3a2.8 2.8 0 1 1 3.9 2.9c-.8.4-1.2.9-1.2 1.8M12 17v.2"
      fill="none"
    />`,
  guide: html`<path d="M12 3l2.6 6 6.4.6-4.9 4.2 1.5 6.4L12 16.8 6.4 20.2l1.5-6.4L3 9.6 9.4 9z" fill="none" />`,
  fold: html`<path d="M5 9l7 7 7-7" fill="none" />`,
  unfold: html`<path d="M5 15l7-7 7 7" fill="none" />`,
  copy: html`<path d="M8 8h11v11H8z" fill="none" /><path d="M5 16V5h11" fill="none" />`,
  yes: html`<path d="M5 12.5l4.5 4.5L19 7.5" fill="none" />`,
  no: html`<path d="M6 6l12 12M18 6L6 18" fill="none" />`,
};

/** An icon beside words. */
export const Icon = ({ name }) =>
  html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${SHAPES[name]}</svg>`;

/** The same shape inside a drawing, with its centre at (x, y). */
export const Glyph = ({ name, x, y, size = 18, kind = "" }) =>
  html`<g class=${`glyph ${kind}`} transform=${`translate(${x - size / 2} ${y - size / 2}) scale(${size / 24})`}
    >${SHAPES[name]}</g
  >`;

export const Button = ({ icon, label, words, ...rest }) =>
  html`<button type="button" aria-label=${words ? undefined : label} title=${label} ...${rest}>
    ${icon && html`<${Icon} name=${icon} />`}${words && html`<span>${words}</span>`}
  </button>`;
