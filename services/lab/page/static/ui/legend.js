// What the signs of the drawing mean.

import { html } from "../vendor/preact.js";
import { L } from "../text.en.js";
import { Icon } from "./icons.js";

export const Legend = () =>
  html`<ul class="legend" aria-label=${L.legend}>
    <li>
      <span class="sign lamp"><${Icon} name="key" /></span>${L.signs.lamp}
    </li>
    <li>
      <span class="sign"><${Icon} name="lock" /></span>${L.signs.lock}
    </li>
    <li>
      <span class="sign amber"><${Icon} name="open" /></span>${L.signs.open}
    </li>
    <li>
      <span class="sign eye"><${Icon} name="eye" /></span>${L.signs.eye}
    </li>
  </ul>`;
