// The rows of a table of vantage points, under the headings of their groups.

import { html } from "../vendor/preact.js";
import { inGroups } from "../model/eyes.js";
import { T } from "../text.en.js";

/** `row` draws a row, `span` is how many columns there are. */
export const Groups = ({ rows, span, row }) =>
  html`${inGroups(rows).map(
    ([group, own]) =>
      html`<tbody key=${group}>
        <tr class="group">
          <th scope="rowgroup" colspan=${span}><span>${T.group[group]}</span></th>
        </tr>
        ${own.map(row)}
      </tbody>`,
  )}`;
