// What the page says, in English. A translation is this one file: every sentence that the page makes stands here.

const cap = (name) => name.charAt(0).toUpperCase() + name.slice(1);
const list = (names) => (names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`);
const a = (noun) => (/^[aeiou]/i.test(noun) ? `an ${noun}` : `a ${noun}`);
const many = (n, one, more = `${one}s`) => `${n} ${n === 1 ? one : more}`;

/** Words that a newcomer cannot know, each in one sentence. */
const glossary = {
  BBM: "BlackBerry Messenger: short messages between handsets.",
  "BIS mail": "BlackBerry Internet Service: mail of consumers, over their carrier.",
  "BES mail": "BlackBerry Enterprise Server: mail of a company’s employees, over the company’s own key server.",
  "BES BBM": "A BBM between employees, sealed to their devices and the company’s own key server.",
  BIS: "BlackBerry Internet Service: the consumers’ lane.",
  BES: "BlackBerry Enterprise Server: the companies’ lane.",
  envelope: "The message as it travels: a header that everybody on the way sees, the sealed content, and the locks.",
  lock: "One of the envelope’s recipients: the content key, shut so that one key opens it.",
  locks: "The envelope’s recipients: each holds the content key, shut so that one key opens it.",
  "key server": "A company’s own server, on its own premises, which holds a key to all mail of its employees.",
  grant: "The keys of one person for the minutes of a warrant, from the carrier, sealed to the auditor.",
  keys: "Whoever has a key that fits a lock reads the message. Nobody else does.",
  warrant: "An order of a judge to let an agency read one person’s messages, for so many minutes.",
  window: "The minutes that a warrant covers.",
  leaf: "One entry of the public log.",
  "public log": "A list that everybody may read and nobody can change unseen: what was done, by whom, never to whom.",
  checkpoint: "The public log’s size and hash at a moment, signed by the log and by enough of its witnesses.",
  witness: "Another party that signs the log’s checkpoints, so that the log cannot show two histories.",
  relay: "The gateway: it takes messages from handsets and puts them into mailboxes. It holds no key.",
  carrier: "The mobile operator: its master key makes the key of every subscriber for every minute.",
  auditor: "The agency that inspects under a warrant.",
  metadata: "Who writes to whom, when, by which service, how long. It is never sealed.",
  X2: "The metadata of a copied message, as the carrier is given it (ETSI TS 103 221-2).",
  X3: "The copied envelope itself, as the carrier is given it (ETSI TS 103 221-2).",
  PIN: "The number of a handset. Everybody on the way sees it.",
};

// Words of the field and of this project that the page does not explain where they stand: `?` lists them.

const fieldWords = {
  admission: "Ours: the carrier opens a content key as the sender’s and wraps it for the receiver. It sees no content.",
  arrangement: "Ours: one custody for each channel, such as india-2013.",
  CEK: "Content encryption key: drawn for one message; whoever has it reads that message.",
  channel: "Consumer or enterprise: whose keys stand in recipients.",
  classroom: "Ours: all parties on one machine, with people, handsets and a clock that can be turned: tiers up.",
  closure: "Ours: all that follows from what a vantage point holds, by rules.",
  commitment: "A hash that binds to something unshown: in a leaf to a warrant, in a header (cmt) to the content key.",
  copy: "A message’s envelope, taken for a warrant while it passes.",
  cosignature: "A witness’s signature on a checkpoint: it has seen that the log only grew.",
  cover: "The fewest nodes of a key tree that open exactly a window’s minutes.",
  custody: "Ours: whose keys open a channel’s messages.",
  customer: "A company with a key server of its own, such as Acme.",
  drained: "Ours: of a mailbox: all that came before a time has been delivered, so a handset erases older keys.",
  epoch: "A minute since 2010-01-01T00:00Z, as the key tree counts them.",
  escrow: "Ours: a key for somebody who is not an end; here also the custody split, where two hold half each.",
  generation: "The number of a key; never given twice.",
  handset: "A device of a person; in code, device.",
  HPKE: "Hybrid Public Key Encryption (RFC 9180); HPKE-9-KE is its JOSE name with a post-quantum hybrid.",
  "inclusion proof": "Hashes that lead from a leaf to a checkpoint’s root.",
  "IRI, CC": "Intercept related information (metadata), content of communication: what a warrant asks for.",
  journal: "Ours: a company’s sealed copies of its own messages.",
  jti: "The id of a warrant, or of an order.",
  "JWE, JWS, JWK": "Encrypted, signed, and key objects in JSON (RFC 7516, 7515, 7517).",
  kid: "The name of a key, as a recipient bears it: carrier/in/2100000a/8415360.",
  LIID: "Lawful interception identifier: under which the product of a warrant is delivered.",
  mailbox: "What waits for a handset in the store.",
  master: "Ours: the carrier’s one key, from which every subscriber’s and minute’s key is derived.",
  matrix: "Who can read, forge and see what: declared, derived and measured.",
  mediation: "The carrier’s receiver of copies.",
  order: "A regulator’s to the relay (suspend a service), or a court’s to a company (produce).",
  PDU: "One X2 or X3 unit on the wire.",
  product: "What was copied for a warrant, as the auditor fetches it.",
  recipients: "The part of a JWE that names each reader, with the content key wrapped for each.",
  seal: "To encrypt to readers; of a leaf, the salted commitment that is opened after a date.",
  "SPIFFE id": "A party’s name in its certificate: spiffe://tiers.example/carrier/in.",
  SRP: "Server Routing Protocol, whose identifier names a company: S50000001.",
  task: "The relay’s order to copy one target’s messages, for one warrant.",
  tier: "Ours: a channel, with all that its keys make possible and impossible.",
  treaty: "Ours: services/wire: the formats that all parties share, and nothing else.",
  "vantage point": "Where an attacker stands, and what is held there.",
  voucher: "What the carrier’s shop gives with a PIN, so that nobody else enrols it.",
  XID: "The id of a task on X2 and X3.",
};

const why = {
  all: "The lab plays everybody, so it sees everything. Choose other eyes above, or click a party.",
  own: "It is one of the two ends of this message.",
  employer: "Its key server is one of the locks: the employer reads enterprise mail.",
  "static-key": "A device key that never changes still opens an envelope that somebody kept.",
  master: "It holds the carrier’s master key: every key of every subscriber and minute is made from it.",
  halves: "It holds both halves of the escrow key.",
  grant: "A warrant covers this minute, the carrier granted its keys, and the copy was delivered.",
  global: "It holds the one key that is in every handset.",
  key: "It holds a key that fits one of the locks.",
  tls: "TLS hides it: the link shows that something passed, how long it was and when.",
  logs: "Logs hold counts and codes, never content.",
  "one-half": "It holds one half of the escrow key. One half alone opens nothing.",
  "not-carriers": "No lock on this envelope is the carrier’s, so no key of the provider and no grant fits.",
  "companys-other": "The lock is another company’s.",
  "not-companys": "This message has no lock of the company’s.",
  erased: "The handset has erased the keys of every minute that has passed.",
  "not-named": "No lock is for this handset.",
  "no-warrant": "No warrant names this agency: every party refuses it.",
  expired: "The warrant is over: the carrier grants nothing any more.",
  "other-warrant": "Its warrant is on somebody else, whose keys open this person’s messages never.",
  "no-grant": "No grant covers it: no warrant on these two, not in this minute, or not inspected yet.",
  "no-key": "It has the envelope, and no key that fits any lock.",
  attack: "The attack found otherwise than was declared: see how, in the matrix.",
  "not-sent": "The message has not left the handset.",
  hidden: "First say what you think.",
};

const stranger = (name) => ({
  lines: ["a stranger’s", name],
  text: `a key ${name} that is nobody’s whom the classroom knows`,
});
const lock = {
  stranger,
  carrier: ({ name, minute }) => ({
    lines: ["carrier", `for ${name}`],
    text: `the carrier’s key for ${name}, minute ${minute}`,
  }),
  global: () => ({ lines: ["one key", "for everybody"], text: "the one global key, which is in every handset" }),
  escrow: ({ name, minute }) => ({
    lines: ["escrow", `for ${name}`],
    text: `an escrow for ${name}, minute ${minute}, which carrier and court open only together`,
  }),
  bes: ({ customer, generation }) => ({
    lines: [`${customer}’s`, "key server"],
    text: `${customer}’s own key server, key ${generation}`,
  }),
  device: ({ name, generation }) => ({ lines: [`${name}’s`, "device"], text: `${name}’s device, key ${generation}` }),
};

const decided = {
  approval: [
    "The judge approves",
    "Now two people have signed: the applicant and the judge. Whoever is shown the warrant checks both.",
  ],
  rejection: [
    "The judge rejects",
    "The reason stays in the court’s register; the public log says only that there is one.",
  ],
  suspension: ["The judge suspends", "The carrier ends the task at the relay until the court resumes the warrant."],
  resumption: ["The judge resumes", "The task stands again at the relay."],
  cancellation: ["The judge cancels", "The future minutes go with it: no key of a later minute is ever granted."],
};
const refusedAct = {
  send: "The message is refused",
  apply: "The application is refused",
  decide: "The decision is refused",
  serve: "The warrant is turned away",
  inspect: "The inspection is refused",
  read: "The reading is refused",
  order: "The order is refused",
  revoke: "The device stays",
  rotate: "The key stays",
  command: "The regulator is refused",
};

/** One title and one sentence for each kind of step. What they are about is worked out in words.js. */
const say = {
  waiting: ["The classroom is starting", "Waiting for the event log."],
  asked: (one) => [
    `Who can read ${one}?`,
    "Tap everybody who can, in the drawing or in the list. Then attack, and see.",
  ],
  scene: (title, acts) => [
    title,
    `A scenario${acts > 1 ? `, in ${acts} acts, each in a world of its own` : ", in a world of its own"}. The ` +
      `classroom waits, as it is.`,
  ],
  boots: (title, says, act) => [
    act ? `Act ${act}: ${title}` : title,
    `${says} Its world is starting: every party, seven handsets.`,
  ],
  cells: (n, act) => [
    act ? `Act ${act} is over, and measured` : "Measured at the end",
    `${many(n, "cell")} attacked on the bytes that each party holds: all as told.`,
  ],
  ended: (verdict, failed) => (failed ? ["The scenario did not go as told", failed] : ["Who wins, and why", verdict]),
  world: (says) =>
    says
      ? ["The parties are up", says]
      : [
          "Who can read this message?",
          "Two lanes, one relay, one mailbox. Only the names on the locks differ. Click anyone to look through " +
            "their eyes.",
        ],
  back: ["Back in the classroom", "Everything is as it was before the scenario."],
  written: (from, to, service, locks) => [`${from} writes ${to} ${a(service)}`, locks],
  sealed: {
    carrier: (from, minute) =>
      `The handset seals it and hangs one lock on it: the carrier’s key for ${from}, minute ${minute}.`,
    customer: (to, customers) =>
      `The handset seals it for ${to}’s device and for ${list(customers)}’s own key server. No lock is the carrier’s.`,
    other: (locks) => `The handset seals it and hangs ${many(locks.length, "lock")} on it: ${locks.join("; ")}.`,
    not: "It has not left the handset.",
    unseen: "Its envelope is not held here.",
  },
  admitted: (to) => [
    `The carrier adds a lock for ${to}`,
    "The relay shows it the header and the lock, never the content. The carrier opens the content key, and " +
      "locks the same key again.",
  ],
  changed: (left, waits) => [
    "The relay has changed it",
    `Other bytes wait in the mailbox than left the handset: ${left} left, ${waits} wait.`,
  ],
  ghost: (names, rogue) => [
    rogue ? "A third lock, and the relay lets it pass" : "A third lock passes",
    `One lock is neither the receiver’s nor a company’s: ` +
      `${names.join(", ")}.${rogue ? " This relay was told not to count the readers." : ""}`,
  ],
  passed: ["It waits in the mailbox", "Its envelope is not held here."],
  forwarded: (bytes) => [
    "Nobody stands in between",
    `The relay forwards it untouched: ${bytes} bytes left the handset, the same ${bytes} wait in the mailbox.`,
  ],
  copied: (target, carriers) => [
    `A copy goes to the carrier, for the warrant on ${target}`,
    `Metadata (X2) and the envelope as it stands (X3). ` +
      `${carriers ? "The carrier keeps the copy sealed." : "It is sealed, and no key of the carrier’s fits."}`,
  ],
  unreadable: (by, code) => [`${by} cannot open it`, `The handset says ${code}.`],
  opened: {
    global: (by) => [
      `${by} reads it`,
      "The handset opens it with the one key. Every other handset’s key would have opened it, too.",
    ],
    carrier: (by) => [
      `${by} reads it`,
      "The handset opens its own lock, and the mailbox is empty again. The carrier’s key would have opened it, too.",
    ],
    customer: (by, customers) => [
      `${by} reads it`,
      `The handset opens its own lock and checks the sender’s signature inside. Besides the two, only ` +
        `${list(customers)} can read it.`,
    ],
    ghost: (by, names) => [
      `${by} reads it`,
      `The handset opens its own lock, and warns of nothing. Whoever has the key of ${names.join(", ")} reads ` +
        `it as well.`,
    ],
    other: (by) => [`${by} reads it`, "The handset opens its own lock, and the mailbox is empty again."],
  },
  applied: (target, from, until) => [
    `An application for a warrant on ${target}`,
    `From ${from} to ${until} UTC and nothing else. One signature so far, the applicant’s.`,
  ],
  decided: (verb, target, status) => [
    `${decided[verb]?.[0] ?? `The judge decides: ${verb}`}: the warrant on ${target}`,
    decided[verb]?.[1] ?? `The warrant is now ${status}.`,
  ],
  served: (target, leaf) => [
    `The warrant on ${target} is served on the carrier`,
    `Log first, act second: it stands in the public log as leaf ${leaf}, and only then does the relay take the task.`,
  ],
  inspected: (target, from, until, read, sealed) => [
    `The auditor inspects ${target}, ${from} to ${until}`,
    `The carrier logs the grant, then hands over the keys of these minutes. Of the copies ${read} ` +
      `open${read === 1 ? "s" : ""}, ${sealed} stay${sealed === 1 ? "s" : ""} sealed.`,
  ],
  keysRefused: (target, from, until, code) => [
    `The auditor inspects ${target}, ${from} to ${until}`,
    `The carrier refuses the keys of that window (${code}), and the refusal stands in the public log.`,
  ],
  read: (org) => [
    `${org} reads a message of its own`,
    "Its key server is one of the locks. The employer reads enterprise mail; nobody asked the carrier.",
  ],
  ordered: (org, decision, n, leaf) => [
    `A court orders ${org} to produce`,
    decision === "disclose"
      ? `The company’s own policy discloses: ${n} opened with the company’s key and handed over. The answer is ` +
        `leaf ${leaf} of the public log.`
      : `The company’s own policy refuses; the answer is leaf ${leaf} of the public log.`,
  ],
  revoked: (org, handset) => [
    `${org} shuts ${handset}’s device out`,
    "The relay takes nothing from it any more, and the directory no longer names it.",
  ],
  rotated: (org, generation, destroyed) => [
    `${org} has a new key, generation ${generation}`,
    destroyed
      ? "The older generations are destroyed: what was sealed to them its key server cannot open, whoever orders it."
      : "What comes now is sealed to the new one.",
  ],
  commanded: (who, kind, what, from, outcome) => [
    {
      suspend: `${who} orders: no ${what}, from ${from} on`,
      withdraw: `${who} withdraws an order`,
      demand: `${who} demands access to ${what}`,
    }[kind] ?? `${who} orders`,
    `The relay’s answer: ${outcome}. It stands in the public log. An order moves no key.`,
  ],
  refused: (act, detail, code) => [refusedAct[act] ?? "Refused", `${detail} (${code})`],
  turned: (now) => [`It is ${now}`, "The lab turned the classroom clock: every party sees the same time."],
  notWhole: (empty) => [
    "The attack has not seen everything",
    `A capture is not whole, so it shows nothing: ${list(empty.map(([where, what]) => `${where} lacks ${what}`))}.`,
  ],
  measured: (wrong, n, minutes) => {
    const same = `${n} cells, each on the bytes that the party really holds: all as declared.`;
    const said = wrong ? `${many(wrong, "cell")} of ${n} differ: look for the marked ones.` : same;
    const title = wrong ? "The attack found something else than was declared" : "The lab has attacked everything";
    return [title, `${said}${minutes ? ` The clock was turned by ${many(minutes, "minute")}.` : ""}`];
  },
  reset: [
    "The beginning",
    "The lesson starts again. What stands in the public log stays there: nobody can reset that.",
  ],
};

export const T = {
  glossary,
  fieldWords,
  why,
  lock,
  say,
  all: "Everything",
  service: { consumer: { bbm: "BBM", email: "BIS mail" }, enterprise: { bbm: "BES BBM", email: "BES mail" } },
  group: { way: "On the way", provider: "The provider", state: "The state", company: "The company", ends: "The ends" },
  box: {
    relay: "Relay",
    carrier: "Carrier",
    mailbox: "Mailbox",
    court: "Court",
    auditor: "Auditor",
    ledger: "Public log",
    nobody: "Nobody",
    regulator: "Regulator",
    ghost: "A third reader",
  },
  lane: { consumer: "Consumer lane", enterprise: "Enterprise lane" },
  handsetOf: (name) => `${name}’s handset`,
  customer: (name) => `${name}, a company`,
  messageName: (from, to, service) => `${from}’s ${service} to ${to}`,
  hold: {
    sender: "the message that it wrote",
    relay: "the envelope in passing: header, locks, ciphertext",
    copy: "a copy of the envelope, for a warrant",
    admitted: "the header and the locks, never the ciphertext",
    waiting: "the envelope, waiting for the receiver",
    gone: "nothing any more: the receiver has acknowledged it",
    receiver: "the envelope, and what it opened",
    delivered: "the copy that the carrier delivered",
    journal: "its journal’s copy of the envelope",
  },
  /** A fact that a scenario has checked, as a sentence. */
  fact: (what, found) => {
    if (/^[a-z]+(\.[a-z_]+)+$/.test(found)) return { text: `${cap(what)} is refused.`, code: found };
    if (found === "yes" || found === "no") return { text: `${cap(what)}: ${found}.`, code: "" };
    return { text: `${cap(what)}: ${found}.`, code: "" };
  },
};

export const words = { cap, list, many };

/** The envelope, field by field. */
export const E = {
  notJson: "This is not JSON. Paste a whole envelope, from { to }.",
  noEnvelope: "This JSON is no envelope: it has no protected header or no recipients.",
  badHeader: "The protected header is not base64url of JSON.",
  header: "Header",
  content: "Content",
  lock: (n) => `Lock ${n}`,
  told: {
    protected: "What everybody on the path sees, and nobody can change: the content’s tag covers it.",
    iv: "The nonce of the content: 96 bits, drawn for this message.",
    ciphertext: "The content, sealed. It is as long as the plaintext: size is no secret.",
    tag: "128 bits that prove, to whoever has the content key, that neither header nor content was changed.",
  },
  member: {
    typ: "What this is: a message of ours, as a JWE.",
    enc: "How the content is sealed: AES-256-GCM, a fresh key for each message.",
    mid: "The message’s id, a UUID of version 7: its first 48 bits are the time.",
    channel: "Which lane: whose keys stand in recipients.",
    service: "What the user sees: a BBM or a mail.",
    from: "The sender’s BlackBerry PIN. Everybody on the path sees it.",
    to: "The receiver’s PIN. Everybody on the path sees it.",
    ts: "When it was written, milliseconds since 1970.",
    cty: "What is inside: text or mail on the consumer lane, a signature (JOSE) on the enterprise lane.",
    cmt: "A commitment to the content key: every reader compares, so all who can read it read one text.",
    org: "The sender’s customer.",
  },
  recipient: {
    A256GCMKW: {
      alg: "AES-256-GCM key wrap (RFC 7518).",
      iv: "The nonce under which the content key is wrapped.",
      tag: "Whoever changes the wrapped key, or uses another key, is found out by this tag.",
      encrypted_key: "The content key, wrapped (AES-256-GCM) under a key of this minute and message.",
    },
    "HPKE-9-KE": {
      alg: "Hybrid, post-quantum public-key encryption: ML-KEM-768 with X25519, SHAKE256, AES-256-GCM.",
      ek:
        "The encapsulated key: ML-KEM-768 (1,088 bytes) and X25519 (32 bytes). Only the private key makes a " +
        "secret of it.",
      encrypted_key: "The content key, sealed under that secret, with its tag.",
    },
  },
  kid: {
    carrier: ({ carrier, pin, epoch }) =>
      `Who can open this lock: whoever holds carrier ${carrier}’s key for ${pin} in minute ${epoch}. That is ` +
      `the handset, and the carrier.`,
    escrow: ({ pin, epoch }) => `Who can open this lock: carrier and court together, for ${pin} in minute ${epoch}.`,
    global: () => "Who can open this lock: every handset, and whoever made them.",
    bes: ({ org, generation }) =>
      `Who can open this lock: the key server of customer ${org}, generation ${generation}.`,
    device: ({ org, pin, generation }) =>
      `Who can open this lock: the device ${pin}${org ? ` of customer ${org}` : ""}, generation ${generation}.`,
    other: () => "Who can open this lock: a key of a kind that this page does not know.",
  },
  check: {
    spelling: "One spelling: these bytes are exactly what any writer would write for this message.",
    formats: "The header names the formats that were agreed.",
    lengths: "Nonces, tags and keys have their exact lengths.",
    consumer: "Consumer lane: every lock is the carrier’s.",
    minute: "Every lock is of the minute in which the message was written.",
    enterprise: "Enterprise lane: no lock is the carrier’s.",
    readers: "The locks are the receiver’s device and a customer’s key server.",
    same: "Not a byte differs from what left the sender’s handset.",
    added: "Since it left the handset one lock was added, and not a byte of the rest has changed.",
  },
  opening: {
    cek: "it is the content key that the header commits to",
    wrap: "it is the wrapping key of this message",
    leaf: "it is a subscriber’s key of this minute; HKDF-Expand gives the wrapping key",
    lock: (kid) => `A256GCMKW opens the lock ${kid}`,
    content: "A256GCM opens the content",
  },
};

/** The public log. */
export const LOG = {
  title: "The public log",
  empty: "Nothing has been logged yet. Whatever the court does, it logs before it does anything else.",
  lead:
    "Anybody may read it. It says that something was done, by whom and when, and names no target: the " +
    "warrant is a salted commitment.",
  heads: ["Leaf", "When", "What", "Who", "Commitment"],
  check: (index) => `Check leaf ${index}`,
  proof: (index) => `Leaf ${index}, checked in this browser`,
  alter: "Alter one byte",
  putBack: "Put it back",
  path: "The path to the root",
  checkpoint: "The checkpoint, as signed",
  leaf: "leaf",
  neighbour: { left: "with its left neighbour", right: "with its right neighbour" },
  gives: "gives",
  root: "signed root",
  notWhole: "An inclusion proof: this page does not have every leaf below the checkpoint.",
  inclusion: (n) => `The inclusion proof leads from this leaf to the signed root, in ${many(n, "hash", "hashes")}.`,
  whole: (n) => `All ${n} leaves, hashed here, give the same root.`,
  byLog: "The checkpoint is signed by the log",
  byWitnesses: (good, all, enough) =>
    `and cosigned by ${good} of ${many(all, "witness", "witnesses")}, other ` + `parties; ${enough} are enough`,
  signed: (text) => `${text} (Ed25519).`,
  noSignature: (text) => `${text} (Ed25519): there is no such signature.`,
  noEd25519: (text) => `${text}: this browser has no Ed25519.`,
};

/** The tour: one sentence and one act each (ui/tour.js). */
export const TOUR = {
  write: "Two handsets of consumers: write something on Alice’s and send it to Bob.",
  lock: "Go back with ←, to where the carrier adds a lock for Bob: it opens the content key, and so could read.",
  carrier: "Click the carrier, and look at the message through its eyes.",
  relay: "Click the relay: it carries every message, and has no key to any.",
  company: "Now a company: write something on Priya’s handset, to Quentin.",
  state: "See as “The whole state”: relay, carrier, court, auditor and log together. Can they read Priya’s message?",
  warrant: "A warrant on Alice: sign and apply, let the judge approve, serve it on the carrier.",
  copy: "Now send something from Alice to Bob once more, and watch a copy leave the relay.",
  window: "Turn to the end of the minute, and let the auditor open the window.",
  after: "The auditor asks for one minute more: try the minute after.",
  ledger: "The public log has seen all of it. Alter one byte of a leaf, and see which checks fail.",
  predict: "Choose a message and press “Who can read this?”. Say who, then let the attack answer.",
  measure: "Nobody need believe the page: measure, and every cell is an attack on what a party really holds.",
};

/** Labels, buttons, and what a screen reader is told. */
export const L = {
  name: "intercept-tiers",
  subtitle: "the glass box",
  skip: "To the lesson",
  views: "Views",
  view: {
    lanes: "Lanes",
    bytes: "Bytes",
    warrants: "Warrants",
    log: "Log",
    matrix: "Matrix",
    scenarios: "History",
    exercises: "Exercises",
    arrange: "Build",
  },
  seeAs: "See as",
  clock: "Classroom time, UTC",
  saved: "a saved lesson",
  lost: "This browser is not let in any more. Run `tiers page` and open what it prints.",
  notConnected: "Not connected. Is `tiers up` still running?",
  failed: "The classroom failed at this. Its terminal says how.",
  silent: "The classroom does not answer. Is `tiers up` still running?",
  close: "Close",
  tour: "Take the tour",
  presenter: "Presenter mode (p)",
  theme: "Dark or light (d)",
  help: "What is this? (?)",
  helpTitle: "What is this?",
  helpText: [
    "One relay carries two kinds of messages. A consumer’s is locked with the carrier’s keys, so that an " +
      "auditor with a warrant can read it. A company’s is locked with keys that the company alone holds. Who " +
      "can read which?",
    "Every party runs as its own process. What you see is a log of what really happened; nothing here is acted " +
      "out. Click a party, or choose under See as, to see only what it holds.",
    "Write on a handset, play the story, serve a warrant. Then measure: the lab attacks the bytes that each " +
      "party really holds.",
    "An address can be passed on: it names a place in the lesson and a vantage point, never content and never a key.",
  ],
  legend: "What the signs mean",
  signs: { lamp: "a key of its own fits a lock", lock: "sealed", open: "read here", eye: "we look from here" },
  glossary: "Words",
  keyboard: "The keyboard",
  letters: "Single letters are keys",
  keys: [
    ["←  →", "one step back, one step forward"],
    ["Space", "play, pause"],
    ["Home  End", "the beginning, the present"],
    ["1 – 9", "see as: link, relay, provider, auditor, court, state, company, another subscriber, receiver"],
    ["0", "see everything"],
    ["l  b  w  g  m", "lanes, bytes, warrants, log, matrix"],
    ["s  e  a", "history, exercises, build"],
    ["p", "presenter mode: larger"],
    ["d", "dark or light"],
    ["?", "this help"],
  ],
  time: "Time",
  toFirst: "To the beginning (Home)",
  back: "Back (←)",
  play: "Play (Space)",
  pause: "Pause (Space)",
  forward: "Forward (→)",
  last: "To the present (End)",
  of: (n) => `of ${n}`,
  live: "live",
  step: "Step",
  stepOf: (at, of, title) => `Step ${at} of ${of}: ${title}`,
  speed: "Speed",
  speeds: { 0.5: "slow", 1: "normal", 2: "fast" },
  stops: "stops",
  stopsLabel: "Playing stops where a chapter begins, and before the verdict",
  asking: "questions",
  askingLabel: "Playing stops and asks who can read",
  fold: "Fold the sentence away",
  unfold: "Show the sentence",
  reset: "Reset",
  resetLabel: "Begin the lesson again, for everybody",
  confirmReset: {
    title: "Begin again, for everybody?",
    text:
      "All messages, warrants and findings leave the page, for everybody who has it open, and warrants that " +
      "stand are cancelled. The public log stays.",
    yes: "Begin again",
  },
  no: "No",
  lanesTitle: "Two lanes, one relay",
  stage: "The two lanes. The same as a table follows.",

  first: "Who can read this message? Click anyone.",
  seen: "What is seen",
  firstHow: "Write on a handset, or",
  firstWrite: "Write something on a handset.",
  firstSaved: "Step forward, or press Play.",
  story: "Play the story",
  storyBusy: "Nine messages, two warrants, three minutes …",
  findings: "What lay before the auditor",
  itReads: "a key of its own fits",
  itReadsNot: "no key of its own fits",
  lookAs: (name) => `See as ${name}`,
  sayReads: "Say that it can read",
  misbehaves: "misbehaves",
  nothingHere: "nothing stands here",
  ghostNote: "its lock was added",
  orderNote: {
    suspend: (ref) => `suspends, ${ref}`,
    withdraw: (ref) => `withdrew, ${ref}`,
    demand: (ref) => `demands, ${ref}`,
  },
  newKey: (n) => `key ${n}, a new one`,
  aCompany: "a company",
  itsServer: "its own key server",
  noKeyFits: "no key that fits",
  noKey: "holds no key",
  carrierHolds: {
    carrier: "master key",
    global: "the one key",
    split: "half of a key",
    customer: "no key",
    device: "no key",
  },
  copies: (names) => `copies ${list(names)}`,
  copiesNote: (n) => many(n, "copy", "copies"),
  warrantsNote: (n) => many(n, "warrant"),
  leavesNote: (text, n) => `${text} ${n === 1 ? "leaf" : "leaves"}`,
  noInspection: "no inspection yet",
  auditorNote: (read, sealed, short) => (short ? `${read} read` : `${read} read, ${sealed} sealed`),
  handset: "Handset",
  shutOut: "shut out",
  writes: "a handset writes",
  reads: "a handset reads",
  wrote: "wrote it",
  end: { from: "the sender", to: "the receiver" },
  locked: (name, locks) => `${name}. Locks: ${locks.length ? locks.join("; ") : "none yet"}.`,
  suspended: "451",
  refusedShort: "refused",
  refused: "Refused.",
  twin: "The drawing as a table",
  twinEmpty:
    "No message is on its way. On both lanes: handset, relay, then the carrier (consumer lane) or nobody " +
    "(enterprise lane), the mailbox, handset.",
  party: "Party",
  holdsOfIt: "Holds of this message",
  keyFits: "A key of its own fits",
  nothingShort: "nothing",
  yes: "yes",
  not: "no",
  verdict: { reads: "reads", sealed: "sealed" },
  measured: "measured",
  declared: "declared",
  seenAs: (name) => `What is seen as ${name}`,
  ciphertext: "ciphertext",
  nothing: "nothing of it is here",
  nothingLeft: "nothing has left the handset",
  unseen: "not seen",
  meta: { from: "From", to: "To", when: "When", what: "What", size: "Size" },
  bytes: (n) => `${n} bytes`,
  companyReads: (name) => `${name} reads it, as the company may`,
  whose: "Whose handset",
  subscriber: "carrier subscriber",
  messages: "Messages",
  noMessages: "No messages yet.",
  to: (name) => `to ${name}`,
  toLabel: "To",
  lane: "Lane",
  kind: "Kind",
  channel: { consumer: "Consumer", enterprise: "Enterprise" },
  service: { bbm: "BBM", email: "Mail" },
  subject: "Subject",
  message: "Message",
  write: { bbm: "Write a BBM", email: "Write a mail" },
  send: "Send",
  keysRefused: (window) => `${window}: the carrier refuses the keys.`,
  openedFor: (window, others) =>
    `Opened for ${window}${others.length ? `. Met on the way, named in no warrant: ${list(others)}` : ""}`,
  findingHeads: ["When", "From, to", "What", "Content"],
  fromTo: (from, to) => `${from} to ${to}`,
  openedByAuditor: "opened by the auditor; not seen from here",
  whoReads: (name) => `Who can read ${name}?`,
  tapWho: "Tap everybody who can, here or in the drawing.",
  commit: "Attack, and see",
  letGo: "Not now",
  ask: "Who can read this?",
  attacking: "Attacking memory, disks, links and answers …",
  score: (right, of) => `${right} of ${of} right.`,
  readers: (names) => (names.length ? `It is read by: ${list(names)}.` : "Nobody of these reads it."),
  goOn: "Go on",
  miss: (name, reads) => `${name} ${reads ? "reads it." : "does not."}`,
  belief: ({ reads, who }) =>
    reads ? (beliefs.reads[who] ?? beliefs.reads.other) : (beliefs.sealed[who] ?? beliefs.sealed.other),
  bytesTitle: "The bytes of an envelope",
  paste: "Paste an envelope",
  holdsNot: (name) => `${name} does not hold this envelope.`,
  envelope: "Envelope",
  ofYourOwn: "one of your own …",
  whichMoment: "Which moment",
  asItLeft: "as it left the handset",
  asItWaits: "as it waits in the mailbox",
  asItIs: "as it is now",
  inspect: "Inspect",
  inspectLead: "What it says. Anybody on the path can do this.",
  changeIt: "Copy it, or change it",
  decode: "Decode",
  verify: "Verify",
  checksLead: "What can be checked without a key.",
  check: { ok: "holds", bad: "fails", unknown: "cannot be checked" },
  contentAs: (name) => `The content, seen as: ${name}`,
  tryKey: "Try a key",
  keyLabel: "Key, 64 hex digits",
  keyHint: "64 hex digits, such as a derivation of the matrix shows",
  keyFormat: "Give 32 bytes as 64 hex digits.",
  keyOpensNothing:
    "This key opens nothing here: it is neither the content key, nor a wrapping key, nor the key of this minute.",
  open: "Open",
  chooseMember: "Choose a member: its bytes light up below.",
  moreBytes: (n) => `… and ${n} bytes more.`,
  hexdump: "The bytes, in hex and as text",
  warrantsTitle: "The warrant desk",
  applyTitle: "Apply for a warrant",
  warrants: "Warrants",
  scenesWarrants: "These warrants are the scenario’s. Go back to the classroom to apply for one of your own.",
  savedNoActs: "This is a saved lesson: it can be looked at, and nothing can be done in it.",
  knowsNoWarrant: (name) =>
    `${name} does not know that there is a warrant, or on whom. In the public log it sees that something was ` +
    `sealed, by whom and when, and not about whom.`,
  employee: (name, org) => (org ? `${name} (employee of ${org})` : name),
  target: "Target",
  services: "Services",
  forMinutes: "For",
  startingIn: "Starting in",
  min: "min",
  apply: "Sign and apply",
  enterpriseTarget: "A company’s employee: the warrant will bring metadata, and envelopes that no grant opens.",
  clockNow: "Classroom time",
  turn: "Turn to the next minute",
  noWarrants:
    "None yet. A warrant takes five acts: the applicant signs, the judge signs, the carrier is served, a minute " +
    "passes, the auditor inspects.",
  copyingNow: "copying now",
  status: { AwaitingApproval: "waits for the judge" },
  window: (from, until, services) =>
    `${from} – ${until}, ${services.map((one) => ({ bbm: "BBM", email: "mail" })[one]).join(" and ")}`,
  progress: "How far it has come",
  progressSteps: ["applied", "approved", "served", "minute over", "inspected"],
  inLog: (leaf) => `In the public log as leaf ${leaf}.`,
  copiedToCarrier: (n) => `${many(n, "message")} copied to the carrier.`,
  acts: {
    approve: "Judge: approve",
    reject: "Judge: reject",
    serve: "Serve on the carrier",
    inspect: "Auditor: open the window",
    wait: "Turn to the end of the minute",
    after: "Try the minute after",
    before: "Try the minute before",
    cancel: "Judge: cancel",
    ledger: "See the public log",
  },
  matrixTitle: "Who reads what",
  matrix: "Matrix",
  matrixEmpty: "The matrix has a column for each message, and none has been sent yet.",
  declaredScene:
    "Declared in this arrangement; at the end of the act the scenario’s own cells are measured, and marked.",
  declaredLead:
    "Declared, from the keys that each party holds. Measuring attacks the bytes that each party really holds.",
  measuredLead: "Measured on the bytes that each party holds.",
  agreement: (wrong, n) =>
    wrong ? `${many(wrong, "cell")} of ${n} differ from what was declared.` : `All ${n} cells as declared.`,
  measure: "Measure",
  measureAgain: "Measure again",
  measureClock: "Turns the classroom clock past the end of every warrant, by about an hour.",
  windowRow: "The warrant’s window",
  windowWhere: { before: "before", inside: "inside", after: "after", "": "no warrant" },
  variants: (name, n) => `${name}: ${many(n, "variant")}`,
  unmeasured: "not measured here",
  differs: "differs",
  derivation: "Derivation",
  three: (declared, content) => `declared: ${declared}; measured: ${content}`,
  howOpened: "How it was opened",
  nothingLeads: "Nothing that it holds leads to the content: the attack ran out of steps.",
  metadata: "Metadata",
  couldForge: "Could write another in the sender’s name",
  forge: {
    no: "no",
    forges: "yes, alone",
    "with the relay": "yes, if the relay helps",
    briefly: "yes, while the keys it holds are of the present minute",
  },
  howForged: "How it would be forged",
  seeBytes: "See the bytes",
  beside: "Who reads, from stop to stop",
  besideLead:
    "What the keys of each arrangement declare, inside a warrant’s window: C a consumer’s message, E an employee’s; " +
    "+ reads now, − reads no longer. Playing a stop measures it.",
  neverReads: (names) => `At no stop: ${list(names.map((name) => name.replace(/^The /, "the ")))}.`,
  laneShort: { consumer: "C", enterprise: "E" },
  movedHow: { opens: "reads now", shuts: "reads no longer" },
  movedThere: "Moved",
  movedText: (act, opens, shuts) => {
    const named = (all) =>
      list(
        [...new Set(all.map(([name]) => name))].map((name) => {
          const lanes = all.filter(([it]) => it === name).map(([, lane]) => lane);
          return `${name} (${list(lanes)})`;
        }),
      );
    const said = [opens.length && `Reads now: ${named(opens)}.`, shuts.length && `No longer: ${named(shuts)}.`];
    const text = said.filter(Boolean).join(" ") || "Nothing: who reads is the same as before.";
    return act ? `Act ${act}. ${text}` : text;
  },
  thereAlone: "At that stop alone",
  own: { "implanted-handset": "A program in the handset", "seized-key-server": "A seized key server" },
  actNumber: (n) => `act ${n}`,
  playedHere: "measured",
  history: "What happened",
  historyLead:
    "History, by its sources. What was never disclosed is said at the end, and not played as if it were known.",
  attacks: "Attacks",
  attacksLead: "Each says who wins, why, and what would have caught it.",
  asked: "Asked",
  meant: "It meant",
  got: "Came of it",
  actsCount: (n) => `${n} acts`,
  playIt: "Play",
  playNamed: (title) => `Play: ${title}`,
  scenario: "Scenario",
  part: (scene) => (scene.acts > 1 ? `act ${scene.act} of ${scene.acts}: ${scene.arranged}` : scene.arranged),
  backToClassroom: "Back to the classroom",
  caught: "What would have caught it",
  unknown: "Never disclosed",
  notAsTold: "The scenario did not go as told",
  whoWins: "Who wins, and why",
  sources: "Sources",
  act: "Act",
  readsHead: "Reads",
  sealedHead: "Sealed to it",
  measuredAsTold: "Measured, as told",
  measuredCells: "Measured cells",
  quotedName: (one, name, capital, serviceOf) =>
    one ? `“${one.text}” (${capital(one.from)} to ${capital(one.to)}, ${serviceOf(one)})` : name,
  stop: (at, of) => `Stop ${at} of ${of}`,
  done: "done",
  takeMe: "Take me there",
  stopBack: "The stop before",
  next: "Next stop",
  skipIt: "Skip",
  leaveTour: "Leave the tour",
  points: (have, of) => `${have} of ${of} points.`,
  boardLead: "What counts is what happens from the beginning of an exercise on; going back in time undoes nothing.",
  csv: "Save as CSV",
  worth: (points, level) => `${points} points, ${level}`,
  begin: "Begin",
  beginAgain: "Begin again",
  begun: "begun",
  preparing: "Preparing …",
  answer: "Answer",
  notYet: "Not yet.",
  hint: (n, of) => `Hint ${n} of ${of}`,
  buildLead:
    "Choose whose keys hang on a message. What that declares follows at once; attacking boots that " +
    "world and measures.",
  startFrom: "Start from",
  built: (which) => `Arrangement ${which}`,
  custody: {
    carrier: "the carrier, by the minute",
    global: "one key for everybody",
    split: "carrier and court, half each, beside the handset",
    device: "the receiver’s handset alone",
    customer: "the company’s key server, beside the handset",
    "device+carrier": "the handset, and the carrier by the minute",
    "device+global": "the handset, and one key for everybody",
  },
  attackIt: "Attack it",
  attackingBuilt: "A world boots in this arrangement, and is attacked …",
  saveToml: "Save as TOML",
  moment: "Moment",
  moments: ["before any warrant", "inside a warrant’s window, opened"],
  costs: "What it costs",
  cost: {
    seized: ["A handset is seized", "old mail opens", "old mail stays shut"],
    stolen: ["One key is stolen", "it opens messages", "it opens nothing"],
    served: ["A court is served", "a warrant opens its window", "a warrant opens nothing"],
    lost: ["The handset is lost", "its mail is gone for good", "somebody can bring it back"],
  },
  moved: "differs",
  asMeasured: (wrong) => (wrong ? `${many(wrong, "cell")} not as declared` : "measured, all as declared"),
  regulator: "A regulator",
  regulatorLead: "An order shuts a lane. It moves no key.",
  suspend: (what) => `Suspend ${what}`,
  withdraw: (what) => `Let ${what} go on`,
};

/** The belief behind a miss, in one sentence. */
const beliefs = {
  reads: {
    "carrier-keys": "A lock that somebody else can open is no lock against him.",
    auditor: "A warrant with its keys does read, inside its window.",
    customer: "A company’s mail is the company’s: its own key server is a reader.",
    "other-customer": "Mail between two companies names both key servers.",
    sender: "Whoever wrote it knows what it says.",
    receiver: "It was written to be read.",
    other: "Look at the locks: each names somebody who reads.",
  },
  sealed: {
    gateway: "To carry a message is not to read it.",
    store: "To keep an envelope is not to open it.",
    link: "To hear that something passes is not to read it.",
    court: "A judge’s signature permits; it opens nothing.",
    ledger: "A log says that something was done. It is no key.",
    auditor: "A warrant buys the carrier’s keys for some minutes, and nothing else.",
    "carrier-keys": "A master key opens the locks that were made with it, and no others.",
    customer: "An employer’s key fits its own lane only.",
    other: "Without a key that fits a lock there is nothing to read with.",
  },
};
