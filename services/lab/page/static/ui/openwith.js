// A key that one holds, tried on the envelope, here in the browser.

import { html, useState } from "../vendor/preact.js";
import { bytesOfHex, openWith } from "../model/opening.js";
import { L } from "../text.en.js";

export function OpenWith({ raw }) {
  const [said, setSaid] = useState(null);
  async function attempt(submitted) {
    submitted.preventDefault();
    const key = bytesOfHex(new FormData(submitted.target).get("key"));
    setSaid(key ? ((await openWith(raw, key)) ?? { problem: L.keyOpensNothing }) : { problem: L.keyFormat });
  }
  return html`<div class="openwith">
    <h3>${L.tryKey}</h3>
    <form onSubmit=${attempt}>
      <label
        ><span class="hidden">${L.keyLabel}</span
        ><input name="key" autocomplete="off" spellcheck=${false} placeholder=${L.keyHint} /></label
      ><button data-open=${true}>${L.open}</button>
    </form>
    <div role="status">
      ${said?.problem && html`<p>${said.problem}</p>`}
      ${
        said?.text &&
        html`<ol class="steps">
            ${said.steps.map((one) => html`<li key=${one}>${one}</li>`)}
          </ol>
          <pre class="plain" data-opened=${true}>${said.text}</pre>`
      }
    </div>
  </div>`;
}
