// The matrix: who reads which message. Measured where the lab has attacked, declared before; a cell opens its
// derivation.

import { html, useState } from "../vendor/preact.js";
import { as, cell, now, vantage } from "../state.js";
import { act, offline } from "../feed.js";
import { capital, serviceOf, windowOf } from "../model/names.js";
import { folded, verdict } from "../model/eyes.js";
import { notWhole } from "../model/reduce.js";
import { L, T } from "../text.en.js";
import { Groups } from "./groups.js";
import { Button, Icon } from "./icons.js";
import { Derivation } from "./derivation.js";
import { Foreign } from "./foreign.js";
import { Verdict } from "./peek.js";
import { Terms } from "./terms.js";

const SHOWN = 12; // columns

export function Matrix() {
  const view = now.value;
  if (!view.world) return null;
  const columns = view.messages.filter((one) => one.mid !== null || one.hidden).slice(-SHOWN);
  if (columns.length === 0)
    return html`<h2 class="hidden">${L.matrixTitle}</h2>
      <${Empty} view=${view} />`;
  return html`<div class=${`matrix ${cell.value ? "split" : ""}`}>
    <section class="panel" aria-labelledby="matrix">
      <div class="top">
        <h2 id="matrix">${L.matrixTitle}</h2>
        <p class="lead"><${State} view=${view} /></p>
        ${!view.scene && !offline && html`<${Measure} view=${view} />`}
      </div>
      <div class="scroll" tabindex="0" role="region" aria-label=${L.matrix}>
        <${Table} view=${view} columns=${columns} />
      </div>
    </section>
    ${cell.value && html`<${Derivation} view=${view} />`}
  </div>`;
}

const Empty = ({ view }) =>
  html`<div class="panel empty">
    <p>${L.matrixEmpty}</p>
    ${
      !view.scene &&
      !offline &&
      html`<p>
        <${Button}
          class="primary pulse"
          icon="play"
          words=${L.story}
          data-story=${true}
          onClick=${() => act("story", {}, L.storyBusy)}
        />
      </p>`
    }
  </div>`;

function State({ view }) {
  const cells = Object.values(view.matrix?.cells ?? {});
  if (cells.length === 0) return html`<${Terms} text=${view.scene ? L.declaredScene : L.declaredLead} />`;
  const empty = notWhole(view.matrix);
  if (empty.length)
    return html`<span class="agreement bad" data-agrees="false"
      ><${Icon} name="no" />${T.say.notWhole(empty)[1]}</span
    >`;
  const wrong = cells.filter((one) => one.content !== "unmeasured" && one.content !== one.declared).length;
  return html`${L.measuredLead}
    <span class=${`agreement ${wrong ? "bad" : "ok"}`} data-agrees=${String(wrong === 0)}
      ><${Icon} name=${wrong ? "no" : "yes"} />${L.agreement(wrong, cells.length)}</span
    >`;
}

const Measure = ({ view }) =>
  html`<span class="measure"
    ><${Button}
      class="primary"
      icon="eye"
      words=${view.matrix ? L.measureAgain : L.measure}
      data-act="measure"
      onClick=${() => act("measure", {}, L.attacking)}
    /><small>${L.measureClock}</small></span
  >`;

function Table({ view, columns }) {
  const [open, setOpen] = useState(new Set());
  const toggle = (id) =>
    setOpen((before) => (before.has(id) ? new Set([...before].filter((one) => one !== id)) : new Set([...before, id])));
  const rows = folded(view.world.vantages);
  return html`<table>
    <thead>
      <tr>
        <td></td>
        ${columns.map(
          (one) =>
            html`<th scope="col" key=${one.key} class=${one.channel} data-column=${one.key}>
              <${Head} one=${one} />
            </th>`,
        )}
      </tr>
      <tr class="band">
        <th scope="row">${L.windowRow}</th>
        ${columns.map((one) => html`<${Band} key=${one.key} where=${windowOf(view, one)} />`)}
      </tr>
    </thead>
    <${Groups}
      rows=${rows}
      span=${columns.length + 1}
      row=${(row) =>
        html`<${Rows}
          key=${row.id}
          row=${row}
          columns=${columns}
          view=${view}
          open=${open.has(row.id)}
          toggle=${toggle}
        />`}
    />
  </table>`;
}

/** A column’s head: number, who to whom, and the text where these eyes read it. */
function Head({ one }) {
  const { reads } = verdict(vantage.value.id, one);
  return html`<b>${one.n}</b> <span>${capital(one.from)}</span> <span>${L.to(capital(one.to))}</span>
    <small>${serviceOf(one)}</small>
    ${(reads || one.hidden) && html`<small class="quote"><${Foreign} text=${one.text} /></small>`}`;
}

const Band = ({ where }) => html`<td class=${`lies ${where}`} data-window=${where}>${L.windowWhere[where]}</td>`;

function Rows({ row, columns, view, open, toggle }) {
  const shown = open || row.variants.some((one) => one.id === as.value || cell.value?.endsWith(`.${one.id}`));
  const all = shown ? [row, ...row.variants] : [row];
  return html`${all.map(
    (one) =>
      html`<tr
        key=${one.id}
        data-row=${one.id}
        class=${`${one.id === as.value ? "chosen" : ""} ${one === row ? "" : "variant"}`}
      >
        <th scope="row">
          <button
            type="button"
            class="name"
            aria-pressed=${String(one.id === as.value)}
            title=${one.says}
            onClick=${() => (as.value = one.id === as.value ? "all" : one.id)}
          >
            ${one.name}
          </button>
          ${
            one === row &&
            row.variants.length > 0 &&
            html`<button
              type="button"
              class="fold"
              data-fold=${row.id}
              aria-expanded=${String(shown)}
              aria-label=${L.variants(row.name, row.variants.length)}
              onClick=${() => toggle(row.id)}
            >
              ${shown ? "−" : `+${row.variants.length}`}
            </button>`
          }
        </th>
        ${columns.map((it) => html`<td key=${it.key}><${Cell} one=${it} who=${one.id} view=${view} /></td>`)}
      </tr>`,
  )}`;
}

function Cell({ one, who, view }) {
  if (one.hidden) return html`<span class="unmeasured">?</span>`;
  const { reads, measured } = verdict(who, one);
  const attacked = view.matrix?.cells[`${one.mid}.${who}`];
  if (!attacked)
    return html`<${Verdict} reads=${reads} />${measured && html`<small class="source">${L.measured}</small>`}`;
  const id = `${one.key}.${who}`;
  const choose = () => (cell.value = cell.value === id ? null : id);
  const differs = attacked.content !== "unmeasured" && attacked.content !== attacked.declared;
  return html`<button
    type="button"
    class="cell"
    data-cell=${id}
    aria-pressed=${String(cell.value === id)}
    onClick=${choose}
  >
    ${
      attacked.content === "unmeasured" ? L.unmeasured : html`<${Verdict} reads=${attacked.content === "reads"} />`
    }${differs && html`<strong class="differs">${L.differs}</strong>`}
  </button>`;
}
