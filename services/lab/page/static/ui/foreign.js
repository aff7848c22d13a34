// Text that somebody else wrote: shown whole, in a direction of its own, with what cannot be seen made visible.

import { html } from "../vendor/preact.js";
import { visible } from "../model/visible.js";

/** Foreign text. Line breaks stay; a control or an invisible mark stands there by its number. */
export const Foreign = ({ text, kind = "plain" }) =>
  html`<bdi dir="auto" class=${`foreign ${kind}`}
    >${visible(text).map((part) => (part.mark ? html`<span class="control">${part.text}</span>` : part.text))}</bdi
  >`;
