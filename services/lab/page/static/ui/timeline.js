// Time: one sentence a step, what was checked in it, and every way through the steps.

import { html } from "../vendor/preact.js";
import {
  asking,
  chapters,
  event,
  folded,
  go,
  last,
  now,
  playing,
  presenter,
  question,
  speed,
  step,
  stops,
  toggle,
  words,
} from "../state.js";
import { confirming } from "../state.js";
import { act, offline } from "../feed.js";
import { L, T } from "../text.en.js";
import { Button, Icon } from "./icons.js";
import { Terms } from "./terms.js";

export function Timeline() {
  const end = last.value;
  const asked = question.value !== null && question.value.verdicts === null;
  return html`<${Caption} />
    <div class="transport">
      <div class="buttons" role="group" aria-label=${L.time}>
        <${Button} icon="first" label=${L.toFirst} onClick=${() => go(0)} disabled=${step.value === 0} />
        <${Button} icon="back" label=${L.back} onClick=${() => go(step.value - 1)} disabled=${step.value === 0} />
        <${Button}
          class="main"
          icon=${playing.value ? "pause" : "play"}
          label=${playing.value ? L.pause : L.play}
          onClick=${toggle}
          disabled=${asked}
        />
        <${Button}
          icon="forward"
          label=${L.forward}
          onClick=${() => go(step.value + 1)}
          disabled=${step.value >= end}
        />
        <${Button} icon="last" label=${L.last} onClick=${() => go(end)} disabled=${step.value >= end} />
      </div>
      <${Track} end=${end} />
      <p class="where" data-step=${step.value} data-steps=${end + 1}>
        ${step.value + 1}<span> ${L.of(end + 1)}</span
        >${playing.value && step.value >= end ? html` <em>${L.live}</em>` : ""}
      </p>
      <${Pace} />
      ${
        presenter.value &&
        !now.value.scene &&
        !offline &&
        html`<${Button} icon="again" words=${L.reset} label=${L.resetLabel} onClick=${askReset} />`
      }
      <${Button}
        icon=${folded.value ? "unfold" : "fold"}
        label=${folded.value ? L.unfold : L.fold}
        aria-expanded=${String(!folded.value)}
        onClick=${() => (folded.value = !folded.value)}
      />
    </div>`;
}

const askReset = () => (confirming.value = { ...L.confirmReset, doing: () => act("reset") });

function Caption() {
  const [title, sentence] = words.value;
  const view = now.value;
  const kind = event.value?.type ?? "";
  const facts = kind === "told" ? (view.told?.facts ?? []) : [];
  return html`<div class="caption" aria-live="polite" aria-atomic="true" data-event=${kind} data-folded=${folded.value}>
    <p class="title">${title}</p>
    <p class="sentence"><${Terms} text=${sentence} /></p>
    ${
      facts.length > 0 &&
      html`<ul class="facts-checked">
        ${facts.map(({ what, found }) => html`<${Fact} key=${what} ...${T.fact(what, found)} />`)}
      </ul>`
    }
  </div>`;
}

const Fact = ({ text, code }) => html`<li><${Icon} name="yes" />${text}${code && html` <code>${code}</code>`}</li>`;

function Track({ end }) {
  const [title] = words.value;
  const says = L.stepOf(step.value + 1, end + 1, title);
  return html`<div class="track">
    <input
      type="range"
      min="0"
      max=${end}
      value=${step.value}
      aria-label=${L.step}
      aria-valuetext=${says}
      onInput=${(moved) => go(Number(moved.target.value))}
    />
    <${Chapters} end=${Math.max(end, 1)} />
  </div>`;
}

/** Where the story says something: short strokes under the slider. At most sixty, so that scrubbing stays quick. */
const Chapters = ({ end }) =>
  html`<svg class="chapters" viewBox="0 0 1000 6" preserveAspectRatio="none" aria-hidden="true">
    ${chapters.value
      .slice(0, 60)
      .map((one) => html`<rect key=${one.step} x=${(one.step / end) * 998} y="0" width="2" height="6" />`)}
  </svg>`;

const Pace = () =>
  html`<div class="pace">
    <select
      aria-label=${L.speed}
      value=${speed.value}
      onChange=${(changed) => (speed.value = Number(changed.target.value))}
    >
      ${[0.5, 1, 2].map((one) => html`<option key=${one} value=${one}>${L.speeds[one]}</option>`)}
    </select>
    <${Switch} of=${stops} words=${L.stops} label=${L.stopsLabel} />
    <${Switch} of=${asking} words=${L.asking} label=${L.askingLabel} />
  </div>`;

/** Clicked by mouse it lets the focus go: the next Space plays. */
const Switch = ({ of, words, label }) =>
  html`<label title=${label}
    ><input
      type="checkbox"
      checked=${of.value}
      onChange=${(changed) => (of.value = changed.target.checked)}
      onClick=${(clicked) => clicked.detail && clicked.target.blur()}
    />${words}</label
  >`;
