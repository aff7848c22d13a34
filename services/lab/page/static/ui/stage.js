// The two lanes: one relay and one mailbox store for both, the carrier on one of them only.

import { html, useEffect, useMemo, useState } from "../vendor/preact.js";
import { event, now, playing, question, step, still, vantage } from "../state.js";
import { capital, copying, customersOf, grouped, strangersOf } from "../model/names.js";
import { fits } from "../model/eyes.js";
import { focusOf } from "../model/reduce.js";
import { L, T } from "../text.en.js";
import { Box, Copies } from "./drawing.js";
import { Lane } from "./lane.js";
import { acting, lookedFrom, pick, sayParty } from "./party.js";
import { guessOf } from "./question.js";
import { places } from "./places.js";
import { Twin } from "./twin.js";

const NARROW = "(max-width: 699px)";

/** Which of two layouts the screen asks for. */
function useNarrow() {
  const query = useMemo(() => matchMedia(NARROW), []);
  const [narrow, set] = useState(query.matches);
  useEffect(() => {
    const changed = () => set(query.matches);
    query.addEventListener("change", changed);
    return () => query.removeEventListener("change", changed);
  }, []);
  return narrow;
}

/** Which lines between boxes are used in a step. */
const LINKS = {
  served: ["court", "ledger", "task"],
  inspected: ["auditor", "ledger"],
  copied: ["task"],
  decided: ["court"],
  commanded: ["regulator"],
};

/** The drawing, and its twin in words. */
export function Stage() {
  const view = now.value;
  const narrow = useNarrow();
  const place = places(narrow);
  useEffect(() => {
    if (narrow && playing.value) document.querySelector(".now .letter")?.scrollIntoView({ block: "center" });
  }, [step.value]);
  if (!view.world) return html`<div class="stage waiting">${T.say.waiting[0]} …</div>`;
  const focus = focusOf(view);
  const [width, height] = [place.width, narrow && view.orders.length === 0 ? place.height - 46 : place.height];
  return html`<figure class="stage">
    <svg viewBox=${`0 0 ${width} ${height}`} class=${narrow ? "tall" : "wide"} role="group" aria-label=${L.stage}>
      <${Ground} place=${place} view=${view} focus=${focus} narrow=${narrow} />
      ${["consumer", "enterprise"].map(
        (lane) =>
          html`<${Lane} key=${lane} lane=${lane} place=${place} view=${view} focus=${focus} narrow=${narrow} />`,
      )}
      <${AtTheAuditor} place=${place} view=${view} />
    </svg>
    <${Twin} view=${view} focus=${focus} />
  </figure>`;
}

const SEE = {
  court: "court",
  auditor: "auditor",
  ledger: "ledger",
  relay: "gateway",
  carrier: "operator",
  mailbox: "store",
  acme: "customer",
  globex: "other-customer",
};
const GUESS = { ...SEE, carrier: "carrier-keys" };
const ROGUE = {
  gateway: "relay",
  acme: "acme",
  globex: "globex",
  carrier: "carrier",
  auditor: "auditor",
  court: "court",
  ledger: "ledger",
};

function Ground({ place, view, focus, narrow }) {
  const { boxes, notes } = place;
  const what = event.value ?? {};
  const acts = acting(what, focus, view);
  const rogues = new Set(Object.keys(view.scene?.rogues ?? {}).map((name) => ROGUE[name]));
  const party = (id, note) => {
    const see = question.value ? GUESS[id] : SEE[id];
    const lit = focus !== null && fits(id, focus);
    const title = T.box[id] ?? capital(id);
    const said = rogues.has(id) ? L.misbehaves : note;
    return html`<${Box}
      key=${id}
      id=${id}
      at=${boxes[id]}
      title=${title}
      note=${said}
      lit=${lit}
      here=${lookedFrom(id)}
      acts=${acts.has(id)}
      rogue=${rogues.has(id)}
      guess=${guessOf(see)}
      tag=${id === "carrier" ? "low" : ""}
      noteAt=${notes[id]}
      choose=${pick(id, see)}
      says=${sayParty(title, said, lit, title)}
    />`;
  };
  return html`<g>
    ${Object.entries(place.lanes).map(([lane, it]) => html`<${Line} key=${lane} lane=${lane} it=${it} />`)}
    ${Object.entries(place.links).map(
      ([id, path]) =>
        html`<path
          key=${id}
          class=${`link ${linked(id, what, focus, view) ? "on" : ""} ${/[.]|regulator/.test(id) ? "journal" : ""}`}
          d=${path}
        />`,
    )}
    ${Object.entries(notesOf(view, narrow)).map(([id, note]) => party(id, note))}
    <${Between} at=${boxes.nobody} view=${view} focus=${focus} />
    ${
      view.orders.length > 0 &&
      html`<${Box}
        id="regulator"
        at=${boxes.regulator}
        title=${T.box.regulator}
        note=${orderNote(view.orders.at(-1))}
        acts=${acts.has(view.orders.at(-1).regulator) || what.type === "commanded"}
      />`
    }
  </g>`;
}

const Line = ({ lane, it }) =>
  html`<g class=${`lane ${lane}`}>
    <line x1=${it.line[0]} y1=${it.line[1]} x2=${it.line[2]} y2=${it.line[3]} />
    <text x=${it.title[0]} y=${it.title[1]} text-anchor=${it.anchor}>${T.lane[lane]}</text>
  </g>`;

/** Where the carrier stands on the other lane: nobody, or a reader who was added. */
function Between({ at, view, focus }) {
  const strangers = focus?.channel === "enterprise" ? strangersOf(view, focus) : [];
  if (strangers.length === 0)
    return html`<${Box} id="nobody" at=${at} title=${T.box.nobody} note=${L.nothingHere} tag="low" ghost=${true} />`;
  return html`<${Box}
    id="ghost"
    at=${at}
    title=${T.box.ghost}
    note=${L.ghostNote}
    tag="low"
    lit=${true}
    rogue=${true}
  />`;
}

const orderNote = (order) => L.orderNote[order.kind](order.reference);

/** What stands in each box, below its name. */
function notesOf(view, narrow) {
  const knows = vantage.value.knows_warrants;
  const copies = view.messages.filter((one) => one.copies.length).length;
  const tasks = copying(view).map((one) => capital(one.target));
  const consumer = view.world.arrangement.consumer.custody;
  const keys = (org) => (view.generations[org] ? L.newKey(view.generations[org]) : narrow ? L.aCompany : L.itsServer);
  const [acme, globex] = Object.keys(view.world.customers);
  const ownKeys = view.world.arrangement.enterprise.custody === "customer";
  return {
    court: knows ? L.warrantsNote(view.warrants.length) : "",
    auditor: knows ? auditorNote(view, narrow) : "",
    ledger: L.leavesNote(grouped(view.leaves.length), view.leaves.length),
    relay: knows && tasks.length ? L.copies(tasks) : L.noKey,
    carrier: knows && copies ? L.copiesNote(copies) : (L.carrierHolds[consumer] ?? L.noKey),
    mailbox: L.noKey,
    acme: ownKeys ? keys(acme) : L.noKeyFits,
    globex: ownKeys ? keys(globex) : L.noKeyFits,
  };
}

function auditorNote(view, narrow) {
  const findings = view.warrants.flatMap((one) => one.inspections.flatMap((found) => found.findings));
  const mids = new Map(findings.map((one) => [one.mid, one]));
  for (const one of findings) if (one.content != null) mids.set(one.mid, one);
  const read = [...mids.values()].filter((one) => one.content != null).length;
  if (mids.size === 0) return narrow ? "" : L.noInspection;
  return L.auditorNote(read, mids.size - read, narrow);
}

function linked(id, what, focus, view) {
  if (!id.includes(".")) return LINKS[what.type]?.includes(id) ?? false;
  if (!focus || focus.hidden || focus.channel !== "enterprise") return false;
  const [customer, end] = id.split(".");
  const person = view.world.handsets.find((one) => one.name === (end === "from" ? focus.from : focus.to));
  const journals = customersOf(view, focus).includes(customer) && view.world.customers[person.org] === customer;
  return journals && (end === "from" ? focus.stage !== "written" : focus.stage === "opened");
}

/** At an inspection: the copies, one by one, those that opened in amber. */
function AtTheAuditor({ place, view }) {
  const what = view.inspected;
  if (!what || !vantage.value.knows_warrants) return null;
  const { findings } = what.inspection;
  const read = findings.filter((one) => one.content != null).length;
  return html`<${Copies}
    findings=${findings}
    at=${place.copies}
    moves=${!still.value}
    label=${L.auditorNote(read, findings.length - read)}
    mark=${step.value}
  />`;
}
