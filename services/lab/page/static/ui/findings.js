// What an inspection found: the content where it opened, the reason where it did not, metadata always.

import { html } from "../vendor/preact.js";
import { vantage } from "../state.js";
import { capital, clockOf, minuteOf, serviceOf, whoHas } from "../model/all.js";
import { Verdict } from "./peek.js";

const READERS = new Set(["all", "auditor", "state"]);

export function Findings({ found, view }) {
  const name = (pin) => capital(whoHas(view.world, pin)?.name ?? pin);
  const window = `${minuteOf(found.start)} – ${minuteOf(found.until)}`;
  if (found.grant_refused)
    return html`<p class="refusal">
      <${Verdict} reads=${false} /> ${window}: the carrier refuses the keys. <code>${found.grant_refused}</code>
    </p>`;
  const may = READERS.has(vantage.value.id);
  return html`<table class="findings">
    <caption>
      Opened for
      ${window}${found.third_parties.length > 0 && html`. Met on the way, named in no warrant: ${found.third_parties.map(name).join(", ")}`}
    </caption>
    <thead>
      <tr>
        <th scope="col">When</th>
        <th scope="col">From, to</th>
        <th scope="col">What</th>
        <th scope="col">Content</th>
      </tr>
    </thead>
    <tbody>
      ${found.findings.map(
        (one) =>
          html`<tr key=${one.mid}>
            <td>${clockOf(one.ts)}</td>
            <td>${name(one.from)} to ${name(one.to)}</td>
            <td>${serviceOf(one)}</td>
            <td>
              ${one.content != null ? (may ? html`<${Verdict} reads=${true} /> <span class="plain">${bodyOf(one.content)}</span>` : html`opened by the auditor; ${vantage.value.title.toLowerCase()} does not see it`) : html`<${Verdict} reads=${false} /> ${one.sealed}`}
            </td>
          </tr>`,
      )}
    </tbody>
  </table>`;
}

/** A mail's headers are in the other columns already. */
const bodyOf = (content) => content.split(/\n\n/).slice(-1)[0] || content;
