// A cell of the matrix, step by step: how the attack came to its verdict, with the bytes and where they lay.

import { html } from "../vendor/preact.js";
import { cell, picked, view as chosenView } from "../state.js";
import { Button } from "./icons.js";
import { Verdict } from "./peek.js";

const FORGE = { no: "no", alone: "yes, alone", "with relay": "yes, with the relay’s help", briefly: "yes, for some minutes" };

export function Derivation({ view, table }) {
  const [message, vantage] = cell.value.split(".");
  const it = view.matrix?.document.cells.find((one) => one.message === message && one.vantage === vantage);
  const row = table.rows.find((one) => one.id === vantage);
  const column = table.columns.find((one) => one.id === message);
  if (!it) return null;
  const look = () => { picked.value = column.one.n; chosenView.value = "bytes"; };
  return html`<aside class="panel derivation" aria-label="Derivation">
    <div class="top"><h2>${row.title}</h2><${Button} icon="no" label="Close" onClick=${() => (cell.value = null)} /></div>
    <p class="lead">${column.title}. ${row.holds}</p>
    <p><${Verdict} reads=${it.content === "reads"} /> <span class="three">declared ${it.declared}, closure ${it.closure}, measured ${it.content}</span></p>
    ${it.because && html`<p>${it.because}</p>`}
    <${Steps} title="How it was opened" steps=${it.derivation} none=${it.content === "sealed" ? "Nothing that it holds leads to the content: the attack ran out of steps." : ""} />
    <dl class="extra"><div><dt>Metadata</dt><dd>${it.metadata.join(", ") || "none"}</dd></div><div><dt>Could write another in the sender’s name</dt><dd>${FORGE[it.forge] ?? it.forge}</dd></div></dl>
    <${Steps} title="How it would be forged" steps=${it.forged} none="" />
    ${column.one && html`<p><${Button} words="See the bytes" onClick=${look} /></p>`}
  </aside>`;
}

const Steps = ({ title, steps, none }) =>
  steps.length ? html`<h3>${title}</h3><ol class="steps">${steps.map((step, at) => html`<li key=${at}>${split(step)}</li>`)}</ol>` : none && html`<p class="lead">${none}</p>`;

/** Long runs of hex are set apart, so that a step reads as a sentence. */
const split = (step) => step.replace(/^\d+\.?\s*/, "").split(/([0-9a-f]{16,}|\/[\w./-]{6,}(?:@|:)?\s?(?:0x)?[0-9a-f]*)/).map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));
