// The help: the keyboard, and what the page is.

import { html, useEffect, useRef } from "../vendor/preact.js";
import { help } from "../state.js";
import { HELP } from "../keys.js";
import { Button } from "./icons.js";

export function Help() {
  const dialog = useRef(null);
  useEffect(() => {
    if (help.value && !dialog.current.open) dialog.current.showModal();
    if (!help.value && dialog.current.open) dialog.current.close();
  }, [help.value]);
  return html`<dialog
    ref=${dialog}
    aria-label="Help"
    onClose=${() => (help.value = false)}
    onKeyDown=${(pressed) => pressed.key === "?" && (help.value = false)}
  >
    <div class="top">
      <h2>The keyboard</h2>
      <${Button} icon="no" label="Close" onClick=${() => (help.value = false)} />
    </div>
    <table>
      <tbody>
        ${HELP.map(
          ([keys, text]) =>
            html`<tr key=${keys}>
              <th scope="row">${keys.split("  ").map((key) => html`<kbd>${key}</kbd> `)}</th>
              <td>${text}</td>
            </tr>`,
        )}
      </tbody>
    </table>
    <h2>What is what</h2>
    <p>
      Every party runs as its own process. What you see is a log of what really happened; nothing here is acted out by
      the page. A party is <em>lit</em>, with a key in its corner, when a key of its own fits a lock on the envelope.
      Choose a vantage point, or click a party, to see only what it holds.
    </p>
    <p>An address can be passed on: it names the step and the vantage point, never content and never a key.</p>
  </dialog>`;
}
