// A cell of the matrix, step by step: how the attack came to its verdict, with the bytes and where they lay.

import { html, useEffect } from "../vendor/preact.js";
import { cell, picked, view as chosenView } from "../state.js";
import { Button } from "./icons.js";
import { sealedBytes, Verdict } from "./peek.js";

const FORGE = {
  no: "no",
  forges: "yes, alone",
  "with the relay": "yes, if the relay helps",
  briefly: "yes, while the keys it holds are of the present minute",
};

export function Derivation({ view, table }) {
  useEffect(() => {
    bring();
  }, [cell.value]);
  const [message, vantage] = cell.value.split(".");
  const it = view.matrix?.measured.cells.find((one) => one.message === message && one.vantage === vantage);
  const row = table.rows.find((one) => one.id === vantage);
  const column = table.columns.find((one) => one.id === message);
  if (!it) return null;
  const keys = withContent(view.matrix.keys[message] ?? [], column.one, message);
  const look = () => {
    picked.value = column.one.n;
    chosenView.value = "bytes";
  };
  return html`<aside class="panel derivation" aria-label="Derivation">
    <div class="top">
      <h2>${row.title}</h2>
      <${Button} icon="no" label="Close" onClick=${() => (cell.value = null)} />
    </div>
    <p class="lead">${column.title}. ${row.holds}</p>
    <p>
      <${Verdict} reads=${it.content === "reads"} />
      <span class="three">declared ${it.declared}, closure ${it.closure}, measured ${it.content}</span>
    </p>
    ${it.because && html`<p>${it.because}</p>`}
    <${Steps}
      title="How it was opened"
      keys=${keys}
      steps=${it.derivation}
      none=${it.content === "sealed" ? "Nothing that it holds leads to the content: the attack ran out of steps." : ""}
    />
    <dl class="extra">
      <div>
        <dt>Metadata</dt>
        <dd>${it.metadata.join(", ") || "none"}</dd>
      </div>
      <div>
        <dt>Could write another in the sender’s name</dt>
        <dd>${FORGE[it.forge] ?? it.forge}</dd>
      </div>
    </dl>
    <${Steps} title="How it would be forged" keys=${keys} steps=${it.forged} none="" />
    ${column.one && html`<p><${Button} words="See the bytes" onClick=${look} /></p>`}
  </aside>`;
}

function Steps({ title, steps, none, keys }) {
  if (steps.length === 0) return none && html`<p class="lead">${none}</p>`;
  const shown = new Set();
  return html`<h3>${title}</h3>
    <ol class="steps">
      ${steps.map((step, at) => html`<li key=${at}>${split(step)}${bytesIn(step, keys, shown).map(([words, bytes]) => html`<div class="value" key=${words}>${bytes}</div>`)}</li>`)}
    </ol>`;
}

/** The bytes of what a step names, each once. */
function bytesIn(step, keys, shown) {
  const found = keys.filter(([words]) => step.includes(words) && !shown.has(words));
  for (const [words] of found) shown.add(words);
  return found;
}

/** Beside the keys, what they open: the ciphertext, and the text that came out. */
function withContent(keys, one, message) {
  if (!one) return keys;
  return [...keys, [`${message}, shut`, sealedBytes(one, 32)], [`the content key opens ${message}`, one.text]];
}

/** On a wide screen show the chosen cell beside its derivation; on a narrow one the derivation itself. */
function bring() {
  document.querySelector(".cell[aria-pressed=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (matchMedia("(max-width: 1099px)").matches)
    document.querySelector(".derivation")?.scrollIntoView({ block: "start" });
}

/** Names of keys and places are set apart, so that a step reads as a sentence. */
const split = (step) =>
  step
    .replace(/^\d+\.?\s*/, "")
    .split(/((?:carrier|org)\/[\w/-]+|offset 0x[0-9a-f]+|[\w.-]+\.(?:key|json|aof|db)\b)/)
    .map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));
