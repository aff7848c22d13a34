// One message through the eyes that we have chosen: metadata always where it is held, the content or the reason why
// not.

import { html } from "../vendor/preact.js";
import { now, vantage } from "../state.js";
import { act, offline } from "../feed.js";
import { capital, clockOf, grouped, serviceOf } from "../model/names.js";
import { verdict } from "../model/eyes.js";
import { envelopeOf } from "../model/reduce.js";
import { hexOf, unb64u } from "../model/envelope.js";
import { L, T } from "../text.en.js";
import { Foreign } from "./foreign.js";
import { Button, Icon } from "./icons.js";
import { AskButton } from "./question.js";
import { Terms } from "./terms.js";

/** The beginning of a message's ciphertext, in hex. */
export function sealedBytes(one, count = 24) {
  if (one.left === null) return L.nothingLeft;
  return `${hexOf(unb64u(JSON.parse(one.left).ciphertext).slice(0, count)).join(" ")} …`;
}

export const Verdict = ({ reads }) =>
  html`<span class=${`verdict ${reads ? "reads" : "sealed"}`} data-verdict=${reads ? "reads" : "sealed"}
    ><${Icon} name=${reads ? "open" : "lock"} />${reads ? L.verdict.reads : L.verdict.sealed}</span
  >`;

/** What somebody wrote, a mail with its subject. */
export const Written = ({ one, kind = "plain" }) =>
  html`${one.subject && html`<strong><${Foreign} text=${one.subject} kind="subject" /></strong> `}<${Foreign}
      text=${one.text}
      kind=${kind}
    />`;

export function Peek({ one }) {
  const who = vantage.value;
  const { reads, shows, why, measured } = verdict(who.id, one);
  const source = who.id === "all" || why === "not-sent" ? "" : measured ? L.measured : L.declared;
  return html`<section class="peek" aria-label=${L.seenAs(who.name)} data-peek=${who.id}>
    <${Metadata} one=${one} shows=${shows} />
    <div class="content">
      <p class="head">
        <${Verdict} reads=${reads} /> <span class="as">${who.name}</span>
        <span class="source" data-source=${measured ? "measured" : "declared"}>${source}</span
        ><${AskButton} one=${one} />
      </p>
      ${
        one.refusal &&
        html`<p class="refusal" data-refusal=${one.refusal.code}>
          <strong>${L.refused} </strong> ${one.refusal.detail} <code>${one.refusal.code}</code>
        </p>`
      }
      ${
        reads
          ? html`<p class="plain"><${Written} one=${one} /></p>`
          : html`<p class="cipher" aria-label=${L.ciphertext}>${shows === "none" ? L.nothing : sealedBytes(one)}</p>`
      }
      <p class="why"><${Terms} text=${T.why[why] ?? why} /></p>
      <${CompanyReads} one=${one} />
    </div>
  </section>`;
}

/** With a company’s eyes: have its key server open a message of its own, lawfully. It is asked, and may have no key. */
function CompanyReads({ one }) {
  const { world, scene } = now.value;
  const at = ["customer", "other-customer"].indexOf(vantage.value.id);
  if (at < 0 || one.mid === null || one.channel !== "enterprise" || scene || offline) return null;
  const [org, name] = Object.entries(world.customers)[at];
  const read = () => act("read", { org, mid: one.mid });
  return html`<p>
    <${Button} icon="key" words=${L.companyReads(capital(name))} data-company-reads=${org} onClick=${read} />
  </p>`;
}

function Metadata({ one, shows }) {
  const all = shows === "all";
  const some = shows !== "none" && one.ts !== null;
  const rows = [
    [L.meta.from, all && capital(one.from)],
    [L.meta.to, all && capital(one.to)],
    [L.meta.when, some && clockOf(one.ts)],
    [L.meta.what, all && serviceOf(one)],
    [L.meta.size, some && L.bytes(grouped(envelopeOf(one).length))],
  ];
  return html`<dl class="metadata">
    ${rows.map(
      ([name, value]) =>
        html`<div key=${name}>
          <dt>${name}</dt>
          <dd class=${value ? "" : "unseen"}>${value || L.unseen}</dd>
        </div>`,
    )}
  </dl>`;
}
