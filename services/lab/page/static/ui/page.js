// The whole page: who looks and what at, above; the chosen view; the sentence and the time, below.

import { html } from "../vendor/preact.js";
import { as, connected, help, now, notice, otherTheme, presenter, vantage, view } from "../state.js";
import { clockOf } from "../model/all.js";
import { KEYS, VANTAGES } from "../model/vantages.js";
import { Bytes } from "./bytes.js";
import { Help } from "./help.js";
import { Button, Icon } from "./icons.js";
import { Lanes } from "./lanes.js";
import { Ledger } from "./ledger.js";
import { Matrix } from "./matrix.js";
import { Banner, Scenarios } from "./scenarios.js";
import { Timeline } from "./timeline.js";
import { Warrants } from "./warrants.js";

const VIEWS = {
  lanes: ["Lanes", Lanes],
  bytes: ["Bytes", Bytes],
  warrants: ["Warrants", Warrants],
  log: ["Ledger", Ledger],
  matrix: ["Matrix", Matrix],
  scenarios: ["Scenarios", Scenarios],
};

export function Page() {
  const [, View] = VIEWS[view.value];
  return html`<div class=${`page ${now.value.scene ? "playing" : ""}`}>
    <a class="skip" href="#main" onClick=${skip}>To the lesson</a>
    <header>
      <h1>intercept-tiers <small>the glass box</small></h1>
      <${Tabs} />
      <${SeeAs} />
      <${Clock} />
      <div class="tools">
        <${Button}
          icon="stage"
          label="Presenter mode (p)"
          aria-pressed=${String(presenter.value)}
          onClick=${() => (presenter.value = !presenter.value)}
        />
        <${Button} icon="theme" label="Dark or light (d)" onClick=${otherTheme} />
        <${Button} icon="help" label="Help (?)" onClick=${() => (help.value = true)} />
      </div>
    </header>
    <${Banner} />
    <main id="main" tabindex="-1" class=${`view-${view.value}`}><${View} /></main>
    <${Notice} />
    <footer><${Timeline} /></footer>
    <${Help} />
  </div>`;
}

function skip(pressed) {
  pressed.preventDefault();
  document.getElementById("main").focus();
}

const Tabs = () =>
  html`<nav aria-label="Views">
    ${Object.entries(VIEWS).map(([id, [name]]) => html`<button type="button" key=${id} aria-current=${view.value === id ? "page" : undefined} onClick=${() => (view.value = id)}>${name}</button>`)}
  </nav>`;

function SeeAs() {
  return html`<label class=${`seeas ${as.value === "all" ? "" : "chosen"}`}
    ><${Icon} name="eye" /><span>See as</span>
    <select value=${as.value} onChange=${(changed) => (as.value = changed.target.value)} title=${vantage.value.holds}>
      ${VANTAGES.map((one) => html`<option key=${one.id} value=${one.id}>${KEYS.includes(one.id) ? `${KEYS.indexOf(one.id)}  ` : ""}${one.title}</option>`)}
    </select>
  </label>`;
}

function Clock() {
  if (!connected.value) return html`<p class="clock lost" role="status">not connected</p>`;
  return html`<p class="clock" title="Classroom time, UTC">
    <${Icon} name="clock" /><time>${now.value.now ? clockOf(now.value.now) : ""}</time>
  </p>`;
}

function Notice() {
  const said = notice.value;
  return html`<div class="notices" aria-live="polite">
    ${
      said &&
      html`<p class=${`notice ${said.kind}`} role=${said.kind === "error" ? "alert" : "status"}>
        <span>${said.text}</span>${said.code && html`<code>${said.code}</code>`}
        ${said.kind === "error" && html`<${Button} icon="no" label="Close" onClick=${() => (notice.value = null)} />`}
      </p>`
    }
  </div>`;
}
