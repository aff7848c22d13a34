// The first view: the drawing, what is seen of the message, and two handsets to write on.

import { html } from "../vendor/preact.js";
import { now, log, grown } from "../state.js";
import { act } from "../feed.js";
import { messageOf } from "../model/all.js";
import { Button } from "./icons.js";
import { Handset } from "./handset.js";
import { Peek } from "./peek.js";
import { Stage } from "./stage.js";

export function Lanes() {
  const view = now.value;
  const focus = view.focus ? messageOf(view, view.focus) : null;
  return html`<div class="lanes">
    <div class="hero"><${Stage} /><div class="under"><${Peek} one=${focus} /><${Start} /></div></div>
    ${view.world && html`<div class="handsets"><${Handset} first="alice" second="bob" /><${Handset} first="priya" second="quentin" /></div>`}
  </div>`;
}

/** Before anything has happened, the one thing to do. */
function Start() {
  grown.value;
  if (log.last > 0) return null;
  return html`<p class="start"><${Button} class="primary" icon="play" words="Play the story" onClick=${() => act("story", {}, "Nine messages, two warrants, three minutes …")} /> or write on a handset.</p>`;
}
