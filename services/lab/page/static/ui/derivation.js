// A cell of the matrix, step by step: how the attack came to its verdict, with the bytes and where they lay.

import { html } from "../vendor/preact.js";
import { cell } from "../state.js";
import { Button } from "./icons.js";
import { Verdict } from "./peek.js";

export function Derivation({ view, table }) {
  const [message, vantage] = cell.value.split(".");
  const it = view.matrix?.document.cells.find((one) => one.message === message && one.vantage === vantage);
  const row = table.rows.find((one) => one.id === vantage);
  const column = table.columns.find((one) => one.id === message);
  if (!it) return null;
  const steps = it.derivation ?? [];
  return html`<aside class="panel derivation" aria-label="Derivation">
    <div class="top"><h2>${row?.title}</h2><${Button} icon="no" label="Close" onClick=${() => (cell.value = null)} /></div>
    <p class="lead">${column?.title}</p>
    <p><${Verdict} reads=${it.content === "reads"} /> <span class="three">declared ${it.declared}, closure ${it.closure}, measured ${it.content}</span></p>
    ${it.why && html`<p>${it.why}</p>`}
    <dl class="extra"><div><dt>Metadata</dt><dd>${(it.metadata ?? []).join(", ") || "none"}</dd></div><div><dt>Could forge or alter</dt><dd>${String(it.forge)}</dd></div></dl>
    ${steps.length ? html`<ol class="steps">${steps.map((step, at) => html`<${Step} key=${at} step=${step} />`)}</ol>` : html`<p>Nothing that it holds leads to the content: no step could be made.</p>`}
  </aside>`;
}

/** A step is text, or an object with its rule, what it made and the evidence. */
function Step({ step }) {
  if (typeof step === "string") return html`<li>${step}</li>`;
  return html`<li>${Object.entries(step).filter(([name, value]) => value !== null && value !== "" && name !== "n" && name !== "step").map(([name, value]) => html`<div key=${name} class="part"><span>${name}</span> <code>${typeof value === "string" ? value : JSON.stringify(value)}</code></div>`)}</li>`;
}
