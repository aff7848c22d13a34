// The drawing in words: one row for each party. For screen readers, for print, and for whoever prefers a table.

import { html } from "../vendor/preact.js";
import { capital, holdings, locksOf, envelopeOf, serviceOf } from "../model/all.js";

export function Twin({ view, focus }) {
  if (!focus)
    return html`<details class="twin">
      <summary>The drawing as a table</summary>
      <p>
        No message has been sent yet. On both lanes: handset, relay, then the carrier (consumer lane) or nobody
        (enterprise lane), the mailbox, handset.
      </p>
    </details>`;
  const locks = locksOf(view, envelopeOf(focus)).map((lock) => lock.text);
  return html`<details class="twin">
    <summary>The drawing as a table</summary>
    <table>
      <caption>
        ${capital(focus.from)} to ${capital(focus.to)}, ${serviceOf(focus)}, ${focus.channel} lane. Locks:
        ${locks.join("; ")}.
      </caption>
      <thead>
        <tr>
          <th scope="col">Party</th>
          <th scope="col">Holds of this message</th>
          <th scope="col">A key of its own fits</th>
        </tr>
      </thead>
      <tbody>
        ${holdings(view, focus).map(
          (row) =>
            html`<tr key=${row.id}>
              <th scope="row">${row.name}</th>
              <td>${row.holds || "nothing"}</td>
              <td>${row.key ? "yes" : "no"}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </details>`;
}
