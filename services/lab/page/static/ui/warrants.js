// The warrant desk: apply, decide, serve, open the window, try the minute after. Every act is a real request, and logged.

import { html, useRef, useState } from "../vendor/preact.js";
import { now, vantage, view as chosenView } from "../state.js";
import { act } from "../feed.js";
import { capital, clockOf, copying, handsetOf, MINUTE, minuteOf } from "../model/all.js";
import { Button, Icon } from "./icons.js";
import { Findings } from "./findings.js";

export function Warrants() {
  const view = now.value;
  if (!view.world) return null;
  return html`<div class="desk">
    <section class="panel apply" aria-labelledby="apply">
      <h2 id="apply">Apply for a warrant</h2>
      ${view.scene ? html`<p class="lead">These warrants are the scenario’s. Go back to the classroom to apply for one of your own.</p>` : html`<${Apply} view=${view} /><${TurnClock} view=${view} />`}
    </section>
    <section class="standing" aria-labelledby="standing">
      <h2 id="standing">Warrants</h2>
      ${vantage.value.warrants ? html`<${List} view=${view} />` : html`<p class="panel empty">${vantage.value.title} does not know that there is a warrant, or on whom. In the public ledger it sees that something was sealed, by whom and when, and not about whom.</p>`}
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
    act("apply", {
      target,
      services: given.getAll("services"),
      minutes: Number(given.get("minutes")),
      after: Number(given.get("after")),
    });
  }
  return html`<form ref=${form} onSubmit=${apply}>
    <label
      ><span>Target</span
      ><select value=${target} onChange=${(changed) => setTarget(changed.target.value)}>
        ${view.world.handsets.map((one) => html`<option key=${one.name} value=${one.name}>${capital(one.name)}${one.org ? ` (employee of ${capital(view.world.customers[one.org])})` : ""}</option>`)}
      </select></label
    >
    <fieldset>
      <legend>Services</legend>
      <label><input type="checkbox" name="services" value="bbm" defaultChecked />BBM</label
      ><label><input type="checkbox" name="services" value="email" defaultChecked />mail</label>
    </fieldset>
    <label
      ><span>For</span
      ><span class="unit"
        ><input type="number" name="minutes" min="1" max="1440" defaultValue="1" required /> min</span
      ></label
    >
    <label
      ><span>Starting in</span
      ><span class="unit"
        ><input type="number" name="after" min="0" max="1440" defaultValue="0" required /> min</span
      ></label
    >
    <button class="primary">Sign and apply</button>
    ${person.org && html`<p class="hint"><${Icon} name="lock" />An enterprise target: the warrant will bring metadata, and envelopes that no grant opens.</p>`}
  </form>`;
}

const TurnClock = ({ view }) =>
  html`<div class="turn">
    <p>Classroom time <time>${clockOf(view.now)}</time></p>
    <${Button} icon="clock" words="Turn to the next minute" onClick=${() => act("turn", { minutes: 1 })} />
  </div>`;

function List({ view }) {
  if (view.warrants.length === 0)
    return html`<p class="panel empty">
      None${view.scene ? " so far" : " yet"}. A warrant takes five acts: the applicant signs, the judge signs, the
      carrier is served, a minute passes, the auditor inspects.
    </p>`;
  return html`<ol class="warrants">
    ${view.warrants.toReversed().map((one) => html`<${Warrant} key=${one.jti} one=${one} view=${view} />`)}
  </ol>`;
}

const STEPS = ["applied", "approved", "served", "minute over", "inspected"];

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
  return html`<li class="panel warrant">
    <div class="top">
      <h3>${capital(one.target)}</h3>
      <span class=${`status ${active ? "active" : ""}`}>${active ? "copying now" : one.status}</span
      ><span class="window">${minuteOf(window.from)} – ${minuteOf(window.until)}, ${services.join(" and ")}</span>
    </div>
    <ol class="progress" aria-label="How far it has come">
      ${STEPS.map((name, at) => html`<li key=${name} class=${at < done ? "done" : ""}>${at < done && html`<${Icon} name="yes" />`}${name}</li>`)}
    </ol>
    <p class="facts">
      ${one.served && html`In the ledger as leaf ${one.leaf}. `}${copies > 0 && html`<strong>${copies}</strong> ${copies === 1 ? "message" : "messages"} copied to the carrier. `}<code
        >${one.liid}</code
      >
    </p>
    ${view.scene ? null : html`<${Acts} one=${one} view=${view} done=${done} />`}
    ${one.inspections.map((found, at) => html`<${Findings} key=${at} found=${found} view=${view} />`)}
  </li>`;
}

function Acts({ one, view, done }) {
  const { from, until } = one.claims.window;
  const { jti } = one;
  const over = Math.min(until, view.now - (view.now % MINUTE));
  const decide = (verb) => () => act("decide", { jti, verb });
  const button = (words, doing, kind = "") => html`<${Button} class=${kind} words=${words} onClick=${doing} />`;
  if (one.status === "AwaitingApproval")
    return html`<p class="acts">
      ${button("Judge: approve", decide("approval"), "primary")}${button("Judge: reject", decide("rejection"))}
    </p>`;
  if (one.status === "Rejected") return null;
  if (!one.served)
    return html`<p class="acts">${button("Serve on the carrier", () => act("serve", { jti }), "primary")}</p>`;
  return html`<p class="acts">
    ${over > from ? button("Auditor: open the window", () => act("inspect", { jti }), done < 5 ? "primary" : "") : button("Turn to the end of the minute", () => act("turn", { minutes: Math.max(1, Math.ceil((from + MINUTE - view.now) / MINUTE)) }), "primary")}
    ${over > from && button("Try the minute after", () => act("inspect", { jti, start: until, until: until + MINUTE }))}
    ${over > from && button("Try the minute before", () => act("inspect", { jti, start: from - MINUTE, until: from }))}
    ${one.status === "Approved" && view.now < until && button("Judge: cancel", decide("cancellation"))}
    <${Button} words="See the ledger" onClick=${() => (chosenView.value = "log")} />
  </p>`;
}
