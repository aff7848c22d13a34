// The first view: the drawing, what is seen of the message, and two handsets to write on.

import { html } from "../vendor/preact.js";
import { grown, log, now, question, vantage } from "../state.js";
import { act, offline } from "../feed.js";
import { focusOf } from "../model/reduce.js";
import { L } from "../text.en.js";
import { Findings } from "./findings.js";
import { Button } from "./icons.js";
import { Handset } from "./handset.js";
import { Legend } from "./legend.js";
import { Peek } from "./peek.js";
import { Question } from "./question.js";
import { Ending } from "./scenarios.js";
import { Stage } from "./stage.js";
import { Terms } from "./terms.js";

export function Lanes() {
  const view = now.value;
  return html`<div class=${`lanes ${question.value ? "asking" : ""}`}>
    <h2 class="hidden">${L.lanesTitle}</h2>
    <div class="hero">
      ${view.scene?.ended && html`<${Ending} scene=${view.scene} />`}
      <${Stage} />
      <div class="under"><${Under} view=${view} /></div>
    </div>
    ${
      view.world &&
      html`<div class="handsets">
        <${Handset} first="alice" second="bob" /><${Handset} first="priya" second="quentin" />
      </div>`
    }
  </div>`;
}

/** Below the drawing: the question, what an inspection found, one message through the eyes that were chosen. */
function Under({ view }) {
  const focus = focusOf(view);
  if (question.value && focus) return html`<${Question} one=${focus} />`;
  const what = view.inspected;
  if (what && vantage.value.knows_warrants)
    return html`<section class="panel">
      <h3>${L.findings}</h3>
      <${Findings} found=${{ ...what, ...what.inspection }} view=${view} />
    </section>`;
  if (focus) return html`<${Peek} one=${focus} /><${Legend} />`;
  return view.scene ? null : html`<${Start} />`;
}

/** Before anything has happened: one sentence, and one next step. */
function Start() {
  grown.value;
  const story = () => act("story", {}, L.storyBusy);
  const fresh = log.last === 0 && !offline;
  return html`<section class="peek empty" aria-label=${L.seen}>
      <p>
        <strong><${Terms} text=${L.first} /></strong>
      </p>
      <p>
        ${offline ? L.firstSaved : fresh ? L.firstHow : L.firstWrite}${
          fresh &&
          html` <${Button} class="primary pulse" icon="play" words=${L.story} data-story=${true} onClick=${story} />`
        }
      </p>
    </section>
    <${Legend} />`;
}
