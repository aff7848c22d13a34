// The scenarios: history on a time line, and attacks. Each plays in worlds of its own, on this page's event log.

import { html } from "../vendor/preact.js";
import { now } from "../state.js";
import { act, listed, offline } from "../feed.js";
import { capital, serviceOf } from "../model/names.js";
import { vantageOf } from "../model/eyes.js";
import { L } from "../text.en.js";
import { History, Play } from "./history.js";
import { Button, Icon } from "./icons.js";

const scenarios = listed("scenarios");

export function Scenarios() {
  const { scene, world } = now.value;
  if (!world) return null;
  const all = scenarios();
  const attacks = all.filter((one) => !one.when);
  return html`<h2 class="hidden">${L.view.scenarios}</h2>
    <div class="scenarios">
      ${scene?.ended && html`<${Ending} scene=${scene} />`}
      <${History} stops=${all.filter((one) => one.when)} scene=${scene} />
      <section class="panel">
        <h3>${L.attacks}</h3>
        <p class="lead">${L.attacksLead}</p>
        <ol class="catalogue">
          ${attacks.map(
            (one) =>
              html`<li key=${one.name} class=${scene?.name === one.name ? "chosen" : ""}>
                <span> ${one.title}</span><${Play} one=${one} scene=${scene} />
              </li>`,
          )}
        </ol>
      </section>
    </div>`;
}

/** What stands above every view while a scenario is on the page. */
export function Banner() {
  const { scene } = now.value;
  if (!scene) return null;
  return html`<aside class="scene" aria-label=${L.scenario} data-act=${scene.act}>
    <p><strong>${scene.title}</strong>${scene.act > 0 && html`<span>${L.part(scene)}</span>`}</p>
    ${!offline && html`<${Button} words=${L.backToClassroom} data-back=${true} onClick=${() => act("back")} />`}
  </aside>`;
}

/** Who wins and why, what would have caught it, what nobody knows; and what was measured. */
export function Ending({ scene }) {
  const { ended } = scene;
  const said = [
    [L.caught, ended.caught],
    [L.unknown, ended.unknown],
  ].filter(([, text]) => text);
  return html`<section
    class=${`panel ending ${ended.failed ? "failed" : ""}`}
    aria-labelledby="ending"
    data-ending=${ended.failed ? "failed" : "told"}
  >
    <h3 id="ending">${ended.failed ? L.notAsTold : L.whoWins}</h3>
    <p class="winner">${ended.failed || ended.verdict}</p>
    ${
      !ended.failed &&
      said.map(
        ([title, text]) =>
          html`<h4 key=${title}>${title}</h4>
            <p>${text}</p>`,
      )
    }
    <${Measured} scene=${scene} />
    ${
      !ended.failed &&
      html`<h4>${L.sources}</h4>
        <ul class="sources">
          ${ended.sources.map((one) => html`<li key=${one}>${one}</li>`)}
        </ul>`
    }
  </section>`;
}

/** Rows of {act, vantage, reads, sealed} of what was asserted. */
function rowsOf(cells) {
  const rows = new Map();
  for (const [act, vantage, message, verdict] of cells) {
    const at = `${act} ${vantage}`;
    if (!rows.has(at)) rows.set(at, { act, vantage, reads: [], sealed: [] });
    rows.get(at)[verdict].push(message);
  }
  return [...rows];
}

function Measured({ scene }) {
  if (scene.cells.length === 0) return null;
  const several = scene.acts > 1;
  const heads = [...(several ? [L.act] : []), L.seeAs, L.readsHead, L.sealedHead];
  const called = (names) => names.map((name) => L.quotedName(scene.names[name], name, capital, serviceOf)).join("; ");
  return html`<h4>${L.measuredAsTold}</h4>
    <div class="scroll" tabindex="0" role="region" aria-label=${L.measuredCells}>
      <table class="cells">
        <thead>
          <tr>
            ${heads.map((head) => html`<th scope="col" key=${head}>${head}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${rowsOf(scene.cells).map(
            ([at, row]) =>
              html`<tr key=${at} data-cells=${row.vantage}>
                ${several && html`<td>${row.act}</td>`}
                <th scope="row">${nameOf(row.vantage)}</th>
                <td class="reads">${row.reads.length > 0 && html`<${Icon} name="open" />`}${called(row.reads)}</td>
                <td>${called(row.sealed)}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>`;
}

function nameOf(id) {
  const found = vantageOf(now.value, id);
  return found.id === id ? found.name : capital(id);
}
