// Build your own arrangement: two of them side by side, what each declares, what it costs, and what an attack finds.

import { html, signal, useEffect, useState } from "../vendor/preact.js";
import { now } from "../state.js";
import { ask, quietly } from "../feed.js";
import { folded } from "../model/eyes.js";
import { L, T } from "../text.en.js";
import { Groups } from "./groups.js";
import { Button } from "./icons.js";
import { Verdict } from "./peek.js";
import { save } from "./save.js";

const CHANNELS = ["consumer", "enterprise"];
const known = signal(null); // {choices, shipped}
const built = signal([
  { consumer: "carrier", enterprise: "customer", declared: null, measured: null },
  { consumer: "split", enterprise: "customer", declared: null, measured: null },
]);

const put = (at, change) => (built.value = built.value.with(at, { ...built.value[at], ...change }));

/** Choose: what is declared comes at once, and what was measured of another choice goes. */
async function choose(at, change) {
  put(at, { ...change, declared: null, measured: null });
  const { consumer, enterprise } = built.value[at];
  put(at, { declared: await ask("declare", { consumer, enterprise }) });
}

async function begin() {
  known.value = await quietly("arrangements");
  if (known.value) [0, 1].forEach((at) => choose(at, {}));
}

async function attack(at) {
  const { consumer, enterprise } = built.value[at];
  const measured = await ask("tryout", { consumer, enterprise }, L.attackingBuilt);
  if (built.value[at].consumer === consumer && built.value[at].enterprise === enterprise) put(at, { measured });
}

export function Arrange() {
  const [moment, setMoment] = useState(1);
  useEffect(() => {
    if (!known.value) begin();
  }, []);
  const view = now.value;
  if (!view.world || !known.value)
    return html`<h2>${L.view.arrange}</h2>
      <p class="lead">${L.preparing}</p>`;
  return html`<div class="arrange">
    <div class="top">
      <h2>${L.view.arrange}</h2>
      <p class="lead">${L.buildLead}</p>
    </div>
    <div class="builders">${[0, 1].map((at) => html`<${Builder} key=${at} at=${at} />`)}</div>
    <section class="panel built" aria-label=${L.matrixTitle}>
      <label class="momentum">
        <span>${L.moment}</span>
        <input
          type="range"
          min="0"
          max="1"
          value=${moment}
          data-moment=${moment}
          aria-valuetext=${L.moments[moment]}
          onInput=${(moved) => setMoment(Number(moved.target.value))}
        />
        <strong>${L.moments[moment]}</strong>
      </label>
      <div class="scroll" tabindex="0" role="region" aria-label=${L.matrix}>
        <${Table} view=${view} moment=${moment} />
      </div>
    </section>
  </div>`;
}

function Builder({ at }) {
  const one = built.value[at];
  const which = "AB"[at];
  const from = (name) => {
    const found = known.value.shipped.find((it) => it.name === name);
    if (found) choose(at, { consumer: found.consumer, enterprise: found.enterprise });
  };
  const select = (channel) =>
    html`<label key=${channel}>
      <span>${T.lane[channel]}</span>
      <select
        data-build=${`${which}.${channel}`}
        value=${one[channel]}
        onChange=${(changed) => choose(at, { [channel]: changed.target.value })}
      >
        ${known.value.choices[channel].map(
          ({ name }) => html`<option key=${name} value=${name}>${L.custody[name] ?? name}</option>`,
        )}
      </select>
    </label>`;
  return html`<section class="panel builder" aria-labelledby=${`built-${which}`} data-built=${which}>
    <h3 id=${`built-${which}`}>${L.built(which)}</h3>
    <label>
      <span>${L.startFrom}</span>
      <select onChange=${(changed) => from(changed.target.value)}>
        <option value="">…</option>
        ${known.value.shipped.map((it) => html`<option key=${it.name} value=${it.name}>${it.title}</option>`)}
      </select>
    </label>
    ${CHANNELS.map(select)} ${one.declared && html`<${Costs} costs=${one.declared.costs} />`}
    <p class="acts">
      <${Button} class="primary" icon="eye" words=${L.attackIt} data-attack=${which} onClick=${() => attack(at)} />
      <${Button}
        words=${L.saveToml}
        data-toml=${which}
        disabled=${!one.declared}
        onClick=${() => save(`arrangement-${which.toLowerCase()}.toml`, "application/toml", one.declared.toml)}
      />
    </p>
    ${one.measured && html`<p class="agreement" data-measured=${wrongIn(one)}>${L.asMeasured(wrongIn(one))}</p>`}
  </section>`;
}

/** How many cells an attack found otherwise than they were declared, inside the window. */
const wrongIn = ({ declared, measured }) =>
  CHANNELS.flatMap((channel) =>
    Object.entries(measured[channel]).filter(([who, reads]) => differs(declared, channel, who, reads)),
  ).length;

const differs = (declared, channel, who, reads) =>
  reads !== null && who in declared.cells[channel] && declared.cells[channel][who][1] !== reads;

const Costs = ({ costs }) =>
  html`<dl class="costs" aria-label=${L.costs}>
    ${Object.entries(L.cost).map(
      ([name, [title, yes, no]]) =>
        html`<div key=${name}>
          <dt>${title}</dt>
          <dd>${CHANNELS.map((channel) => `${L.channel[channel]}: ${costs[channel][name] ? yes : no}`).join(". ")}</dd>
        </div>`,
    )}
  </dl>`;

function Table({ view, moment }) {
  const columns = [0, 1].flatMap((at) => CHANNELS.map((channel) => ({ at, channel })));
  const head = ({ at, channel }) =>
    html`<th scope="col" key=${`${at}${channel}`}>${"AB"[at]}: ${L.channel[channel]}</th>`;
  const rows = folded(view.world.vantages);
  return html`<table>
    <thead>
      <tr>
        <td></td>
        ${columns.map(head)}
      </tr>
    </thead>
    <${Groups}
      rows=${rows}
      span=${5}
      row=${(row) => html`<${Row} key=${row.id} row=${row} columns=${columns} moment=${moment} />`}
    />
  </table>`;
}

function Row({ row, columns, moment }) {
  const reads = ({ at, channel }) => {
    const { declared, measured } = built.value[at];
    const attacked = moment === 1 ? measured?.[channel][row.id] : undefined;
    return attacked ?? declared?.cells[channel][row.id]?.[moment] ?? null;
  };
  const found = columns.map(reads);
  const moved = found[0] !== found[2] || found[1] !== found[3];
  return html`<tr class=${moved ? "moved" : ""} data-row=${row.id} data-moved=${String(moved)}>
    <th scope="row" title=${row.says}>${row.name}${moved && html` <small>${L.moved}</small>`}</th>
    ${found.map((it, at) => html`<td key=${at}>${it === null ? "…" : html`<${Verdict} reads=${it} />`}</td>`)}
  </tr>`;
}
