// Who can read this? One taps who, commits, and the attack answers. The verdicts are measured, every time.

import { effect, html } from "../vendor/preact.js";
import { ask as begin, deed, go, grown, log, now, playing, question, step } from "../state.js";
import { ask, offline } from "../feed.js";
import { compare, measured, NAMED } from "../model/ask.js";
import { vantageOf } from "../model/eyes.js";
import { nameOf } from "../model/words.js";
import { L, T } from "../text.en.js";
import { Foreign } from "./foreign.js";
import { Button, Icon } from "./icons.js";

const end = () => log.after(log.entries.length);

/** Whether one may ask about a message: it was measured, or it can be. */
export const mayAsk = (view, one) =>
  one.mid !== null && (Object.keys(measured(end(), one.mid)).length > 1 || (!view.scene && !offline));

/** Say, or take back, that a vantage point reads the message. */
export function tap(id) {
  const asked = question.value;
  if (!asked || asked.verdicts || !NAMED.includes(id)) return;
  const guesses = new Set(asked.guesses);
  if (!guesses.delete(id)) guesses.add(id);
  question.value = { ...asked, guesses };
}

/**
 * What is drawn at a box: yes or no while it is asked, right or missed when it is answered; null without a
 * question.
 */
export function guessOf(id) {
  const asked = question.value;
  if (!asked || !NAMED.includes(id)) return null;
  const guessed = asked.guesses.has(id);
  if (!asked.verdicts) return guessed ? "yes" : "no";
  const found = asked.verdicts[id];
  return !found ? null : found.reads !== guessed ? "missed" : guessed ? "right" : null;
}

async function commit() {
  const { key } = question.value;
  const one = log.at(step.value).messages.findLast((it) => it.key === key);
  if (
    Object.keys(measured(end(), one.mid)).length < 2 &&
    (await ask("measure", { mid: one.mid }, L.attacking)) === null
  )
    return;
  await heard(one.mid);
  deed("answered");
  if (question.value?.key === key) question.value = { ...question.value, verdicts: measured(end(), one.mid) };
}

/** Return once the log has what the attack found. */
const heard = (mid) =>
  new Promise((done) => {
    const stop = effect(() => {
      grown.value;
      if (Object.keys(measured(end(), mid)).length > 1) queueMicrotask(() => (stop(), done()));
    });
  });

/** The question beside the drawing, or its answer. */
export function Question({ one }) {
  const asked = question.value;
  return html`<section
    class="question panel"
    aria-labelledby="question"
    data-question=${asked.verdicts ? "answered" : "asked"}
  >
    <h2 id="question">${L.whoReads(nameOf(one))}</h2>
    <p class="quoted"><${Foreign} text=${one.text} /></p>
    ${asked.verdicts ? html`<${Answer} asked=${asked} />` : html`<${Choices} asked=${asked} />`}
  </section>`;
}

function Choices({ asked }) {
  return html`<p class="lead">${L.tapWho}</p>
    <ul class="choices-who">
      ${NAMED.map(
        (id) =>
          html`<li key=${id}>
            <button
              type="button"
              data-guess=${id}
              aria-pressed=${String(asked.guesses.has(id))}
              onClick=${() => tap(id)}
            >
              ${vantageOf(now.value, id).name}
            </button>
          </li>`,
      )}
    </ul>
    <p class="acts">
      <${Button} class="primary" icon="eye" words=${L.commit} data-commit=${true} onClick=${commit} /><${Button}
        words=${L.letGo}
        onClick=${() => (question.value = null)}
      />
    </p>`;
}

function Answer({ asked }) {
  const rows = compare(asked.guesses, asked.verdicts);
  const missed = rows.filter((row) => !row.right);
  const readers = rows.filter((row) => row.reads).map((row) => vantageOf(now.value, row.who).name);
  return html`<p class="score" role="status" data-right=${rows.length - missed.length} data-of=${rows.length}>
      <strong>${L.score(rows.length - missed.length, rows.length)}</strong> ${L.readers(readers)}
    </p>
    ${
      missed.length > 0 &&
      html`<ul class="missed">
        ${missed.map((row) => html`<${Miss} key=${row.who} row=${row} />`)}
      </ul>`
    }
    <p class="acts">
      <${Button} class="primary" icon="forward" words=${L.goOn} data-go-on=${true} onClick=${goOn} />
    </p>`;
}

function Miss({ row }) {
  const name = vantageOf(now.value, row.who).name;
  return html`<li data-missed=${row.who}>
    <${Icon} name=${row.reads ? "open" : "lock"} /><span
      ><strong>${L.miss(name, row.reads)}</strong> ${T.why[row.why]} <em>${L.belief(row)}</em></span
    >
  </li>`;
}

function goOn() {
  question.value = null;
  go(Math.min(step.value + 1, log.last), true);
  playing.value = true;
}

/** A button that asks about a message. */
export function AskButton({ one }) {
  if (question.value || !mayAsk(now.value, one)) return null;
  return html`<${Button} icon="help" words=${L.ask} data-ask=${one.key} onClick=${() => begin(one.key)} />`;
}
