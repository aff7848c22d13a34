// The drawing in words: one row for each party. For screen readers, for print, and for whoever prefers a table.

import { html } from "../vendor/preact.js";
import { capital, holdings, locksOf, serviceOf } from "../model/names.js";
import { envelopeOf } from "../model/reduce.js";
import { L, T } from "../text.en.js";

export function Twin({ view, focus }) {
  if (!focus || focus.hidden)
    return html`<details class="twin">
      <summary>${L.twin}</summary>
      <p>${focus ? T.why.hidden : L.twinEmpty}</p>
    </details>`;
  const locks = locksOf(view, envelopeOf(focus)).map((lock) => lock.text);
  const name = T.messageName(capital(focus.from), capital(focus.to), serviceOf(focus));
  return html`<details class="twin">
    <summary>${L.twin}</summary>
    <table>
      <caption>
        ${L.locked(name, locks)}
      </caption>
      <thead>
        <tr>
          <th scope="col">${L.party}</th>
          <th scope="col">${L.holdsOfIt}</th>
          <th scope="col">${L.keyFits}</th>
        </tr>
      </thead>
      <tbody>
        ${holdings(view, focus).map(
          (row) =>
            html`<tr key=${row.id}>
              <th scope="row">${row.name}</th>
              <td>${row.holds || L.nothingShort}</td>
              <td>${row.key ? L.yes : L.not}</td>
            </tr>`,
        )}
      </tbody>
    </table>
  </details>`;
}
