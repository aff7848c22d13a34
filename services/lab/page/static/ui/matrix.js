// The matrix: who reads which message. Measured where the lab has attacked, declared before; a cell opens its derivation.

import { html } from "../vendor/preact.js";
import { as, cell, now, vantage } from "../state.js";
import { act } from "../feed.js";
import { capital, serviceOf } from "../model/all.js";
import { VANTAGES, verdict } from "../model/vantages.js";
import { Button, Icon } from "./icons.js";
import { Derivation } from "./derivation.js";
import { Verdict } from "./peek.js";

export function Matrix() {
  const view = now.value;
  if (!view.world) return null;
  const table = view.matrix ? measured(view) : declared(view);
  if (table.columns.length === 0 && view.scene)
    return html`<p class="panel empty">
      The matrix has a column for each message, and the scenario has sent none so far.
    </p>`;
  if (table.columns.length === 0)
    return html`<div class="panel empty">
      <p>The matrix has a column for each message, and nothing has been sent yet.</p>
      <p>
        <${Button}
          class="primary"
          icon="play"
          words="Play the story"
          onClick=${() => act("story", {}, "Nine messages, two warrants, three minutes …")}
        />
      </p>
    </div>`;
  return html`<div class=${`matrix ${cell.value ? "split" : ""}`}>
    <section class="panel" aria-labelledby="matrix">
      <div class="top">
        <h2 id="matrix">Who reads what</h2>
        <p class="lead">
          ${table.measured ? html`Measured on the bytes that each party holds. <${Agreement} view=${view} />` : view.scene ? "Declared in this arrangement; at the end of the act the scenario’s own cells are measured, and marked." : "Declared: the rules of each lane. Measuring attacks the bytes that each party holds."}
        </p>
        ${view.scene ? null : html`<${Button} class="primary" icon="eye" words=${table.measured ? "Measure again" : "Measure"} onClick=${() => act("measure", {}, "Attacking memory, disks, links and answers …")} />`}
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label="Matrix"><${Table} table=${table} /></div>
    </section>
    ${cell.value && html`<${Derivation} view=${view} table=${table} />`}
  </div>`;
}

const Agreement = ({ view }) =>
  html`<span class=${`agreement ${view.matrix.measured.agreement.holds ? "ok" : "bad"}`}
    ><${Icon}
      name=${view.matrix.measured.agreement.holds ? "yes" : "no"}
    />${view.matrix.measured.agreement.holds ? "Declared, closure and measured agree in every cell." : "They do not agree in every cell."}</span
  >`;

/** The table before any attack: the latest nine messages and what the rules say of them. */
function declared(view) {
  const columns = view.messages.slice(-9).map((one) => ({ id: String(one.n), one, title: titleOf(one) }));
  const rows = VANTAGES.slice(1).map((one) => ({
    id: one.id,
    title: one.title,
    holds: one.holds,
    cells: columns.map((it) => ({ ...verdict(view, one, it.one), content: null })),
  }));
  return { measured: false, columns, rows };
}

function measured(view) {
  const { measured: found, mids } = view.matrix;
  const columns = found.messages.map((message) => {
    const one = view.messages.find((it) => it.mid === mids[message.key]) ?? null;
    return { id: message.key, one, title: one ? titleOf(one) : message.title };
  });
  const at = new Map(found.cells.map((it) => [`${it.message}.${it.vantage}`, it]));
  const rows = found.vantages.map((one) => {
    const known = VANTAGES.find((it) => it.id === one.id);
    return {
      id: one.id,
      title: known?.title ?? one.title,
      holds: one.says,
      cells: columns.map((it) => at.get(`${it.id}.${one.id}`)),
    };
  });
  return { measured: true, columns, rows };
}

const titleOf = (one) =>
  html`<span>${capital(one.from)}</span> <span>to ${capital(one.to)}</span> <small>${serviceOf(one)}</small>`;

function Table({ table }) {
  return html`<table>
    <thead>
      <tr>
        <th scope="col">Seen as</th>
        ${table.columns.map((one) => html`<th scope="col" key=${one.id} class=${one.one?.channel}>${one.title}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${table.rows.map(
        (row) =>
          html`<tr key=${row.id} class=${row.id === as.value ? "chosen" : ""}>
            <th scope="row">
              <button
                type="button"
                aria-pressed=${String(row.id === as.value)}
                title=${row.holds}
                onClick=${() => (as.value = row.id === as.value ? "all" : row.id)}
              >
                ${row.title}
              </button>
            </th>
            ${row.cells.map((it, at) => html`<td key=${at}><${Cell} it=${it} id=${`${table.columns[at].id}.${row.id}`} says=${row.title} measured=${table.measured} /></td>`)}
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function Cell({ it, id, measured: really }) {
  if (!really)
    return html`<${Verdict} reads=${it.reads} />${it.measured && html`<small class="source">measured</small>`}`;
  if (!it) return html`<span class="unmeasured">not measured</span>`;
  const agreed = it.declared === it.content && it.closure === it.content;
  return html`<button
    type="button"
    class="cell"
    aria-pressed=${String(cell.value === id)}
    onClick=${() => (cell.value = cell.value === id ? null : id)}
  >
    ${["reads", "sealed"].includes(it.content) ? html`<${Verdict} reads=${it.content === "reads"} />` : it.content}${!agreed && html`<strong class="differs">differs</strong>`}
  </button>`;
}
