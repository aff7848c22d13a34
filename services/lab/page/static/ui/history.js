// The time line: what happened, by its date. Each stop says what was asked and what arrangement it meant, and plays;
// its matrix stands beside the next one's, and what moved is marked.

import { batch, html } from "../vendor/preact.js";
import { grown, log, now, playing, view as chosen } from "../state.js";
import { act } from "../feed.js";
import { folded } from "../model/eyes.js";
import { columnsOf, LANES, movesOf, playedIn } from "../model/history.js";
import { L } from "../text.en.js";
import { Groups } from "./groups.js";
import { Button, Icon } from "./icons.js";

/** A title's name, before its colon. */
const short = (title) => title.split(":")[0];

/** What happened, by its date. */
export function History({ stops, scene }) {
  const columns = columnsOf(stops);
  const all = folded(now.value.world.vantages);
  const reads = ({ id }) => columns.some(({ matrix }) => matrix.reads[id].some(Boolean));
  const rows = all.filter(reads);
  const never = all.filter((row) => !reads(row)).map((row) => row.name);
  grown.value;
  return html`<section class="panel beside" aria-labelledby="beside">
      <h3 id="beside">${L.beside}</h3>
      <p class="lead">${L.besideLead}</p>
      <div class="scroll" tabindex="0" role="region" aria-label=${L.beside}>
        <${Table} columns=${columns} rows=${rows} played=${playedIn(log.entries)} />
      </div>
      ${columns.length > 0 && html`<p class="lead" data-never=${true}>${L.neverReads(never)}</p>`}
    </section>
    <section class="panel">
      <h3>${L.history}</h3>
      <p class="lead">${L.historyLead}</p>
      <ol class="timeline">
        ${stops.map(
          (one) =>
            html`<${Stop}
              key=${one.name}
              one=${one}
              columns=${columns.filter(({ stop }) => stop === one)}
              rows=${rows}
              scene=${scene}
            />`,
        )}
      </ol>
    </section>`;
}

function Stop({ one, columns, rows, scene }) {
  const said = [
    [L.asked, one.asked],
    [L.meant, columns.map(({ matrix }) => matrix.arranged).join("; ")],
    [L.movedThere, columns.map((column) => movedText(column, rows)).join(" ")],
    [L.got, one.got],
  ];
  return html`<li id=${`stop-${one.name}`} data-stop=${one.name} class=${scene?.name === one.name ? "chosen" : ""}>
    <time>${one.when}</time>
    <div>
      <h4>${one.title}</h4>
      <dl>
        ${said.map(
          ([name, text]) =>
            html`<div key=${name}>
              <dt>${name}</dt>
              <dd>${text}</dd>
            </div>`,
        )}
      </dl>
    </div>
    <${Play} one=${one} scene=${scene} />
  </li>`;
}

/** What moved from the column before, in words. */
function movedText(column, rows) {
  const name = ([id, lane]) => [rows.find((row) => row.id === id).name, L.channel[lane].toLowerCase()];
  const { opens, shuts } = movesOf(column, rows);
  return L.movedText(column.stop.matrices.length > 1 ? column.matrix.act : 0, opens.map(name), shuts.map(name));
}

function Table({ columns, rows, played }) {
  const alone = [...new Set(columns.flatMap(({ matrix }) => Object.keys(matrix.own)))];
  return html`<table>
    <thead>
      <tr>
        <td></td>
        ${columns.map(
          ({ stop, matrix }) =>
            html`<${Head} key=${`${stop.name} ${matrix.act}`} stop=${stop} matrix=${matrix} played=${played} />`,
        )}
      </tr>
      <tr class="lanes-of">
        <td></td>
        ${columns.map(({ stop, matrix }) =>
          LANES.map(
            (lane) => html`<th scope="col" key=${`${stop.name} ${matrix.act} ${lane}`}>${L.laneShort[lane]}</th>`,
          ),
        )}
      </tr>
    </thead>
    <${Groups}
      rows=${rows}
      span=${columns.length * 2 + 1}
      row=${({ id, name, says }) => html`<${Row} key=${id} id=${id} name=${name} says=${says} columns=${columns} />`}
    />
    <tbody>
      <tr class="group">
        <th scope="rowgroup" colspan=${columns.length * 2 + 1}><span>${L.thereAlone}</span></th>
      </tr>
      ${alone.map((id) => html`<${Own} key=${id} id=${id} columns=${columns} />`)}
    </tbody>
  </table>`;
}

const Head = ({ stop, matrix, played }) =>
  html`<th scope="colgroup" colspan="2" data-column=${`${stop.name}.${matrix.act}`}>
    <a href=${`#stop-${stop.name}`} onClick=${(pressed) => bring(pressed, stop.name)}>${short(stop.title)}</a>
    <small>${stop.matrices.length > 1 ? `${L.actNumber(matrix.act)}: ` : ""}${matrix.arranged}</small>
    ${played.has(stop.name) && html`<small class="tick"><${Icon} name="yes" />${L.playedHere}</small>`}
  </th>`;

/** Go to a stop of the list: the address of the page stays what it is. */
function bring(pressed, name) {
  pressed.preventDefault();
  const stop = document.getElementById(`stop-${name}`);
  stop.scrollIntoView({ block: "center" });
  stop.querySelector("button").focus({ preventScroll: true });
}

const Row = ({ id, name, says, columns }) =>
  html`<tr data-row=${id}>
    <th scope="row" title=${says}>${name}</th>
    ${columns.map(({ stop, matrix, moved }) =>
      matrix.reads[id].map(
        (reads, lane) =>
          html`<${Cell} key=${`${stop.name} ${matrix.act} ${lane}`} reads=${reads} moved=${moved[id]?.[lane] ?? ""} />`,
      ),
    )}
  </tr>`;

const Cell = ({ reads, moved }) =>
  html`<td class=${`${reads ? "reads" : "sealed"} ${moved && "moved"}`} data-moved=${moved}>
    <${Icon} name=${reads ? "open" : "lock"} /><span class="hidden">
      ${reads ? L.verdict.reads : L.verdict.sealed}${moved && `, ${L.movedHow[moved]}`}</span
    >${moved && html`<b aria-hidden="true">${moved === "opens" ? "+" : "−"}</b>`}
  </td>`;

/** A vantage point that one stop alone has. */
const Own = ({ id, columns }) =>
  html`<tr data-row=${id}>
    <th scope="row">${L.own[id]}</th>
    ${columns.map(({ stop, matrix }) => {
      const reads = matrix.own[id];
      const key = `${stop.name} ${matrix.act}`;
      if (reads === undefined) return html`<td key=${key} colspan="2" class="none"></td>`;
      return html`<td key=${key} colspan="2" class=${reads ? "reads" : "sealed"}>
        <${Icon} name=${reads ? "open" : "lock"} /><span class="hidden">${L.verdict[reads ? "reads" : "sealed"]}</span>
      </td>`;
    })}
  </tr>`;

export const Play = ({ one, scene }) =>
  html`<span class="acts-count">${one.acts > 1 ? L.actsCount(one.acts) : ""}</span
    ><${Button}
      icon="play"
      words=${L.playIt}
      label=${L.playNamed(one.title)}
      data-play=${one.name}
      disabled=${Boolean(scene && !scene.ended)}
      onClick=${() => begin(one)}
    />`;

function begin(one) {
  batch(() => {
    chosen.value = "lanes";
    playing.value = true;
  });
  act("scenario", { name: one.name });
}
