// The first view: the drawing, what is seen of the message, and two handsets to write on.

import { html } from "../vendor/preact.js";
import { now, log, grown } from "../state.js";
import { act } from "../feed.js";
import { messageOf } from "../model/all.js";
import { Button } from "./icons.js";
import { Handset } from "./handset.js";
import { Peek } from "./peek.js";
import { Ending } from "./scenarios.js";
import { Stage } from "./stage.js";

export function Lanes() {
  const view = now.value;
  const focus = view.focus ? messageOf(view, view.focus) : null;
  return html`<div class="lanes">
    <div class="hero">
      ${view.scene?.ended && html`<${Ending} scene=${view.scene} />`}<${Stage} />
      <div class="under">${focus ? html`<${Peek} one=${focus} />` : view.scene ? null : html`<${Start} />`}</div>
    </div>
    ${view.world && html`<div class="handsets"><${Handset} first="alice" second="bob" /><${Handset} first="priya" second="quentin" /></div>`}
  </div>`;
}

/** Before anything has happened, the two things to do. */
function Start() {
  grown.value;
  const play =
    log.last > 0
      ? null
      : html`or
          <${Button}
            class="primary"
            icon="play"
            words="Play the story"
            onClick=${() => act("story", {}, "Nine messages, two warrants, three minutes …")}
          />`;
  return html`<section class="peek empty" aria-label="What is seen">
    <p>Write something on a handset, ${play} and watch who can open it.</p>
  </section>`;
}
