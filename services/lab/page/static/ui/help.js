// The help: what one sees, what the words mean, the keyboard.

import { html, useEffect, useRef } from "../vendor/preact.js";
import { help, letters, tour } from "../state.js";
import { L } from "../text.en.js";
import { Button } from "./icons.js";
import { Legend } from "./legend.js";
import { Glossary } from "./terms.js";

export function Help() {
  const dialog = useRef(null);
  useEffect(() => {
    if (help.value && !dialog.current.open) dialog.current.showModal();
    if (!help.value && dialog.current.open) dialog.current.close();
  }, [help.value]);
  const close = () => (help.value = false);
  const guide = () => {
    help.value = false;
    tour.value = 0;
  };
  return html`<dialog
    ref=${dialog}
    aria-labelledby="help"
    onClose=${close}
    onKeyDown=${(pressed) => pressed.key === "?" && close()}
  >
    ${
      help.value &&
      html`<div class="top">
          <h2 id="help">${L.helpTitle}</h2>
          <${Button} icon="no" label=${L.close} onClick=${close} />
        </div>
        ${L.helpText.map((text) => html`<p key=${text}>${text}</p>`)}
        <p class="acts"><${Button} class="primary" icon="guide" words=${L.tour} onClick=${guide} /></p>
        <h3>${L.legend}</h3>
        <${Legend} />
        <h3>${L.glossary}</h3>
        <${Glossary} />
        <h3>${L.keyboard}</h3>
        <label class="switch"
          ><input
            type="checkbox"
            checked=${letters.value}
            onChange=${(changed) => (letters.value = changed.target.checked)}
          />${L.letters}</label
        >
        <table>
          <tbody>
            ${L.keys.map(([keys, text]) => html`<${Row} key=${keys} keys=${keys} text=${text} />`)}
          </tbody>
        </table>`
    }
  </dialog>`;
}

const Row = ({ keys, text }) =>
  html`<tr>
    <th scope="row">${keys.split("  ").map((key) => html`<kbd>${key}</kbd> `)}</th>
    <td>${text}</td>
  </tr>`;
