// The tour: a dozen stops, one sentence and one act each. A stop is done when its act is done, however one does it.

import { batch, html, useEffect } from "../vendor/preact.js";
import { as, deeds, event, now, tour, view as chosen } from "../state.js";
import { custodyOf } from "../model/names.js";
import { focusOf } from "../model/reduce.js";
import { L, TOUR } from "../text.en.js";
import { Button, Icon } from "./icons.js";

const sent = (view, channel) => view.messages.some((one) => one.channel === channel && one.stage === "opened");
const inspections = (view) => view.warrants.flatMap((one) => one.inspections);

/** Each stop: the view it is on, what to show, and whether its act is done. Its words stand in text.en.js. */
export const STOPS = [
  {
    id: "write",
    view: "lanes",
    show: '[data-handset="alice"] [data-send]',
    done: ({ view }) => sent(view, "consumer"),
  },
  {
    id: "lock",
    view: "lanes",
    show: ".transport .buttons button",
    done: ({ view, event: at }) => at?.type === "stored" && custodyOf(view, focusOf(view)) === "carrier",
  },
  {
    id: "carrier",
    view: "lanes",
    show: '[data-box="carrier"]',
    done: ({ as: who }) => ["operator", "carrier-keys"].includes(who),
  },
  { id: "relay", view: "lanes", show: '[data-box="relay"]', done: ({ as: who }) => who === "gateway" },
  {
    id: "company",
    view: "lanes",
    show: '[data-handset="priya"] [data-send]',
    done: ({ view }) => sent(view, "enterprise"),
  },
  {
    id: "state",
    view: "lanes",
    show: ".seeas select",
    done: ({ as: who, view }) => who === "state" && sent(view, "enterprise"),
  },
  {
    id: "warrant",
    view: "warrants",
    show: '[data-act="apply"], [data-act="approve"], [data-act="serve"]',
    done: ({ view }) => view.warrants.some((one) => one.served),
  },
  {
    id: "copy",
    view: "lanes",
    show: '[data-handset="alice"] [data-send]',
    done: ({ view }) => view.messages.some((one) => one.copies.length),
  },
  {
    id: "window",
    view: "warrants",
    show: '[data-act="wait"], [data-act="inspect"]',
    done: ({ view }) => inspections(view).some((one) => one.findings.length),
  },
  {
    id: "after",
    view: "warrants",
    show: '[data-act="after"]',
    done: ({ view }) => inspections(view).some((one) => one.grant_refused),
  },
  { id: "ledger", view: "log", show: "[data-alter]", done: ({ deeds: did }) => did.has("altered") },
  { id: "predict", view: "lanes", show: "[data-ask]", done: ({ deeds: did }) => did.has("answered") },
  {
    id: "measure",
    view: "matrix",
    show: '[data-act="measure"]',
    done: ({ view }) => Object.keys(view.matrix?.cells ?? {}).length > 0,
  },
];

export function Tour() {
  const at = tour.value;
  const stop = STOPS[at];
  useEffect(() => point(stop));
  if (!stop) return null;
  const done = stop.done({ view: now.value, event: event.value, as: as.value, deeds: deeds.value });
  const last = at === STOPS.length - 1;
  return html`<aside class="tour" aria-labelledby="tour" data-tour=${stop.id} data-done=${String(done)}>
    <h2 id="tour">${L.stop(at + 1, STOPS.length)}</h2>
    <p>${TOUR[stop.id]}</p>
    <span class="acts">
      ${done && html`<span class="tick"><${Icon} name="yes" />${L.done}</span>`}
      ${
        chosen.value !== stop.view &&
        !done &&
        html`<${Button} words=${L.takeMe} data-take-me=${true} onClick=${() => (chosen.value = stop.view)} />`
      }
      ${at > 0 && html`<${Button} icon="back" label=${L.stopBack} onClick=${() => go(at - 1)} />`}
      ${
        !last &&
        html`<${Button}
          class=${done ? "primary pulse" : ""}
          words=${done ? L.next : L.skipIt}
          data-next-stop=${true}
          onClick=${() => go(at + 1)}
        />`
      }
      <${Button} icon="no" label=${L.leaveTour} onClick=${() => (tour.value = null)} />
    </span>
  </aside>`;
}

function go(to) {
  batch(() => {
    tour.value = to;
    chosen.value = STOPS[to].view;
  });
}

/** Make what the stop is about pulse, and nothing else. */
function point(stop) {
  for (const one of document.querySelectorAll(".pointed")) one.classList.remove("pointed");
  if (stop) for (const one of document.querySelectorAll(stop.show)) one.classList.add("pointed");
}
