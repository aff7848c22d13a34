// The whole page: who looks and what at, above; the chosen view; the sentence and the time, below.

import { html, useLayoutEffect } from "../vendor/preact.js";
import {
  as,
  connected,
  confirming,
  help,
  notice,
  now,
  only,
  otherTheme,
  presenter,
  question,
  theme,
  tour,
  vantage,
  view,
} from "../state.js";
import { offline } from "../feed.js";
import { clockOf } from "../model/names.js";
import { KEYS, vantagesOf } from "../model/eyes.js";
import { L } from "../text.en.js";
import { Arrange } from "./arrange.js";
import { Board } from "./board.js";
import { Bytes } from "./bytes.js";
import { Confirm } from "./confirm.js";
import { Help } from "./help.js";
import { Button, Icon } from "./icons.js";
import { Lanes } from "./lanes.js";
import { Ledger } from "./ledger.js";
import { Matrix } from "./matrix.js";
import { Banner, Scenarios } from "./scenarios.js";
import { Timeline } from "./timeline.js";
import { Tour } from "./tour.js";
import { Warrants } from "./warrants.js";

const VIEWS = {
  lanes: Lanes,
  bytes: Bytes,
  warrants: Warrants,
  log: Ledger,
  matrix: Matrix,
  scenarios: Scenarios,
  exercises: Board,
  arrange: Arrange,
};
const ONLINE = new Set(["scenarios", "exercises", "arrange"]); // what needs a classroom behind it

export function Page() {
  const View = VIEWS[view.value];
  useLayoutEffect(() => document.getElementById("main").scrollTo(0, 0), [view.value]);
  return html`<div class="page" data-view=${view.value} data-scene=${now.value.scene?.name ?? ""}>
    <a class="skip" href="#main" onClick=${skip}>${L.skip}</a>
    <header>
      <h1>${L.name}<span class="hidden"> ${L.subtitle}</span></h1>
      <${Tabs} />
      <${SeeAs} />
      <${Clock} />
      <div class="tools">
        <${Button}
          icon="guide"
          label=${L.tour}
          aria-pressed=${String(tour.value !== null)}
          onClick=${() => (tour.value = tour.value === null ? 0 : null)}
        />
        <${Button}
          icon="stage"
          label=${L.presenter}
          aria-pressed=${String(presenter.value)}
          onClick=${() => (presenter.value = !presenter.value)}
        />
        <${Button} icon="theme" label=${L.theme} aria-pressed=${String(theme.value === "dark")} onClick=${otherTheme} />
        <${Button} icon="help" label=${L.help} onClick=${() => (help.value = true)} />
      </div>
    </header>
    <div class="above"><${Banner} /><${Tour} /></div>
    <main id="main" tabindex="-1" class=${`view-${view.value}`}><${View} /></main>
    <${Notice} />
    <footer><${Timeline} /></footer>
    <${Help} />
    <${Confirm} asked=${confirming} />
  </div>`;
}

function skip(pressed) {
  pressed.preventDefault();
  document.getElementById("main").focus();
}

const Tabs = () =>
  html`<nav aria-label=${L.views}>
    ${Object.keys(VIEWS)
      .filter((id) => !offline || !ONLINE.has(id))
      .map(
        (id) =>
          html`<button
            type="button"
            key=${id}
            data-view=${id}
            aria-current=${view.value === id ? "page" : undefined}
            onClick=${() => (view.value = id)}
          >
            ${L.view[id]}
          </button>`,
      )}
  </nav>`;

function SeeAs() {
  const asked = question.value !== null && question.value.verdicts === null;
  const all = vantagesOf(now.value);
  return html`<label class=${`seeas ${vantage.value.id === "all" ? "" : "chosen"}`}>
    <${Icon} name="eye" /><span>${L.seeAs}</span>
    <select
      aria-label=${L.seeAs}
      value=${vantage.value.id}
      disabled=${asked || only !== null}
      data-as=${vantage.value.id}
      onChange=${(changed) => (as.value = changed.target.value)}
      title=${vantage.value.says}
    >
      ${all.map(
        (one) =>
          html`<option key=${one.id} value=${one.id}>
            ${KEYS.includes(one.id) ? `${KEYS.indexOf(one.id)}  ` : ""}${one.name}
          </option>`,
      )}
    </select>
  </label>`;
}

function Clock() {
  if (offline) return html`<p class="clock" role="status">${L.saved}</p>`;
  if (connected.value !== "yes")
    return html`<p class="clock lost" role="status" data-connected=${connected.value}>
      ${connected.value === "lost" ? L.lost : L.notConnected}
    </p>`;
  const time = now.value.now ? clockOf(now.value.now) : "";
  return html`<p class="clock" title=${L.clock}><${Icon} name="clock" /><time>${time}</time></p>`;
}

function Notice() {
  const said = notice.value;
  if (!said) return html`<div class="notices" aria-live="polite"></div>`;
  const close = html`<${Button} icon="no" label=${L.close} onClick=${() => (notice.value = null)} />`;
  return html`<div class="notices" aria-live="polite">
    <p class=${`notice ${said.kind}`} role=${said.kind === "error" ? "alert" : "status"} data-code=${said.code ?? ""}>
      <span>${said.text}</span>${said.code && html`<code>${said.code}</code>`}${said.kind === "error" && close}
    </p>
  </div>`;
}
