// One message through the eyes that we have chosen: metadata always where it is held, the content or the reason why not.

import { html } from "../vendor/preact.js";
import { now, vantage } from "../state.js";
import { capital, clockOf, envelopeOf, grouped, serviceOf } from "../model/all.js";
import { metadataFor, verdict } from "../model/vantages.js";
import { hexOf, unb64u } from "../model/envelope.js";
import { Icon } from "./icons.js";

/** The beginning of a message's ciphertext, in hex. */
export function sealedBytes(one, count = 24) {
  const bytes = unb64u(JSON.parse(one.left).ciphertext).slice(0, count);
  return `${hexOf(bytes).join(" ")} …`;
}

export const Verdict = ({ reads }) =>
  html`<span class=${`verdict ${reads ? "reads" : "sealed"}`}
    ><${Icon} name=${reads ? "open" : "lock"} />${reads ? "READS" : "sealed"}</span
  >`;

export function Peek({ one }) {
  const view = now.value;
  const who = vantage.value;
  const { reads, why, measured } = verdict(view, who, one);
  return html`<section class="peek" aria-label=${`What is seen as ${who.title}`}>
    <${Metadata} one=${one} who=${who} view=${view} />
    <div class="content">
      <p class="head">
        <${Verdict} reads=${reads} /> <span class="as">${who.title}</span>
        <span class="source">${measured ? "measured" : who.id === "all" ? "" : "declared"}</span>
      </p>
      ${reads ? html`<p class="plain">${one.subject && html`<strong>${one.subject}: </strong>`}${one.text}</p>` : html`<p class="cipher" aria-label="ciphertext">${metadataFor(view, who, one) === "none" ? "nothing of it is here" : sealedBytes(one)}</p>`}
      <p class="why">${why}</p>
    </div>
  </section>`;
}

function Metadata({ one, who, view }) {
  const held = metadataFor(view, who, one);
  const size = `${grouped(envelopeOf(one).length)} bytes`;
  const all = held === "all";
  const rows = [
    ["From", all && capital(one.from)],
    ["To", all && capital(one.to)],
    ["When", held !== "none" && clockOf(one.ts)],
    ["What", all && serviceOf(one)],
    ["Size", held !== "none" && size],
  ];
  return html`<dl class="metadata">
    ${rows.map(
      ([name, value]) =>
        html`<div key=${name}>
          <dt>${name}</dt>
          <dd class=${value ? "" : "unseen"}>${value || "not seen"}</dd>
        </div>`,
    )}
  </dl>`;
}
