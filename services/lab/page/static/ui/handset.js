// A handset on the page: whose it is, what passed on it so far, and something to write with. It really sends.

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { now, vantage } from "../state.js";
import { act, offline } from "../feed.js";
import { capital, customerName, serviceOf } from "../model/names.js";
import { verdict } from "../model/eyes.js";
import { L, T } from "../text.en.js";
import { Icon } from "./icons.js";
import { sealedBytes, Written } from "./peek.js";

const SHOWN = 12; // messages

export function Handset({ first, second }) {
  const [owner, setOwner] = useState(first);
  const view = now.value;
  const person = view.world.handsets.find((one) => one.name === owner);
  const seen = view.messages
    .filter((one) => one.from === owner || (one.to === owner && one.stage === "opened"))
    .slice(-SHOWN);
  const to = owner === first ? second : first;
  return html`<section class="handset" aria-label=${T.handsetOf(capital(owner))} data-handset=${owner}>
    <header>
      <select aria-label=${L.whose} value=${owner} onChange=${(changed) => setOwner(changed.target.value)}>
        ${view.world.handsets.map(
          (one) => html`<option key=${one.name} value=${one.name}>${capital(one.name)}</option>`,
        )}
      </select>
      <span class="who">${describe(view, person)}</span>
    </header>
    <${Messages} seen=${seen} owner=${owner} />
    ${!view.scene && !offline && html`<${Composer} key=${owner} person=${person} view=${view} to=${to} />`}
  </section>`;
}

function describe(view, { pin, subscriber, org }) {
  const kinds = [subscriber && L.subscriber, org && capital(customerName(view.world, org))].filter(Boolean);
  return html`<code>${pin}</code> ${kinds.join(", ")}`;
}

function Messages({ seen, owner }) {
  const list = useRef(null);
  useEffect(() => {
    list.current.scrollTop = list.current.scrollHeight;
  }, [seen.length, seen.at(-1)?.key]);
  return html`<ol class="messages" ref=${list} tabindex="0" aria-label=${L.messages}>
    ${seen.length === 0 && html`<li class="none">${L.noMessages}</li>`}
    ${seen.map((one) => html`<${Bubble} key=${one.key} one=${one} mine=${one.from === owner} />`)}
  </ol>`;
}

function Bubble({ one, mine }) {
  const { reads } = verdict(vantage.value.id, one);
  const other = capital(mine ? one.to : one.from);
  const sign = one.hidden ? "help" : one.refusal ? "no" : reads ? "open" : "lock";
  const what = one.refusal ? `, ${L.refusedShort}` : "";
  return html`<li class=${`bubble ${mine ? "mine" : "theirs"} ${one.channel} ${one.refusal ? "refused" : ""}`}>
    <span class="meta"><${Icon} name=${sign} />${mine ? L.to(other) : other}, ${serviceOf(one)}${what}</span>
    ${
      reads || one.hidden
        ? html`<${Written} one=${one} kind="text" />`
        : html`<span class="cipher"> ${sealedBytes(one, 9)}</span>`
    }
  </li>`;
}

function Composer({ person, view, to: wanted }) {
  const [to, setTo] = useState(wanted);
  const [channel, setChannel] = useState(person.org ? "enterprise" : "consumer");
  const [service, setService] = useState("bbm");
  const [sending, setSending] = useState(false);
  const form = useRef(null);
  async function send(submitted) {
    submitted.preventDefault();
    const { text, subject } = Object.fromEntries(new FormData(form.current));
    if (!text.trim()) return;
    setSending(true);
    const done = await act("send", { sender: person.name, to, channel, service, text, subject: subject ?? "" });
    setSending(false);
    if (done) form.current?.reset();
  }
  const people = view.world.handsets.map((one) => [one.name, L.to(capital(one.name))]);
  return html`<form ref=${form} onSubmit=${send}>
    <div class="choices">
      <${Choice} label=${L.toLabel} value=${to} set=${setTo} options=${people} />
      <${Choice} label=${L.lane} value=${channel} set=${setChannel} options=${Object.entries(L.channel)} />
      <${Choice} label=${L.kind} value=${service} set=${setService} options=${Object.entries(L.service)} />
    </div>
    ${
      service === "email" &&
      html`<input
        name="subject"
        aria-label=${L.subject}
        placeholder=${L.subject}
        maxlength="120"
        autocomplete="off"
        dir="auto"
      />`
    }
    <div class="write">
      <input
        name="text"
        aria-label=${L.message}
        placeholder=${L.write[service]}
        maxlength="2000"
        autocomplete="off"
        dir="auto"
      />
      <button class="primary" data-send=${true} disabled=${sending}>${sending ? "…" : L.send}</button>
    </div>
  </form>`;
}

const Choice = ({ label, value, set, options }) =>
  html`<select aria-label=${label} value=${value} onChange=${(changed) => set(changed.target.value)}>
    ${options.map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}
  </select>`;
