// A key that one holds, tried on the envelope, here in the browser.

import { html, useState } from "../vendor/preact.js";
import { bytesOfHex, openWith } from "../model/opening.js";

export function OpenWith({ raw }) {
  const [said, setSaid] = useState(null);
  async function attempt(submitted) {
    submitted.preventDefault();
    const key = bytesOfHex(new FormData(submitted.target).get("key"));
    if (!key) return setSaid({ problem: "Give 32 bytes as 64 hex digits." });
    setSaid(
      (await openWith(raw, key)) ?? {
        problem:
          "This key opens nothing here: it is neither the content key, nor a wrapping key, nor the key of this minute.",
      },
    );
  }
  return html`<div class="openwith">
    <h3>Try a key</h3>
    <form onSubmit=${attempt}>
      <label
        ><span class="hidden">Key, 64 hex digits</span
        ><input
          name="key"
          autocomplete="off"
          spellcheck=${false}
          placeholder="64 hex digits, such as a derivation of the matrix shows" /></label
      ><button>Open</button>
    </form>
    <div role="status">
      ${said?.problem && html`<p>${said.problem}</p>`}${
        said?.text &&
        html`<ol class="steps">
            ${said.steps.map((one) => html`<li key=${one}>${one}</li>`)}
          </ol>
          <pre class="plain">${said.text}</pre>`
      }
    </div>
  </div>`;
}
