// The two lanes: one relay and one mailbox store for both, the carrier on one of them only.

import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { as, event, now, playing, still, step, vantage } from "../state.js";
import { capital, copying, custodyOf, envelopeOf, grouped, holdings, locksOf, messageOf } from "../model/all.js";
import { verdict } from "../model/vantages.js";
import { Box, Copy, Letter } from "./drawing.js";
import { places } from "./places.js";
import { Twin } from "./twin.js";

const NARROW = "(max-width: 699px)";

/** Which of two layouts the screen asks for. */
export function useNarrow() {
  const query = useMemo(() => matchMedia(NARROW), []);
  const [narrow, set] = useState(query.matches);
  useEffect(() => {
    const changed = () => set(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return narrow;
}

const CARRIER_HOLDS = {
  carrier: "master key",
  global: "the one key",
  split: "half of a key",
  customer: "no key",
  device: "no key",
};
const STOP = { sent: "relay", stored: "mailbox", opened: "to" };
const VIA = {
  sent: () => ["from", "relay"],
  stored: (one, view) => (custodyOf(view, one) === "carrier" ? ["relay", "carrier", "mailbox"] : ["relay", "mailbox"]),
  opened: () => ["mailbox", "to"],
};
const ACTS = {
  sent: (it) => [`${it.channel}.from`, "relay"],
  stored: (it, view) =>
    it.channel && custodyOf(view, it) === "carrier" ? ["relay", "carrier", "mailbox"] : ["relay", "mailbox"],
  opened: (it) => ["mailbox", `${it.channel}.to`],
  copied: () => ["relay", "carrier"],
  applied: () => ["court", "ledger"],
  decided: () => ["court", "ledger"],
  served: () => ["carrier", "ledger", "relay"],
  inspected: () => ["auditor", "carrier", "ledger"],
};
const LINKS = {
  served: ["court", "ledger", "task"],
  inspected: ["auditor", "ledger"],
  copied: ["task"],
  applied: [],
  decided: ["court"],
};

/** Return the message that each lane shows: the one that the step is about, else the lane's latest. */
export function shownOn(view, channel) {
  const focus = view.focus && messageOf(view, view.focus);
  return focus?.channel === channel ? focus : (view.messages.findLast((one) => one.channel === channel) ?? null);
}

/** The drawing, and its twin in words. */
export function Stage() {
  const view = now.value;
  const narrow = useNarrow();
  const place = places(narrow);
  useEffect(() => {
    if (narrow && playing.value) document.querySelector(".now .letter")?.scrollIntoView({ block: "center" });
  }, [step.value]);
  if (!view.world) return html`<div class="stage waiting">The classroom is starting …</div>`;
  const focus = view.focus && messageOf(view, view.focus);
  return html`<figure class="stage">
    <svg
      viewBox=${`0 0 ${place.width} ${place.height}`}
      class=${narrow ? "tall" : "wide"}
      role="group"
      aria-label="The two lanes. The same as a table follows."
    >
      <${Ground} place=${place} view=${view} focus=${focus} narrow=${narrow} />
      ${["consumer", "enterprise"].map((lane) => html`<${Lane} key=${lane} lane=${lane} place=${place} view=${view} focus=${focus} />`)}
    </svg>
    <${Twin} view=${view} focus=${focus} />
  </figure>`;
}

function Ground({ place, view, focus, narrow }) {
  const { boxes } = place;
  const what = event.value ?? {};
  const rows = focus ? Object.fromEntries(holdings(view, focus).map((row) => [row.id, row])) : {};
  const acts = new Set(ACTS[what.type]?.(focus ?? {}, view) ?? []);
  const party = (id, title, note, see, extra = {}) => {
    const here = boxesHere(focus).has(id);
    const choose = () => (as.value = here ? "all" : see);
    return html`<${Box}
      at=${boxes[id]}
      title=${title}
      note=${note}
      lit=${Boolean(rows[id]?.key)}
      here=${here}
      acts=${acts.has(id)}
      quiet=${extra.quiet}
      tag=${extra.tag}
      noteAt=${place.notes[id]}
      choose=${choose}
      says=${title}
    />`;
  };
  const knows = vantage.value.warrants;
  const copies = view.messages.filter((one) => one.copies.length).length;
  const tasks = copying(view).map((one) => capital(one.target));
  const customer = narrow
    ? "a customer"
    : view.world.arrangement.enterprise.custody === "customer"
      ? "its own key server"
      : "no key that fits";
  return html`<g>
    ${Object.entries(place.lanes).map(
      ([lane, it]) =>
        html`<g class=${`lane ${lane}`}>
          <line x1=${it.line[0]} y1=${it.line[1]} x2=${it.line[2]} y2=${it.line[3]} />
          <text x=${it.title[0]} y=${it.title[1]} text-anchor=${it.anchor}
            >${lane === "consumer" ? "Consumer lane" : "Enterprise lane"}</text
          >
        </g>`,
    )}
    ${Object.entries(place.links).map(([id, path]) => html`<path class=${`link ${linked(id, what, focus, view) ? "on" : ""} ${id.includes(".") ? "journal" : ""}`} d=${path} />`)}
    ${party("court", "Court", knows ? count(view.warrants.length, "warrant") : "", "court")}
    ${party("auditor", "Auditor", knows ? auditorNote(view, narrow) : "", "auditor")}
    ${party("ledger", narrow ? "Ledger" : "Public ledger", count(view.leaves.length, "leaf", "leaves"), "ledger")}
    ${party("relay", "Relay", knows && tasks.length ? `copies ${tasks.join(", ")}` : "holds no key", "gateway")}
    ${party("carrier", "Carrier", knows && copies ? count(copies, "copy", "copies") : CARRIER_HOLDS[view.world.arrangement.consumer.custody], "operator", { tag: "low" })}
    <${Box} at=${boxes.nobody} title="Nobody" note="nothing stands here" tag="low" ghost=${true} />
    ${party("mailbox", "Mailbox", "holds no key", "store")} ${party("acme", "Acme", customer, "customer")}
    ${party("globex", "Globex", customer, "other-customer")}
  </g>`;
}

const count = (n, one, many = `${one}s`) => `${grouped(n)} ${n === 1 ? one : many}`;

function auditorNote(view, narrow) {
  const findings = view.warrants.flatMap((one) => one.inspections.flatMap((found) => found.findings));
  if (findings.length === 0) return narrow ? "" : "no inspection yet";
  const read = findings.filter((one) => one.content != null).length;
  return narrow ? `${read} read` : `${read} read, ${findings.length - read} sealed`;
}

function boxesHere(focus) {
  const at = vantage.value.boxes;
  return new Set(at.map((id) => (id === "from" || id === "to" ? (focus ? `${focus.channel}.${id}` : "") : id)));
}

function linked(id, what, focus, view) {
  if (!id.includes(".")) return LINKS[what.type]?.includes(id) ?? false;
  if (!focus || focus.channel !== "enterprise" || custodyOf(view, focus) !== "customer") return false; // else no journal
  const [customer, end] = id.split(".");
  const person = view.world.handsets.find((one) => one.name === (end === "from" ? focus.from : focus.to));
  return view.world.customers[person.org] === customer && (end === "from" || focus.stage === "opened");
}

function Lane({ lane, place, view, focus }) {
  const one = shownOn(view, lane);
  const keys = one
    ? new Set(
        holdings(view, one)
          .filter((row) => row.key)
          .map((row) => row.id),
      )
    : new Set();
  const stations = place.stations[lane];
  const current = one !== null && one === focus;
  const what = event.value ?? {};
  const here = boxesHere(focus);
  const device = (end) => {
    const name = one?.[end];
    const id = `${lane}.${end}`;
    const empty = end === "from" ? "a handset writes" : "a handset reads";
    return html`<${Box}
      at=${place.boxes[id]}
      title=${name ? capital(name) : "Handset"}
      note=${name ? (end === "from" ? "wrote it" : one.stage === "opened" ? "" : "handset") : empty}
      tag="low"
      lit=${keys.has(name)}
      here=${here.has(id)}
      acts=${current && (ACTS[what.type]?.(one, view) ?? []).includes(id)}
      quiet=${!current && Boolean(one)}
      choose=${() => (as.value = here.has(id) ? "all" : end === "from" ? "sender" : "receiver")}
      says=${end === "from" ? "the sender" : "the receiver"}
    />`;
  };
  return html`<g class=${current ? "now" : "before"}
    >${device("from")}${device("to")}${one && html`<${Travelling} one=${one} stations=${stations} place=${place} view=${view} current=${current} what=${what} />`}</g
  >`;
}

function Travelling({ one, stations, place, view, current, what }) {
  const moving = current && ["sent", "stored", "opened"].includes(what.type);
  const route = (moving ? VIA[one.stage](one, view) : [STOP[one.stage]]).map((stop) => stations[stop]);
  const { reads } = verdict(view, vantage.value, one);
  const locks = locksOf(view, envelopeOf(one));
  const opens = (lock) => one.stage === "opened" && lock.holders.includes(one.to);
  const [x, y, , h] = place.boxes.carrier;
  const says = `${capital(one.from)} to ${capital(one.to)}; locks: ${locks.map((lock) => lock.text).join("; ")}`;
  return html`<g>
    <${Letter}
      route=${route}
      locks=${locks}
      reads=${reads}
      moves=${moving && !still.value}
      dim=${!current}
      mine=${opens}
      mark=${`${one.mid} ${step.value}`}
      label=${says}
    />
    ${current && what.type === "copied" && vantage.value.warrants && html`<${Copy} from=${stations.relay} to=${[x + 140, y + h - 22]} moves=${!still.value} mark=${step.value} />`}
  </g>`;
}
