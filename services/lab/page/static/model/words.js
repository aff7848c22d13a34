// One title and one sentence for each step. Pure.

import {
  capital,
  custodyOf,
  customerName,
  customersOf,
  envelopeOf,
  grouped,
  epochOf,
  locksOf,
  messageOf,
  minuteOf,
  serviceOf,
} from "./all.js";

const messageNamed = (view, found) => {
  const one = messageOf(view, found);
  return one ? `${capital(one.from)}’s ${serviceOf(one)} to ${capital(one.to)}` : found;
};
const list = (names) => names.map(capital).join(" and ");
const a = (noun) => (/^[aeiou]/i.test(noun) ? `an ${noun}` : `a ${noun}`);
const target = (view, jti) => capital(view.warrants.find((one) => one.jti === jti)?.target ?? "somebody");
const VERB = {
  approval: [
    "The judge approves",
    "Now two people have signed: the applicant and the judge. Four eyes, checked by whoever is shown the warrant.",
  ],
  rejection: [
    "The judge rejects",
    "The reason stays in the court’s register; the public ledger says only that there is one.",
  ],
  suspension: ["The judge suspends", "The carrier ends the task at the relay until the court resumes the warrant."],
  resumption: ["The judge resumes", "The task stands again at the relay."],
  cancellation: ["The judge cancels", "The future minutes go with it: no key of a minute after this is ever granted."],
};
const ACT = {
  send: "The message is refused",
  apply: "The application is refused",
  decide: "The decision is refused",
  serve: "The warrant is turned away",
  inspect: "The inspection is refused",
  read: "The reading is refused",
  order: "The order is refused",
  revoke: "The device stays",
  rotate: "The key stays",
};

const USUAL = { consumer: "carrier", enterprise: "customer" };
const locks = (view, one) => {
  const all = locksOf(view, one.left).map((lock) => lock.text);
  return all.length === 1 ? `one lock on it: ${all[0]}` : `${all.length} locks on it: ${all.join("; ")}`;
};

/** Locks on it that are nobody’s whom the classroom knows. */
const strangers = (view, one) =>
  locksOf(view, envelopeOf(one))
    .filter((lock) => !lock.holders.every(Boolean))
    .map((lock) => lock.kid);

const say = {
  scene: (event) => [
    event.title,
    event.acts > 1
      ? `A scenario in ${event.acts} acts, each in a world of its own. The classroom waits.`
      : "A scenario, in a world of its own. The classroom waits.",
  ],
  boots: (event, view) => [
    view.scene.acts > 1 ? `Act ${event.act}: ${event.arrangement.title}` : event.arrangement.title,
    `${event.arrangement.says} Its world is starting: every party, seven handsets.`,
  ],
  checked: (event, view) => [capital(event.what), `As told: ${messageNamed(view, event.found)}.`],
  cells: (event, view) => [
    view.scene.acts > 1 ? `Act ${event.act} is over, and measured` : "Measured at the end",
    `${event.cells.length} cells, attacked on the bytes that each party holds: all as told.`,
  ],
  ended: (event) =>
    event.failed ? ["The scenario did not go as told", event.failed] : ["Who wins, and why", event.verdict],
  world: (event, view) =>
    view.scene
      ? ["The parties are up", `${event.arrangement.says}`]
      : ["The classroom", "Two lanes, one relay, one mailbox. Only the names on the locks differ."],
  told: (event) => [event.title, event.text],
  sent: (event, view) => {
    const one = messageOf(view, event.mid);
    const title = `${capital(event.from)} writes ${capital(event.to)} ${a(serviceOf(event))}`;
    if (custodyOf(view, one) !== USUAL[one.channel] || strangers(view, one).length)
      return [title, `The handset seals it and hangs ${locks(view, one)}.`];
    if (event.channel === "consumer")
      return [
        title,
        `The handset seals it and hangs one lock on it: the carrier’s key for ${capital(event.from)}, minute ${grouped(epochOf(one.ts))}.`,
      ];
    return [
      title,
      `The handset seals it for ${capital(event.to)}’s device and for ${list(customersOf(view, one))}’s own key server. No lock is the carrier’s.`,
    ];
  },
  stored: (event, view) => {
    const one = messageOf(view, event.mid);
    if (custodyOf(view, one) === "carrier")
      return [
        `The carrier adds a lock for ${capital(one.to)}`,
        "The relay shows it the header and the lock, never the content. It opens the content key, and locks the same key again.",
      ];
    if (one.left !== envelopeOf(one))
      return [
        "The relay has changed it",
        `Other bytes wait in the mailbox than left the handset: ${grouped(one.left.length)} left, ${grouped(envelopeOf(one).length)} wait.`,
      ];
    return [
      "Nobody stands in between",
      `The relay forwards it untouched: ${grouped(one.left.length)} bytes left the handset, the same ${grouped(one.left.length)} wait in the mailbox.`,
    ];
  },
  copied: (event, view) => {
    const one = messageOf(view, event.mid);
    const end =
      custodyOf(view, one) === "carrier"
        ? "The carrier keeps the copy sealed."
        : "It is sealed, and no key of the carrier’s fits.";
    return [
      `A copy goes to the carrier, for the warrant on ${target(view, event.jti)}`,
      `Metadata (X2) and the envelope as it stands (X3), over TLS. ${end}`,
    ];
  },
  opened: (event, view) => {
    const one = messageOf(view, event.mid);
    if (event.unreadable) return [`${capital(event.by)} cannot open it`, `The handset says ${event.unreadable}.`];
    if (custodyOf(view, one) === "global")
      return [
        `${capital(event.by)} reads it`,
        "The handset opens it with the one key and acknowledges; the mailbox is empty again. Every other handset’s key would have opened it, too.",
      ];
    if (custodyOf(view, one) !== USUAL[one.channel])
      return [
        `${capital(event.by)} reads it`,
        "The handset opens its own lock and acknowledges; the mailbox is empty again.",
      ];
    if (one.channel === "consumer")
      return [
        `${capital(event.by)} reads it`,
        "The handset opens its own lock and acknowledges; the mailbox is empty again. The carrier’s key would have opened it, too.",
      ];
    const ghosts = strangers(view, one);
    if (ghosts.length)
      return [
        `${capital(event.by)} reads it`,
        `The handset opens its own lock, and warns of nothing. Besides the two and ${list(customersOf(view, one))}, whoever has the key of ${ghosts.join(", ")} can read it.`,
      ];
    return [
      `${capital(event.by)} reads it`,
      `The handset opens its own lock and checks the sender’s signature inside. Besides the two, only ${list(customersOf(view, one))} can read it.`,
    ];
  },
  applied: (event) => [
    `An application for a warrant on ${capital(event.target)}`,
    `From ${minuteOf(event.claims.window.from)} to ${minuteOf(event.claims.window.until)} UTC and nothing else. One signature so far, the applicant’s.`,
  ],
  decided: (event, view) => {
    const [title, text] = VERB[event.verb] ?? [
      `The judge decides: ${event.verb}`,
      `The warrant is now ${event.status}.`,
    ];
    return [`${title} the warrant on ${target(view, event.jti)}`, text];
  },
  served: (event, view) => [
    `The warrant on ${target(view, event.jti)} is served on the carrier`,
    `Log first, act second: it stands in the public ledger as leaf ${event.leaf}, and only then does the relay take the task.`,
  ],
  inspected: (event, view) => {
    const { findings, grant_refused: refused } = event.inspection;
    const read = findings.filter((one) => one.content !== null && one.content !== undefined).length;
    const title = `The auditor inspects ${target(view, event.jti)}, ${minuteOf(event.start)} to ${minuteOf(event.until)}`;
    if (refused)
      return [
        title,
        `The carrier refuses the keys of that window (${refused}), and the refusal stands in the public ledger.`,
      ];
    return [
      title,
      `The carrier logs the grant, then hands over the keys of these minutes. Opened: ${read}. Still sealed: ${findings.length - read}.`,
    ];
  },
  read: (event, view) => [
    `${capital(customerName(view.world, event.org))} reads a message of its own`,
    "Its key server is one of the locks. The employer reads enterprise mail; nobody asked the carrier.",
  ],
  ordered: (event, view) => [
    `A court orders ${capital(customerName(view.world, event.org))} to produce`,
    event.decision === "disclose"
      ? `The customer’s own policy discloses: ${event.mids.length} opened with the customer’s key and handed over. The answer is leaf ${event.leaf} of the public ledger.`
      : `The customer’s own policy refuses; the answer is leaf ${event.leaf} of the public ledger.`,
  ],
  revoked: (event, view) => [
    `${capital(customerName(view.world, event.org))} shuts ${capital(event.handset)}’s device out`,
    "The relay takes nothing from it any more, and the directory no longer names it.",
  ],
  rotated: (event, view) => [
    `${capital(customerName(view.world, event.org))} has a new key, generation ${event.generation}`,
    event.destroyed.length
      ? "The older generations are destroyed: what was sealed to them its key server cannot open, whoever orders it."
      : "What comes now is sealed to the new one.",
  ],
  refused: (event) => [ACT[event.act] ?? "Refused", `${event.detail} (${event.code})`],
  turned: (event) => [
    `It is ${minuteOf(event.now)}`,
    "The lab turned the classroom clock: every party sees the same time.",
  ],
  measured: (event) => [
    "The lab has attacked everything",
    event.matrix.agreement.holds
      ? "Declared policy, symbolic closure and measured bytes agree in every cell."
      : "The three do not agree: look for the marked cells.",
  ],
  reset: () => [
    "The beginning",
    "The lesson starts again. What stands in the public ledger stays there: nobody can reset that.",
  ],
};

/** Return [title, sentence] of a step; `view` is the view at that step. */
export function wordsFor(event, view) {
  return event && view.world
    ? (say[event.type]?.(event, view) ?? [event.type, ""])
    : ["The classroom is starting", "Waiting for the event log."];
}
