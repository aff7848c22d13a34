// A handset on the page: whose it is, what passed on it so far, and something to write with. It really sends.

import { html, useEffect, useRef, useState } from "../vendor/preact.js";
import { now, vantage } from "../state.js";
import { act } from "../feed.js";
import { capital, customerName, serviceOf } from "../model/all.js";
import { verdict } from "../model/vantages.js";
import { sealedBytes } from "./peek.js";
import { Icon } from "./icons.js";

const SHOWN = 12; // messages

export function Handset({ first, second }) {
  const [owner, setOwner] = useState(first);
  const view = now.value;
  const person = view.world.handsets.find((one) => one.name === owner);
  const seen = view.messages
    .filter((one) => one.from === owner || (one.to === owner && one.stage === "opened"))
    .slice(-SHOWN);
  return html`<section class="handset" aria-label=${`${capital(owner)}’s handset`}>
    <header>
      <select aria-label="Whose handset" value=${owner} onChange=${(changed) => setOwner(changed.target.value)}>
        ${view.world.handsets.map((one) => html`<option key=${one.name} value=${one.name}>${capital(one.name)}</option>`)}
      </select>
      <span class="who">${describe(view, person)}</span>
    </header>
    <${Messages} seen=${seen} owner=${owner} view=${view} />
    ${view.scene ? null : html`<${Composer} key=${owner} person=${person} view=${view} to=${owner === first ? second : first} />`}
  </section>`;
}

function describe(view, { pin, subscriber, org }) {
  const kinds = [subscriber && "carrier subscriber", org && capital(customerName(view.world, org))].filter(Boolean);
  return html`<code>${pin}</code> ${kinds.join(", ")}`;
}

function Messages({ seen, owner, view }) {
  const list = useRef(null);
  useEffect(() => {
    list.current.scrollTop = list.current.scrollHeight;
  }, [seen.length, seen.at(-1)?.mid]);
  return html`<ol class="messages" ref=${list} tabindex="0" aria-label="Messages">
    ${seen.length === 0 && html`<li class="none">No messages yet.</li>`}
    ${seen.map((one) => html`<${Bubble} key=${one.mid} one=${one} mine=${one.from === owner} view=${view} />`)}
  </ol>`;
}

function Bubble({ one, mine, view }) {
  const { reads } = verdict(view, vantage.value, one);
  const other = capital(mine ? one.to : one.from);
  return html`<li class=${`bubble ${mine ? "mine" : "theirs"} ${one.channel}`}>
    <span class="meta"
      ><${Icon} name=${reads ? "open" : "lock"} />${mine ? `to ${other}` : other}, ${serviceOf(one)}</span
    >
    ${reads ? html`<span class="text">${one.subject && html`<strong>${one.subject}</strong> `}${one.text}</span>` : html`<span class="cipher">${sealedBytes(one, 9)}</span>`}
  </li>`;
}

function Composer({ person, view, to: wanted }) {
  const others = view.world.handsets.filter((one) => one.name !== person.name);
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
  const choice = (label, value, set, options) =>
    html`<select aria-label=${label} value=${value} onChange=${(changed) => set(changed.target.value)}>
      ${options.map(([id, name]) => html`<option key=${id} value=${id}>${name}</option>`)}
    </select>`;
  return html`<form ref=${form} onSubmit=${send}>
    <div class="choices">
      ${choice(
        "To",
        to,
        setTo,
        others.map((one) => [one.name, `to ${capital(one.name)}`]),
      )}
      ${choice("Lane", channel, setChannel, [
        ["consumer", "Consumer"],
        ["enterprise", "Enterprise"],
      ])}
      ${choice("Kind", service, setService, [
        ["bbm", "BBM"],
        ["email", "Mail"],
      ])}
    </div>
    ${service === "email" && html`<input name="subject" aria-label="Subject" placeholder="Subject" maxlength="120" autocomplete="off" />`}
    <div class="write">
      <input
        name="text"
        aria-label="Message"
        placeholder=${service === "email" ? "Write a mail" : "Write a BBM"}
        maxlength="2000"
        autocomplete="off"
      />
      <button class="primary" disabled=${sending}>${sending ? "…" : "Send"}</button>
    </div>
  </form>`;
}
