// One lane: its two handsets, the envelope between them, and the gate where an order or a refusal has shut it.

import { html } from "../vendor/preact.js";
import { as, event, question, step, still, vantage } from "../state.js";
import { capital, custodyOf, locksOf, suspensions } from "../model/names.js";
import { fits, verdict } from "../model/eyes.js";
import { envelopeOf } from "../model/reduce.js";
import { L, T } from "../text.en.js";
import { Box, Copy, Gate, Letter } from "./drawing.js";
import { acting, lookedFrom, sayParty } from "./party.js";
import { guessOf, tap } from "./question.js";

const STOP = { written: "from", refused: "from", sent: "relay", stored: "mailbox", opened: "to" };
const VIA = {
  written: () => ["from"],
  refused: () => ["from"],
  sent: () => ["from", "relay"],
  stored: (one, view) => (custodyOf(view, one) === "carrier" ? ["relay", "carrier", "mailbox"] : ["relay", "mailbox"]),
  opened: () => ["mailbox", "to"],
};

/** Return the message that a lane shows: the one that the step is about, else the lane's latest. */
export const shownOn = (view, channel, focus) =>
  focus?.channel === channel ? focus : (view.messages.findLast((one) => one.channel === channel) ?? null);

export function Lane({ lane, place, view, focus, narrow }) {
  const one = shownOn(view, lane, focus);
  const current = one !== null && one === focus;
  const acts = acting(event.value ?? {}, focus, view);
  const shut = gateText(view, lane, one, current);
  const device = (end) =>
    html`<${Device} end=${end} lane=${lane} one=${one} current=${current} place=${place} view=${view} acts=${acts} />`;
  return html`<g class=${current ? "now" : "before"} data-lane=${lane}>
    ${device("from")}${device("to")} ${shut && html`<${Gate} at=${place.gates[lane]} tall=${narrow} text=${shut} />`}
    ${
      one &&
      html`<${Travelling} one=${one} stations=${place.stations[lane]} place=${place} view=${view} current=${current} />`
    }
  </g>`;
}

/** What a shut gate says: the refusal of this very message, or that an order stands. */
function gateText(view, lane, one, current) {
  if (current && one.refusal) return one.refusal.code.startsWith("order.") ? "451" : L.refusedShort;
  return suspensions(view, lane).length > 0 ? L.suspended : "";
}

function Device({ end, lane, one, current, place, view, acts }) {
  const id = `${lane}.${end}`;
  const name = one?.[end];
  const see = end === "from" ? "sender" : "receiver";
  const here = current && lookedFrom(end);
  const title = name ? capital(name) : L.handset;
  const out = name && view.shutOut.includes(name);
  const note = out ? L.shutOut : noteOf(end, one);
  const lit = current && fits(end, one);
  const choose = question.value ? () => tap(see) : () => (as.value = here ? "all" : see);
  return html`<${Box}
    id=${id}
    at=${place.boxes[id]}
    title=${title}
    note=${note}
    tag="low"
    lit=${lit}
    here=${here}
    acts=${current && acts.has(id)}
    quiet=${!current && one !== null}
    guess=${current ? guessOf(see) : null}
    choose=${choose}
    says=${sayParty(title, note, lit, L.end[end])}
  />`;
}

function noteOf(end, one) {
  if (!one) return end === "from" ? L.writes : L.reads;
  if (end === "from") return L.wrote;
  return one.stage === "opened" ? "" : L.handset.toLowerCase();
}

function Travelling({ one, stations, place, view, current }) {
  const what = event.value ?? {};
  const moving = current && ["written", "stored", "opened"].includes(what.type);
  const route = (moving ? VIA[one.stage](one, view) : [STOP[one.stage]]).map((stop) => stations[stop]);
  const locks = locksOf(view, envelopeOf(one));
  const opens = (lock) => one.stage === "opened" && lock.owner === one.to;
  const [x, y, , h] = place.boxes.carrier;
  const name = T.messageName(capital(one.from), capital(one.to), T.service[one.channel][one.service]);
  const label = one.hidden
    ? name
    : L.locked(
        name,
        locks.map((lock) => lock.text),
      );
  const copied = current && what.type === "copied" && vantage.value.knows_warrants;
  return html`<g>
    <${Letter}
      route=${route}
      locks=${locks}
      reads=${tinted(one)}
      asked=${one.hidden}
      moves=${moving && !still.value}
      dim=${!current}
      mine=${opens}
      mark=${`${one.key} ${step.value}`}
      label=${label}
    />
    ${
      copied &&
      html`<${Copy} from=${stations.relay} to=${[x + 140, y + h - 22]} moves=${!still.value} mark=${step.value} />`
    }
  </g>`;
}

/** Sealed in transit: seen with everybody's eyes an envelope is open only in the hands of somebody who reads it. */
function tinted(one) {
  if (vantage.value.id !== "all") return verdict(vantage.value.id, one).reads;
  return !one.hidden && (one.left === null || (one.stage === "opened" && !one.unreadable));
}
