// The warrant desk: apply, decide, serve, open the window, try the minute after. Every act is a real request, and
// logged.

import { html, useRef, useState } from "../vendor/preact.js";
import { now, vantage, view as chosenView } from "../state.js";
import { act, offline } from "../feed.js";
import { capital, clockOf, copying, handsetOf, MINUTE, minuteOf, suspensions } from "../model/names.js";
import { L } from "../text.en.js";
import { Button, Icon } from "./icons.js";
import { Findings } from "./findings.js";

export function Warrants() {
  const view = now.value;
  if (!view.world) return null;
  const quiet = view.scene || offline;
  return html`<h2 class="hidden">${L.warrantsTitle}</h2>
    <div class="desk">
      <section class="panel apply" aria-labelledby="apply">
        <h3 id="apply">${L.applyTitle}</h3>
        ${
          quiet
            ? html`<p class="lead">${offline ? L.savedNoActs : L.scenesWarrants}</p>`
            : html`<${Apply} view=${view} /><${TurnClock} view=${view} /><${Regulator} view=${view} />`
        }
      </section>
      <section class="standing" aria-labelledby="standing">
        <h3 id="standing">${L.warrants}</h3>
        ${
          vantage.value.knows_warrants
            ? html`<${List} view=${view} />`
            : html`<p class="panel empty" data-standing="unknown">${L.knowsNoWarrant(vantage.value.name)}</p>`
        }
      </section>
    </div>`;
}

function Apply({ view }) {
  const form = useRef(null);
  const [target, setTarget] = useState("alice");
  const person = handsetOf(view.world, target);
  function apply(submitted) {
    submitted.preventDefault();
    const given = new FormData(form.current);
    const [minutes, after] = ["minutes", "after"].map((name) => Number(given.get(name)));
    act("apply", { target, services: given.getAll("services"), minutes, after });
  }
  const name = (one) => L.employee(capital(one.name), one.org && capital(view.world.customers[one.org]));
  const box = ([id, text]) =>
    html`<label key=${id}><input type="checkbox" name="services" value=${id} defaultChecked />${text}</label>`;
  const number = (label, key, min, value) =>
    html`<label
      ><span>${label}</span
      ><span class="unit"
        ><input type="number" name=${key} min=${min} max="1440" defaultValue=${value} required /> ${L.min}</span
      ></label
    >`;
  return html`<form ref=${form} onSubmit=${apply}>
    <label
      ><span>${L.target}</span
      ><select name="target" value=${target} onChange=${(changed) => setTarget(changed.target.value)}>
        ${view.world.handsets.map((one) => html`<option key=${one.name} value=${one.name}>${name(one)}</option>`)}
      </select></label
    >
    <fieldset>
      <legend>${L.services}</legend>
      ${Object.entries(L.service).map(box)}
    </fieldset>
    ${number(L.forMinutes, "minutes", "1", "10")}${number(L.startingIn, "after", "0", "0")}
    <button class="primary" data-act="apply">${L.apply}</button>
    ${person.org && html`<p class="hint" data-hint="enterprise"><${Icon} name="lock" />${L.enterpriseTarget}</p>`}
  </form>`;
}

const TurnClock = ({ view }) =>
  html`<div class="turn">
    <p>${L.clockNow} <time>${clockOf(view.now)}</time></p>
    <${Button} icon="clock" words=${L.turn} data-act="turn" onClick=${() => act("turn", { minutes: 1 })} />
  </div>`;

/** A regulator, who suspends a service on the consumer lane, or lets it go on. */
function Regulator({ view }) {
  const stands = suspensions(view, "consumer").some((one) => one.services.includes("bbm"));
  const order = () => act("regulate", { channel: "consumer", service: "bbm", suspend: !stands });
  const words = stands ? L.withdraw("BBM") : L.suspend("BBM");
  return html`<div class="regulator">
    <h3>${L.regulator}</h3>
    <p class="lead">${L.regulatorLead}</p>
    <${Button} words=${words} data-act="regulate" onClick=${order} />
  </div>`;
}

function List({ view }) {
  if (view.warrants.length === 0) return html`<p class="panel empty">${L.noWarrants}</p>`;
  return html`<ol class="warrants">
    ${view.warrants.toReversed().map((one) => html`<${Warrant} key=${one.jti} one=${one} view=${view} />`)}
  </ol>`;
}

/** How far a warrant has come: the number of steps done. */
export function progress(one, now) {
  if (one.status === "AwaitingApproval" || one.status === "Rejected") return 1;
  if (!one.served) return 2;
  if (now < one.claims.window.from + MINUTE) return 3;
  return one.inspections.length ? 5 : 4;
}

function Warrant({ one, view }) {
  const { window, services } = one.claims;
  const done = progress(one, view.now);
  const active = copying(view).includes(one);
  const copies = view.messages.filter((it) => it.copies.some((copy) => copy.jti === one.jti)).length;
  const step = (name, at) =>
    html`<li key=${name} class=${at < done ? "done" : ""}>${at < done && html`<${Icon} name="yes" />`}${name}</li>`;
  return html`<li class="panel warrant" data-warrant=${one.target} data-status=${active ? "copying" : one.status}>
    <div class="top">
      <h4>${capital(one.target)}</h4>
      <span class=${`status ${active ? "active" : ""}`}
        >${active ? L.copyingNow : (L.status[one.status] ?? one.status)}</span
      ><span class="window">${L.window(minuteOf(window.from), minuteOf(window.until), services)}</span>
    </div>
    <ol class="progress" aria-label=${L.progress}>
      ${L.progressSteps.map(step)}
    </ol>
    <p class="facts">
      ${one.served && L.inLog(one.leaf)}${copies > 0 && html` <strong>${L.copiedToCarrier(copies)}</strong>`}${" "}
      <code>${one.liid}</code>
    </p>
    ${!view.scene && !offline && html`<${Acts} one=${one} view=${view} done=${done} />`}
    ${one.inspections.map((found, at) => html`<${Findings} key=${at} found=${found} view=${view} />`)}
  </li>`;
}

function Acts({ one, view, done }) {
  const { from, until } = one.claims.window;
  const { jti } = one;
  const over = Math.min(until, view.now - (view.now % MINUTE));
  const decide = (verb) => act("decide", { jti, verb });
  const inspect = (start, end) => act("inspect", start === undefined ? { jti } : { jti, start, until: end });
  const button = (name, doing, kind = "") =>
    html`<${Button} class=${kind} words=${L.acts[name]} data-act=${name} onClick=${doing} />`;
  if (one.status === "AwaitingApproval")
    return html`<p class="acts">
      ${button("approve", () => decide("approval"), "primary pulse")}${button("reject", () => decide("rejection"))}
    </p>`;
  if (one.status === "Rejected") return null;
  if (!one.served) return html`<p class="acts">${button("serve", () => act("serve", { jti }), "primary pulse")}</p>`;
  const wait = Math.max(1, Math.ceil((from + MINUTE - view.now) / MINUTE));
  const open = done < 5 ? "primary pulse" : "";
  const turn = () => act("turn", { minutes: wait });
  return html`<p class="acts">
    ${over > from ? button("inspect", () => inspect(), open) : button("wait", turn, "primary")}
    ${over > from && button("after", () => inspect(until, until + MINUTE))}
    ${over > from && button("before", () => inspect(from - MINUTE, from))}
    ${one.status === "Approved" && view.now < until && button("cancel", () => decide("cancellation"))}
    ${button("ledger", () => (chosenView.value = "log"))}
  </p>`;
}
