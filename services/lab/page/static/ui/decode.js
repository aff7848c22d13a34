// One field, as bytes and as what they mean: choose a byte or a word, and both light up.

import { html, useState } from "../vendor/preact.js";
import { grouped } from "../model/all.js";
import { hexOf } from "../model/envelope.js";

const ROW = 16;
const MOST = 512; // bytes shown; an encapsulated key is longer than anybody reads

export function Decode({ field }) {
  const [lit, setLit] = useState(null);
  const bytes = field.bytes.slice(0, MOST);
  const part = lit === null ? null : field.parts[lit];
  return html`<p class="lead"><strong>${field.name}</strong>, ${grouped(field.bytes.length)} bytes. ${field.explain}</p>
    ${field.parts.length > 0 && html`<ul class="members">${field.parts.map((one, at) => html`<li key=${one.name}><button type="button" aria-pressed=${String(lit === at)} onClick=${() => setLit(lit === at ? null : at)} onMouseEnter=${() => setLit(at)} onFocus=${() => setLit(at)}><span class="field">${one.name}</span><code>${one.value}</code></button></li>`)}</ul>
      <p class="told" aria-live="polite">${part ? part.explain : "Choose a member: its bytes light up below."}</p>`}
    <${Hex} bytes=${bytes} parts=${field.parts} part=${part} choose=${setLit} />
    ${field.bytes.length > MOST && html`<p class="lead">… and ${grouped(field.bytes.length - MOST)} bytes more.</p>`}`;
}

function Hex({ bytes, parts, part, choose }) {
  const hex = hexOf(bytes);
  const rows = Array.from({ length: Math.ceil(hex.length / ROW) }, (_, at) => at * ROW);
  const lit = (at) => (part && part.start <= at && at < part.end ? "lit" : undefined);
  const pick = (at) => parts.length > 0 && choose(parts.findIndex((one) => one.start <= at && at < one.end));
  return html`<div class="hexdump" role="group" aria-label="The bytes, in hex and as text" tabindex="0">${rows.map((start) => html`<div class="row" key=${start}>
    <span class="offset">${start.toString(16).padStart(4, "0")}</span>
    <span class="hex">${hex.slice(start, start + ROW).map((one, at) => html`<i class=${lit(start + at)} onMouseEnter=${() => pick(start + at)}>${one}</i>`)}</span>
    <span class="ascii">${[...bytes.slice(start, start + ROW)].map((one, at) => html`<i class=${lit(start + at)}>${one > 31 && one < 127 ? String.fromCharCode(one) : "·"}</i>`)}</span>
  </div>`)}</div>`;
}
