// What an inspection found: the content where it opened, the reason where it did not, metadata always.

import { html } from "../vendor/preact.js";
import { vantage } from "../state.js";
import { capital, clockOf, minuteOf, serviceOf, whoHas } from "../model/names.js";
import { L } from "../text.en.js";
import { Foreign } from "./foreign.js";
import { Verdict } from "./peek.js";

const READERS = new Set(["all", "auditor", "state"]);

export function Findings({ found, view }) {
  const name = (pin) => capital(whoHas(view.world, pin)?.name ?? pin);
  const window = `${minuteOf(found.start)} – ${minuteOf(found.until)}`;
  if (found.grant_refused)
    return html`<p class="refusal" data-refusal=${found.grant_refused}>
      <${Verdict} reads=${false} /> ${L.keysRefused(window)} <code>${found.grant_refused}</code>
    </p>`;
  const others = found.third_parties.map(name);
  return html`<table class="findings">
    <caption>
      ${L.openedFor(window, others)}
    </caption>
    <thead>
      <tr>
        ${L.findingHeads.map((head) => html`<th scope="col" key=${head}>${head}</th>`)}
      </tr>
    </thead>
    <tbody>
      ${found.findings.map(
        (one) =>
          html`<tr key=${one.mid} data-finding=${one.content != null ? "open" : "sealed"}>
            <td>${clockOf(one.ts)}</td>
            <td>${L.fromTo(name(one.from), name(one.to))}</td>
            <td>${serviceOf(one)}</td>
            <td><${Content} one=${one} /></td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

function Content({ one }) {
  if (one.content == null) return html`<${Verdict} reads=${false} /> ${one.sealed}`;
  if (!READERS.has(vantage.value.id)) return L.openedByAuditor;
  return html`<${Verdict} reads=${true} /> <${Foreign} text=${one.content} />`;
}
