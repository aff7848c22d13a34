// A cell of the matrix, step by step: how the attack came to its verdict, with the bytes and where they lay.

import { html, useEffect } from "../vendor/preact.js";
import { cell, picked, view as chosenView } from "../state.js";
import { vantageOf } from "../model/eyes.js";
import { nameOf } from "../model/words.js";
import { L, T } from "../text.en.js";
import { Foreign } from "./foreign.js";
import { Button } from "./icons.js";
import { sealedBytes, Verdict } from "./peek.js";

export function Derivation({ view }) {
  useEffect(() => bring(), [cell.value]);
  const [key, id] = cell.value.split(".");
  const one = view.messages.find((it) => it.key === key);
  const it = one && view.matrix?.cells[`${one.mid}.${id}`];
  const who = vantageOf(view, id);
  if (!it) return null;
  const keys = [...(view.matrix.keys[key] ?? []), ...contentOf(one, key)];
  const look = () => {
    picked.value = one.key;
    chosenView.value = "bytes";
  };
  return html`<aside class="panel derivation" aria-label=${L.derivation} data-derivation=${cell.value}>
    <div class="top">
      <h3>${who.name}</h3>
      <${Button} icon="no" label=${L.close} onClick=${() => (cell.value = null)} />
    </div>
    <p class="lead">${nameOf(one)}. ${who.says}</p>
    <p>
      <${Verdict} reads=${it.content === "reads"} />
      <span class="three" data-three=${`${it.declared} ${it.content}`}>${L.three(it.declared, it.content)}</span>
    </p>
    <p>${T.why[one.verdicts[id]?.why] ?? ""}</p>
    <${Steps}
      title=${L.howOpened}
      keys=${keys}
      steps=${it.derivation}
      none=${it.content === "sealed" ? L.nothingLeads : ""}
    />
    <dl class="extra">
      <div>
        <dt>${L.metadata}</dt>
        <dd>${it.metadata.join(", ") || L.nothingShort}</dd>
      </div>
      <div>
        <dt>${L.couldForge}</dt>
        <dd>${L.forge[it.forge] ?? it.forge}</dd>
      </div>
    </dl>
    <${Steps} title=${L.howForged} keys=${keys} steps=${it.forged} none="" />
    <p><${Button} words=${L.seeBytes} data-see-bytes=${true} onClick=${look} /></p>
  </aside>`;
}

/** Beside the keys, what they open: the ciphertext, and the text that came out. */
const contentOf = (one, key) => [
  [`${key}, shut`, sealedBytes(one, 32)],
  [`the content key opens ${key}`, html`<${Foreign} text=${one.text} />`],
];

function Steps({ title, steps, none, keys }) {
  if (steps.length === 0) return none && html`<p class="lead">${none}</p>`;
  const shown = new Set();
  return html`<h4>${title}</h4>
    <ol class="steps">
      ${steps.map(
        (step, at) =>
          html`<li key=${at}>
            ${split(step)}${bytesIn(step, keys, shown).map(
              ([words, bytes]) => html`<div class="value" key=${words}>${bytes}</div>`,
            )}
          </li>`,
      )}
    </ol>`;
}

/** The bytes of what a step names, each once. */
function bytesIn(step, keys, shown) {
  const found = keys.filter(([words]) => step.includes(words) && !shown.has(words));
  for (const [words] of found) shown.add(words);
  return found;
}

/** On a wide screen show the chosen cell beside its derivation; on a narrow one the derivation itself. */
function bring() {
  document.querySelector(".cell[aria-pressed=true]")?.scrollIntoView({ block: "nearest", inline: "nearest" });
  if (matchMedia("(max-width: 1099px)").matches)
    document.querySelector(".derivation")?.scrollIntoView({ block: "start" });
}

const NAMED = /((?:carrier|org)\/[\w/-]+|offset 0x[0-9a-f]+|[\w.-]+\.(?:key|json|aof|db)\b)/;

/** Names of keys and places are set apart, so that a step reads as a sentence. */
const split = (step) =>
  step
    .replace(/^\d+\.?\s*/, "")
    .split(NAMED)
    .map((part, at) => (at % 2 ? html`<code>${part}</code>` : part));
