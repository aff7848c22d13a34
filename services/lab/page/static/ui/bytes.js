// The bytes of an envelope. Three panels, because they are three things: inspect (what it says), decode (what the bytes
// are), verify (what can be checked, and what cannot without a key).

import { html, useMemo, useState } from "../vendor/preact.js";
import { now, picked, vantage } from "../state.js";
import { custodyOf } from "../model/names.js";
import { verdict } from "../model/eyes.js";
import { check, explain } from "../model/envelope.js";
import { envelopeOf, focusOf } from "../model/reduce.js";
import { nameOf } from "../model/words.js";
import { L, T } from "../text.en.js";
import { Decode } from "./decode.js";
import { Button, Icon } from "./icons.js";
import { OpenWith } from "./openwith.js";
import { Verdict, Written } from "./peek.js";

const PASTE = "-own";
const LISTED = 40; // messages to choose from

export function Bytes() {
  const view = now.value;
  const [pasted, setPasted] = useState("");
  const [early, setEarly] = useState(false);
  const chosen =
    picked.value === PASTE
      ? null
      : (view.messages.find((one) => one.key === picked.value) ?? focusOf(view) ?? view.messages.at(-1));
  const raw = chosen ? (early ? chosen.left : envelopeOf(chosen)) : pasted.trim();
  const change = () => {
    setPasted(raw);
    picked.value = PASTE;
  };
  return html`<h2 class="hidden">${L.bytesTitle}</h2>
    <div class="bytes">
      <${Which} view=${view} chosen=${chosen} />
      ${
        chosen
          ? html`<div class="choice"><${Moment} one=${chosen} early=${early} set=${setEarly} /></div>`
          : html`<label class="paste"
              ><span>${L.paste}</span
              ><textarea
                rows="4"
                spellcheck=${false}
                value=${pasted}
                onInput=${(typed) => setPasted(typed.target.value)}
                placeholder=${'{"protected":"…","recipients":[…],"iv":"…","ciphertext":"…","tag":"…"}'}
              ></textarea>
            </label>`
      }
      <${Shown} chosen=${chosen} raw=${raw} early=${early} view=${view} change=${change} />
    </div>`;
}

function Shown({ chosen, raw, early, view, change }) {
  const seen = chosen && verdict(vantage.value.id, chosen);
  if (chosen && raw === null)
    return html`<p class="panel empty" data-bytes="none">${chosen.hidden ? T.why.hidden : T.why["not-sent"]}</p>`;
  if (seen && seen.shows !== "all")
    return html`<p class="panel empty" data-bytes="unseen">${L.holdsNot(vantage.value.name)} ${T.why[seen.why]}</p>`;
  return raw && html`<${Panels} key=${raw} raw=${raw} one=${chosen} early=${early} view=${view} change=${change} />`;
}

function Which({ view, chosen }) {
  const latest = view.messages.slice(-LISTED);
  const listed = chosen && !latest.includes(chosen) ? [chosen, ...latest] : latest;
  return html`<label class="which"
    ><span>${L.envelope}</span>
    <select
      value=${chosen?.key ?? PASTE}
      data-which=${true}
      onChange=${(changed) => (picked.value = changed.target.value)}
    >
      ${listed.map((one) => html`<option key=${one.key} value=${one.key}>${one.n}. ${nameOf(one)}</option>`)}
      <option value=${PASTE}>${L.ofYourOwn}</option>
    </select></label
  >`;
}

function Moment({ one, early, set }) {
  const radio = (value, text) =>
    html`<label
      ><input type="radio" name="moment" checked=${early === value} onChange=${() => set(value)} />${text}</label
    >`;
  return html`<fieldset>
    <legend class="hidden">${L.whichMoment}</legend>
    ${radio(true, L.asItLeft)}${radio(false, one.stored ? L.asItWaits : L.asItIs)}
  </fieldset>`;
}

function Panels({ raw, one, early, view, change }) {
  const told = useMemo(() => explain(raw), [raw]);
  const [field, setField] = useState("protected");
  if (told.error) return html`<p class="panel empty" role="alert" data-bytes="wrong">${told.error}</p>`;
  const selected = told.fields.find((it) => it.id === field) ?? told.fields[0];
  const custody = one ? custodyOf(view, one) : null;
  return html`<div class="panels" data-bytes="shown">
    <section class="panel inspect" aria-labelledby="inspect">
      <h3 id="inspect">${L.inspect}</h3>
      <p class="lead">${L.inspectLead}</p>
      ${one && html`<p><${Button} words=${L.changeIt} data-change=${true} onClick=${change} /></p>`}
      <${Fields} fields=${told.fields} selected=${selected} choose=${setField} />
    </section>
    <section class="panel decode" aria-labelledby="decode">
      <h3 id="decode">${L.decode}</h3>
      <${Decode} key=${selected.id} field=${selected} />
    </section>
    <section class="panel verify" aria-labelledby="verify">
      <h3 id="verify">${L.verify}</h3>
      <${Checks} raw=${raw} left=${one && !early ? one.left : null} custody=${custody} /><${Content}
        one=${one}
      /><${OpenWith} raw=${raw} />
    </section>
  </div>`;
}

function Fields({ fields, selected, choose }) {
  const groups = [...new Set(fields.map((one) => one.group))];
  const row = (one) =>
    html`<li key=${one.id}>
      <button type="button" aria-pressed=${String(one.id === selected.id)} onClick=${() => choose(one.id)}>
        <span class="field">${one.name}</span><code>${shorten(one.text)}</code>
      </button>
    </li>`;
  return html`${groups.map(
    (group) =>
      html`<h4 key=${group}>${group}</h4>
        <ul class="fields">
          ${fields.filter((one) => one.group === group).map(row)}
        </ul>`,
  )}`;
}

const shorten = (text) => (text.length > 44 ? `${text.slice(0, 41)}…` : text);

function Checks({ raw, left, custody }) {
  const checks = useMemo(() => check(raw, left, custody), [raw, left, custody]);
  return html`<p class="lead">${L.checksLead}</p>
    <ul class="checks">
      ${checks.map((one) => html`<${Check} key=${one.text} ...${one} />`)}
    </ul>`;
}

/** One check: it holds, it fails, or it cannot be checked, which is an answer of its own. */
export const Check = ({ ok, text }) => {
  const kind = ok === null ? "unknown" : ok ? "ok" : "bad";
  return html`<li class=${kind} data-check=${kind}>
    <${Icon} name=${{ ok: "yes", bad: "no", unknown: "help" }[kind]} /><span
      ><strong>${L.check[kind]}</strong> ${text}</span
    >
  </li>`;
};

function Content({ one }) {
  if (!one) return null;
  const { reads, why } = verdict(vantage.value.id, one);
  return html`<div class="inside">
    <h4>${L.contentAs(vantage.value.name)}</h4>
    <p><${Verdict} reads=${reads} /> ${T.why[why]}</p>
    ${reads && html`<p class="plain"><${Written} one=${one} /></p>`}
  </div>`;
}
