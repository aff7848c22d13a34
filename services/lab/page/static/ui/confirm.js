// A question before something that cannot be taken back.

import { html, useEffect, useRef } from "../vendor/preact.js";
import { L } from "../text.en.js";
import { Button } from "./icons.js";

export function Confirm({ asked }) {
  const dialog = useRef(null);
  const it = asked.value;
  useEffect(() => {
    if (it && !dialog.current.open) dialog.current.showModal();
    if (!it && dialog.current.open) dialog.current.close();
  }, [it]);
  const go = () => {
    asked.value = null;
    it.doing();
  };
  return html`<dialog ref=${dialog} class="confirm" aria-labelledby="confirm" onClose=${() => (asked.value = null)}>
    ${
      it &&
      html`<h2 id="confirm">${it.title}</h2>
        <p>${it.text}</p>
        <p class="acts">
          <${Button} class="primary" words=${it.yes} data-yes=${true} onClick=${go} /><${Button}
            words=${L.no}
            onClick=${() => (asked.value = null)}
          />
        </p>`
    }
  </dialog>`;
}
