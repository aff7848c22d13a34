// Time: one sentence a step, and every way through the steps.

import { html } from "../vendor/preact.js";
import { go, last, log, now, playing, step, toggle, words, grown } from "../state.js";
import { act } from "../feed.js";
import { Button } from "./icons.js";

export function Timeline() {
  const [title, sentence] = words.value;
  const end = last.value;
  return html`<div class="caption" aria-live="polite" aria-atomic="true">
      <p class="title">${title}</p>
      <p class="sentence">${sentence}</p>
    </div>
    <div class="transport">
      <div class="buttons">
        <${Button} icon="first" label="To the beginning (Home)" onClick=${() => go(0)} disabled=${step.value === 0} />
        <${Button} icon="back" label="Back (←)" onClick=${() => go(step.value - 1)} disabled=${step.value === 0} />
        <${Button}
          class="main"
          icon=${playing.value ? "pause" : "play"}
          label=${playing.value ? "Pause (Space)" : "Play (Space)"}
          onClick=${toggle}
        />
        <${Button}
          icon="forward"
          label="Forward (→)"
          onClick=${() => go(step.value + 1)}
          disabled=${step.value >= end}
        />
        <${Button} icon="last" label="To the present (End)" onClick=${() => go(end)} disabled=${step.value >= end} />
      </div>
      <div class="track">
        <input
          type="range"
          min="0"
          max=${end}
          value=${step.value}
          aria-label="Step"
          aria-valuetext=${`Step ${step.value + 1} of ${end + 1}: ${title}`}
          onInput=${(moved) => go(Number(moved.target.value))}
        />
        <${Chapters} />
      </div>
      <p class="where">
        ${step.value + 1}<span> of ${end + 1}</span>${playing.value && step.value >= end ? html` <em>live</em>` : ""}
      </p>
      ${now.value.scene ? null : html`<${Button} icon="again" words="Reset" label="Begin the lesson again" onClick=${() => act("reset")} />`}
    </div>`;
}

/** Where the story says something: short strokes under the slider. At most sixty, so that scrubbing stays quick. */
function Chapters() {
  grown.value;
  const end = Math.max(last.value, 1);
  const told = log.steps
    .map((n, at) => [at, log.entries[n].event])
    .filter(([, event]) => ["told", "measured", "boots"].includes(event.type));
  return html`<svg class="chapters" viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true">
    ${told.slice(0, 60).map(([at]) => html`<rect key=${at} x=${(at / end) * 998} y="0" width="2" height="6" />`)}
  </svg>`;
}
