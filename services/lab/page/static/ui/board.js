// The exercises: begin one, and it is ticked by itself when the log says that it is done.

import { html, useState } from "../vendor/preact.js";
import { grown, log } from "../state.js";
import { ask, listed } from "../feed.js";
import { boardOf, csvOf } from "../model/board.js";
import { L } from "../text.en.js";
import { Button, Icon } from "./icons.js";
import { save } from "./save.js";

const exercises = listed("exercises");

export function Board() {
  grown.value;
  const all = exercises();
  const board = boardOf(log.entries);
  const points = Object.values(board.solved).reduce((sum, one) => sum + one, 0);
  const whole = all.reduce((sum, one) => sum + one.points, 0);
  return html`<div class="board">
    <div class="top">
      <h2>${L.view.exercises}</h2>
      <p class="lead" data-points=${points}>${L.points(points, whole)} ${L.boardLead}</p>
      <${Button}
        words=${L.csv}
        data-csv=${true}
        onClick=${() => save("exercises.csv", "text/csv", csvOf(all, board))}
      />
    </div>
    <ol class="exercises">
      ${all.map(
        (one) =>
          html`<${Exercise} key=${one.id} one=${one} given=${board.begun[one.id]} solved=${one.id in board.solved} />`,
      )}
    </ol>
  </div>`;
}

function Exercise({ one, given, solved }) {
  const [asked, setAsked] = useState(false);
  async function begin() {
    setAsked(true);
    await ask("start", { exercise: one.id }, L.preparing);
    setAsked(false);
  }
  const begun = given !== undefined;
  const state = solved ? "solved" : begun ? "begun" : "new";
  return html`<li class=${`panel exercise ${state}`} data-exercise=${one.id} data-state=${state}>
    <div class="top">
      <h3>${one.title}</h3>
      <span class="worth">${L.worth(one.points, one.level)}</span>
      ${solved && html`<span class="tick"><${Icon} name="yes" />${L.done}</span>`}
      ${begun && !solved && html`<span>${L.begun}</span>`}
    </div>
    <p>${one.task}</p>
    ${given && html`<pre class="given">${given}</pre>`}
    ${begun && one.asks && !solved && html`<${Answer} one=${one} />`}
    <${Hints} hints=${one.hints} />
    ${
      !solved &&
      html`<p class="acts">
        <${Button}
          class="primary"
          words=${begun ? L.beginAgain : L.begin}
          data-begin=${one.id}
          disabled=${asked}
          onClick=${begin}
        />
      </p>`
    }
  </li>`;
}

function Answer({ one }) {
  const [wrong, setWrong] = useState(false);
  async function answer(submitted) {
    submitted.preventDefault();
    const text = new FormData(submitted.target).get("answer");
    const said = await ask("answer", { exercise: one.id, text });
    setWrong(said !== null && !said.solved);
  }
  return html`<form class="answer" onSubmit=${answer}>
    <label><span>${one.asks}</span><textarea name="answer" rows="2" spellcheck=${false}></textarea></label>
    <button class="primary" data-answer=${one.id}>${L.answer}</button>
    <span role="status">${wrong ? L.notYet : ""}</span>
  </form>`;
}

/** Three hints, opened one after the other. */
function Hints({ hints }) {
  const [open, setOpen] = useState(0);
  return html`<div class="hints">
    <ol>
      ${hints.slice(0, open).map((hint) => html`<li key=${hint}>${hint}</li>`)}
    </ol>
    ${
      open < hints.length &&
      html`<${Button} words=${L.hint(open + 1, hints.length)} data-hint=${true} onClick=${() => setOpen(open + 1)} />`
    }
  </div>`;
}
