// A sentence in which the words that a newcomer cannot know say what they mean, on hover and on focus.

import { html } from "../vendor/preact.js";
import { T } from "../text.en.js";

const names = Object.keys(T.glossary).sort((one, other) => other.length - one.length);
const TERM = new RegExp(`\\b(${names.join("|")})\\b`, "g");

/** Return a sentence, each term once. */
export function Terms({ text }) {
  const seen = new Set();
  const parts = String(text).split(TERM);
  return html`${parts.map((part, at) => {
    if (at % 2 === 0 || seen.has(part)) return part;
    seen.add(part);
    return html`<dfn key=${at} tabindex="0" data-says=${T.glossary[part]}
      >${part}<span class="hidden"> (${T.glossary[part]})</span></dfn
    >`;
  })}`;
}

const told = Object.entries({ ...T.fieldWords, ...T.glossary }).toSorted(([one], [other]) => one.localeCompare(other));

export const Glossary = () =>
  html`<dl class="glossary">
    ${told.map(
      ([name, says]) =>
        html`<div key=${name}>
          <dt>${name}</dt>
          <dd>${says}</dd>
        </div>`,
    )}
  </dl>`;
