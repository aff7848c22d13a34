// The scenarios: what happened, and the attacks of history. Each plays in worlds of its own, on this page's event log.

import { batch, html, signal } from "../vendor/preact.js";
import { now, playing, view as chosen } from "../state.js";
import { act, catalogue } from "../feed.js";
import { capital, serviceOf } from "../model/all.js";
import { VANTAGES } from "../model/vantages.js";
import { Button } from "./icons.js";

const known = signal(null);
let asked = false;

export function Scenarios() {
  if (!asked) {
    asked = true;
    catalogue().then((found) => {
      known.value = found;
      asked = found !== null;
    });
  }
  const { scene } = now.value;
  const all = known.value ?? [];
  return html`<div class="scenarios">
    ${scene?.ended && html`<${Ending} scene=${scene} />`}
    <${Group}
      title="What happened"
      lead="History, with its sources. What was never disclosed is said at the end, and not played as if it were known."
      all=${all.filter((one) => one.history)}
      scene=${scene}
    />
    <${Group}
      title="Attacks"
      lead="Each says who wins, why, and what would have caught it."
      all=${all.filter((one) => !one.history)}
      scene=${scene}
    />
  </div>`;
}

function Group({ title, lead, all, scene }) {
  return html`<section class="panel">
    <h2>${title}</h2>
    <p class="lead">${lead}</p>
    <ol class="catalogue">
      ${all.map(
        (one) =>
          html`<li key=${one.name} class=${scene?.name === one.name ? "chosen" : ""}>
            <span>${one.title}</span><span class="acts">${one.acts > 1 ? `${one.acts} acts` : ""}</span>
            <${Button}
              icon="play"
              words="Play"
              label=${`Play ${one.name}`}
              aria-label=${`Play ${one.name}`}
              disabled=${Boolean(scene && !scene.ended)}
              onClick=${() => begin(one)}
            />
          </li>`,
      )}
    </ol>
  </section>`;
}

function begin(one) {
  batch(() => {
    chosen.value = "lanes";
    playing.value = true;
  });
  act("scenario", { name: one.name });
}

/** Go back to the classroom, which has waited. */
export const leave = () => act("reset");

/** What stands above every view while a scenario is on the page. */
export function Banner() {
  const { scene } = now.value;
  if (!scene) return null;
  const part =
    scene.act === 0
      ? ""
      : scene.acts > 1
        ? `act ${scene.act} of ${scene.acts}, arrangement: ${scene.arranged}`
        : `arrangement: ${scene.arranged}`;
  return html`<aside class="scene" aria-label="Scenario">
    <p><strong>${scene.title}</strong>${part && html`<span>${part}</span>`}</p>
    <${Button} words="Back to the classroom" onClick=${leave} />
  </aside>`;
}

/** Who wins and why, what would have caught it, what nobody knows; and what was measured. */
export function Ending({ scene }) {
  const { ended } = scene;
  const said = [
    ["What would have caught it", ended.caught],
    ["Never disclosed", ended.unknown],
  ].filter(([, text]) => text);
  return html`<section class=${`panel ending ${ended.failed ? "failed" : ""}`} aria-labelledby="ending">
    ${
      ended.failed
        ? html`<h2 id="ending">The scenario did not go as told</h2>
            <p>${ended.failed}</p>`
        : html`<h2 id="ending">Who wins, and why</h2>
            <p class="winner">${ended.verdict}</p>
            ${said.map(
              ([title, text]) =>
                html`<h3>${title}</h3>
                  <p>${text}</p>`,
            )}`
    }
    <${Measured} scene=${scene} />
    ${
      !ended.failed &&
      html`<h3>Sources</h3>
        <ul class="sources">
          ${ended.sources.map((one) => html`<li key=${one}>${one}</li>`)}
        </ul>`
    }
  </section>`;
}

function Measured({ scene }) {
  if (scene.cells.length === 0) return null;
  const rows = new Map();
  for (const [act, vantage, message, verdict] of scene.cells) {
    const at = `${act} ${vantage}`;
    if (!rows.has(at)) rows.set(at, { act, vantage, reads: [], sealed: [] });
    rows.get(at)[verdict].push(message);
  }
  const several = scene.acts > 1;
  return html`<h3>Measured at the end${several ? " of each act" : ""}, as told</h3>
    <div class="scroll" tabindex="0" role="region" aria-label="Measured cells">
      <table class="cells">
        <thead>
          <tr>
            ${several && html`<th scope="col">Act</th>`}
            <th scope="col">Seen as</th>
            <th scope="col">Reads</th>
            <th scope="col">Sealed to it</th>
          </tr>
        </thead>
        <tbody>
          ${[...rows].map(
            ([at, row]) =>
              html`<tr key=${at}>
                ${several && html`<td>${row.act}</td>`}
                <th scope="row">${titleOf(row.vantage)}</th>
                <td class="reads">${row.reads.join(", ")}</td>
                <td>${row.sealed.join(", ")}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <p class="lead">
      ${Object.entries(scene.names)
        .map(([name, one]) => `${name}: ${capital(one.from)} to ${capital(one.to)}, ${serviceOf(one)}`)
        .join(" · ")}
    </p>`;
}

const titleOf = (vantage) => VANTAGES.find((one) => one.id === vantage)?.title ?? capital(vantage);
