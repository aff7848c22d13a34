// One field, as bytes and as what they mean: choose a byte or a word, and both light up.

import { html, useState } from "../vendor/preact.js";
import { grouped } from "../model/names.js";
import { hexOf } from "../model/envelope.js";
import { L } from "../text.en.js";

const ROW = 16;
const MOST = 512; // bytes shown; an encapsulated key is longer than anybody reads

export function Decode({ field }) {
  const [pinned, pin] = useState(null);
  const [pointed, point] = useState(null);
  const lit = pointed ?? pinned;
  const part = lit === null ? null : field.parts[lit];
  const more = field.bytes.length - MOST;
  return html`<p class="lead">
      <strong>${field.name}</strong>, ${L.bytes(grouped(field.bytes.length))}. ${field.explain}
    </p>
    ${
      field.parts.length > 0 &&
      html`<${Members} parts=${field.parts} lit=${lit} pin=${pin} point=${point} />
        <p class="told" aria-live="polite">${part ? part.explain : L.chooseMember}</p>`
    }
    <${Hex} bytes=${field.bytes.slice(0, MOST)} parts=${field.parts} part=${part} point=${point} pin=${pin} />
    ${more > 0 && html`<p class="lead">${L.moreBytes(grouped(more))}</p>`}`;
}

const Members = ({ parts, lit, pin, point }) =>
  html`<ul class="members">
    ${parts.map(
      (one, at) =>
        html`<li key=${one.name}>
          <button
            type="button"
            data-member=${one.name}
            aria-pressed=${String(lit === at)}
            onClick=${() => pin(at)}
            onMouseEnter=${() => point(at)}
            onMouseLeave=${() => point(null)}
          >
            <span class="field">${one.name}</span><code>${one.value}</code>
          </button>
        </li>`,
    )}
  </ul>`;

function Hex({ bytes, parts, part, point, pin }) {
  const hex = hexOf(bytes);
  const rows = Array.from({ length: Math.ceil(hex.length / ROW) }, (_, at) => at * ROW);
  const lit = (at) => (part && part.start <= at && at < part.end ? "lit" : undefined);
  const partAt = (at) => {
    const found = parts.findIndex((one) => one.start <= at && at < one.end);
    return found < 0 ? null : found;
  };
  const byte = (one, at) =>
    html`<i class=${lit(at)} onMouseEnter=${() => point(partAt(at))} onClick=${() => pin(partAt(at))}>${one}</i>`;
  const letter = (one, at) => html`<i class=${lit(at)}>${one > 31 && one < 127 ? String.fromCharCode(one) : "·"}</i>`;
  return html`<div class="hexdump" role="group" aria-label=${L.hexdump} tabindex="0" onMouseLeave=${() => point(null)}>
    ${rows.map(
      (start) =>
        html`<div class="row" key=${start}>
          <span class="offset">${start.toString(16).padStart(4, "0")}</span>
          <span class="hex">${hex.slice(start, start + ROW).map((one, at) => byte(one, start + at))}</span>
          <span class="ascii">${[...bytes.slice(start, start + ROW)].map((one, at) => letter(one, start + at))}</span>
        </div>`,
    )}
  </div>`;
}
