// The bytes of an envelope. Three panels, because they are three things: inspect (what it says), decode (what the bytes
// are), verify (what can be checked, and what cannot without a key).

import { html, useMemo, useState } from "../vendor/preact.js";
import { now, picked, vantage } from "../state.js";
import { capital, envelopeOf, messageOf, serviceOf } from "../model/all.js";
import { metadataFor, verdict } from "../model/vantages.js";
import { check, explain } from "../model/envelope.js";
import { Decode } from "./decode.js";
import { Icon } from "./icons.js";
import { OpenWith } from "./openwith.js";
import { Verdict } from "./peek.js";

const PASTE = -1;
const LISTED = 40; // messages to choose from

export function Bytes() {
  const view = now.value;
  const [pasted, setPasted] = useState("");
  const chosen =
    picked.value === PASTE
      ? null
      : (view.messages.find((one) => one.n === picked.value) ?? (view.focus && messageOf(view, view.focus)));
  const [early, setEarly] = useState(false);
  const raw = chosen ? (early ? chosen.left : envelopeOf(chosen)) : pasted.trim();
  return html`<div class="bytes">
    <${Which} view=${view} chosen=${chosen} />
    ${
      chosen
        ? html`<div class="choice"><${Moment} one=${chosen} early=${early} set=${setEarly} /></div>`
        : html`<label class="paste"
            ><span>Paste an envelope</span
            ><textarea
              rows="4"
              spellcheck=${false}
              value=${pasted}
              onInput=${(typed) => setPasted(typed.target.value)}
              placeholder=${'{"protected":"…","recipients":[…],"iv":"…","ciphertext":"…","tag":"…"}'}
            ></textarea>
          </label>`
    }
    ${chosen && metadataFor(view, vantage.value, chosen) !== "all" ? html`<p class="panel empty">${vantage.value.title} does not hold this envelope. ${verdict(view, vantage.value, chosen).why}</p>` : raw && html`<${Panels} key=${raw} raw=${raw} one=${chosen} early=${early} view=${view} />`}
  </div>`;
}

function Which({ view, chosen }) {
  const value = chosen?.n ?? PASTE;
  const latest = view.messages.slice(-LISTED);
  const listed = chosen && !latest.includes(chosen) ? [chosen, ...latest] : latest;
  return html`<label class="which"
    ><span>Envelope</span>
    <select value=${value} onChange=${(changed) => (picked.value = Number(changed.target.value))}>
      ${listed.map((one) => html`<option key=${one.n} value=${one.n}>${one.n}. ${capital(one.from)} to ${capital(one.to)}, ${serviceOf(one)}</option>`)}
      <option value=${PASTE}>one of your own …</option>
    </select></label
  >`;
}

function Moment({ one, early, set }) {
  const radio = (value, text) =>
    html`<label
      ><input type="radio" name="moment" checked=${early === value} onChange=${() => set(value)} />${text}</label
    >`;
  return html`<fieldset>
    <legend class="hidden">Which moment</legend>
    ${radio(true, "as it left the handset")}${radio(false, one.stored ? "as it waits in the mailbox" : "as it is now")}
  </fieldset>`;
}

function Panels({ raw, one, early, view }) {
  const told = useMemo(() => explain(raw), [raw]);
  const [field, setField] = useState("protected");
  if (told.error) return html`<p class="panel empty" role="alert">${told.error}</p>`;
  const selected = told.fields.find((it) => it.id === field) ?? told.fields[0];
  return html`<div class="panels">
    <section class="panel inspect" aria-labelledby="inspect">
      <h2 id="inspect">Inspect</h2>
      <p class="lead">What it says. Anybody on the path can do this.</p>
      <${Fields} fields=${told.fields} selected=${selected} choose=${setField} />
    </section>
    <section class="panel decode" aria-labelledby="decode">
      <h2 id="decode">Decode</h2>
      <${Decode} key=${selected.id} field=${selected} />
    </section>
    <section class="panel verify" aria-labelledby="verify">
      <h2 id="verify">Verify</h2>
      <${Checks} raw=${raw} left=${one && !early ? one.left : null} /><${Content} one=${one} view=${view} /><${OpenWith}
        raw=${raw}
      />
    </section>
  </div>`;
}

function Fields({ fields, selected, choose }) {
  const groups = [...new Set(fields.map((one) => one.group))];
  return html`${groups.map(
    (group) =>
      html`<h3 key=${group}>${group}</h3>
        <ul class="fields">
          ${fields
            .filter((one) => one.group === group)
            .map(
              (one) =>
                html`<li key=${one.id}>
                  <button type="button" aria-pressed=${String(one.id === selected.id)} onClick=${() => choose(one.id)}>
                    <span class="field">${one.name}</span><code>${shorten(one.text)}</code>
                  </button>
                </li>`,
            )}
        </ul>`,
  )}`;
}

const shorten = (text) => (text.length > 44 ? `${text.slice(0, 41)}…` : text);

function Checks({ raw, left }) {
  const checks = useMemo(() => check(raw, left), [raw, left]);
  return html`<p class="lead">What can be checked without a key.</p>
    <ul class="checks">
      ${checks.map(
        (one) =>
          html`<li key=${one.text} class=${one.ok ? "ok" : "bad"}>
            <${Icon} name=${one.ok ? "yes" : "no"} /><span
              ><strong>${one.ok ? "holds" : "fails"}</strong> ${one.text}</span
            >
          </li>`,
      )}
    </ul>`;
}

function Content({ one, view }) {
  if (!one) return null;
  const { reads, why } = verdict(view, vantage.value, one);
  return html`<div class="inside">
    <h3>The content, seen as: ${vantage.value.title}</h3>
    <p><${Verdict} reads=${reads} /> ${why}</p>
    ${reads && html`<p class="plain">${one.text}</p>`}
  </div>`;
}
