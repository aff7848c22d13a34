// One field, as bytes and as what they mean: choose a byte or a word, and both light up.

import { html, useState } from "../vendor/preact.js";
import { grouped } from "../model/all.js";
import { hexOf } from "../model/envelope.js";

const ROW = 16;
const MOST = 512; // bytes shown; an encapsulated key is longer than anybody reads

export function Decode({ field }) {
  const [pinned, pin] = useState(null);
  const [pointed, point] = useState(null);
  const lit = pointed ?? pinned;
  const bytes = field.bytes.slice(0, MOST);
  const part = lit === null ? null : field.parts[lit];
  return html`<p class="lead"><strong>${field.name}</strong>, ${grouped(field.bytes.length)} bytes. ${field.explain}</p>
    ${
      field.parts.length > 0 &&
      html`<ul class="members">
          ${field.parts.map(
            (one, at) =>
              html`<li key=${one.name}>
                <button
                  type="button"
                  aria-pressed=${String(lit === at)}
                  onClick=${() => pin(at)}
                  onMouseEnter=${() => point(at)}
                  onMouseLeave=${() => point(null)}
                >
                  <span class="field">${one.name}</span><code>${one.value}</code>
                </button>
              </li>`,
          )}
        </ul>
        <p class="told" aria-live="polite">${part ? part.explain : "Choose a member: its bytes light up below."}</p>`
    }
    <${Hex} bytes=${bytes} parts=${field.parts} part=${part} point=${point} pin=${pin} />
    ${field.bytes.length > MOST && html`<p class="lead">… and ${grouped(field.bytes.length - MOST)} bytes more.</p>`}`;
}

function Hex({ bytes, parts, part, point, pin }) {
  const hex = hexOf(bytes);
  const rows = Array.from({ length: Math.ceil(hex.length / ROW) }, (_, at) => at * ROW);
  const lit = (at) => (part && part.start <= at && at < part.end ? "lit" : undefined);
  const partAt = (at) =>
    parts.some((one) => one.start <= at && at < one.end)
      ? parts.findIndex((one) => one.start <= at && at < one.end)
      : null;
  return html`<div
    class="hexdump"
    role="group"
    aria-label="The bytes, in hex and as text"
    tabindex="0"
    onMouseLeave=${() => point(null)}
  >
    ${rows.map(
      (start) =>
        html`<div class="row" key=${start}>
          <span class="offset">${start.toString(16).padStart(4, "0")}</span>
          <span class="hex"
            >${hex.slice(start, start + ROW).map((one, at) => html`<i class=${lit(start + at)} onMouseEnter=${() => point(partAt(start + at))} onClick=${() => pin(partAt(start + at))}>${one}</i>`)}</span
          >
          <span class="ascii"
            >${[...bytes.slice(start, start + ROW)].map((one, at) => html`<i class=${lit(start + at)}>${one > 31 && one < 127 ? String.fromCharCode(one) : "·"}</i>`)}</span
          >
        </div>`,
    )}
  </div>`;
}
