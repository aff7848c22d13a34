// A small log, made by hand: what the page would hear of two messages, one warrant and the public log.

const b64u = (text) => Buffer.from(text).toString("base64url");

export const EPOCH = 8415360; // 2026-01-01T00:00Z
export const AT = 1767225600000;
const bytes = (count) => b64u("x".repeat(count));

export const HANDSETS = [
  { name: "alice", pin: "2100000a", subscriber: true, org: "" },
  { name: "bob", pin: "2100000b", subscriber: true, org: "" },
  { name: "mallory", pin: "2100000c", subscriber: true, org: "" },
  { name: "priya", pin: "3100000a", subscriber: true, org: "S50000001" },
  { name: "quentin", pin: "3100000b", subscriber: false, org: "S50000001" },
];

export function header(over = {}) {
  return {
    typ: "message+jwe",
    enc: "A256GCM",
    mid: "019b76da-a800-7000-8000-000000000001",
    channel: "consumer",
    service: "bbm",
    from: "2100000a",
    to: "2100000b",
    ts: AT,
    cty: "text/plain",
    cmt: "A".repeat(43),
    ...over,
  };
}

const carrier = (pin, epoch = EPOCH) => ({
  header: { alg: "A256GCMKW", kid: `carrier/in/${pin}/${epoch}`, iv: bytes(12), tag: bytes(16) },
  encrypted_key: bytes(32),
});
const hpke = (kid) => ({ header: { alg: "HPKE-9-KE", kid, ek: bytes(1120) }, encrypted_key: bytes(48) });

export const envelope = (head, recipients) =>
  JSON.stringify({
    protected: b64u(JSON.stringify(head)),
    recipients,
    iv: bytes(12),
    ciphertext: bytes(21),
    tag: bytes(16),
  });

export const LEFT = envelope(header(), [carrier("2100000a")]);
export const STORED = envelope(header(), [carrier("2100000a"), carrier("2100000b")]);
export const ENTERPRISE = envelope(
  header({
    mid: "019b76da-a800-7000-8000-000000000002",
    channel: "enterprise",
    from: "3100000a",
    to: "3100000b",
    cty: "JOSE",
    cmt: "A".repeat(43),
    org: "S50000001",
  }),
  [hpke("org/S50000001/3100000b/1"), hpke("org/S50000001/bes/1")],
);

const written = (key, from, to, channel, text) => ({
  type: "written",
  key,
  from,
  to,
  channel,
  service: "bbm",
  text,
  subject: "",
});
const accepted = (key, mid, envelope) => ({ type: "accepted", key, mid, envelope });
const judged = (mid, readers, over = {}) => ({
  type: "judged",
  mid,
  measured: false,
  cells: {
    ...Object.fromEntries(IDS.map((id) => [id, readers.includes(id) ? "reads all key" : "sealed all no-key"])),
    ...over,
  },
});
export const IDS = [
  "gateway",
  "store",
  "carrier-keys",
  "operator",
  "auditor",
  "court",
  "customer",
  "sender",
  "receiver",
];
export const ONE = "019b76da-a800-7000-8000-000000000001";
export const TWO = "019b76da-a800-7000-8000-000000000002";
export const JTI = "11111111-1111-4111-8111-111111111111";

export const INDIA = {
  name: "india-2013",
  title: "India, 2013",
  says: "Consumer messages to the carrier’s keys.",
  consumer: { custody: "carrier", who_reads: ["carrier-keys"] },
  enterprise: { custody: "customer", who_reads: ["customer"] },
};

const claims = { jti: JTI, sub: "2100000a", window: { from: AT, until: AT + 60000 }, services: ["bbm"], liid: "IN-1" };
const finding = {
  mid: ONE,
  channel: "consumer",
  service: "bbm",
  from: "2100000a",
  to: "2100000b",
  ts: AT,
  size: 700,
  content: "meet at six",
  sealed: null,
};

export const WORLD = {
  type: "world",
  vantages: IDS.map((id) => ({
    id,
    name: `The ${id}`,
    says: "",
    group: "way",
    at: [],
    variant_of: "",
    knows_warrants: true,
  })),
  handsets: HANDSETS,
  customers: { S50000001: "acme", S50000002: "globex" },
  log_vkey: "",
  witness_vkeys: [],
  quorum: 0,
  arrangement: INDIA,
};
const PROVIDER = ["carrier-keys", "operator", "sender", "receiver"];

export const EVENTS = [
  WORLD,
  { type: "applied", target: "alice", claims },
  { type: "logged", first: 0, leaves: ['{"type":"warrant.applied"}'], checkpoint: "one" },
  { type: "decided", jti: JTI, verb: "approval", status: "Approved", reason: "" },
  { type: "served", jti: JTI, liid: "IN-1", leaf: 1 },
  { type: "logged", first: 1, leaves: ['{"type":"warrant.served"}'], checkpoint: "two" },
  written("bbm", "alice", "bob", "consumer", "meet at six"),
  accepted("bbm", ONE, LEFT),
  judged(ONE, PROVIDER),
  { type: "stored", mid: ONE, by: "bob", envelope: STORED },
  { type: "copied", jti: JTI, mid: ONE, kind: "X2", pdu: "00" },
  { type: "copied", jti: JTI, mid: ONE, kind: "X3", pdu: "00" },
  { type: "opened", mid: ONE, by: "bob", text: "meet at six", unreadable: null },
  written("bes-bbm", "priya", "quentin", "enterprise", "the board meets"),
  accepted("bes-bbm", TWO, ENTERPRISE),
  judged(TWO, ["customer", "sender", "receiver"]),
  { type: "stored", mid: TWO, by: "quentin", envelope: null },
  { type: "opened", mid: TWO, by: "quentin", text: "the board meets", unreadable: null },
  {
    type: "inspected",
    jti: JTI,
    start: AT,
    until: AT + 60000,
    inspection: { findings: [finding], third_parties: ["2100000b"], grant_refused: null },
  },
  { type: "judged", mid: ONE, measured: false, cells: { auditor: "reads all grant" } },
];

export const entries = (events = EVENTS) => events.map((event, n) => ({ n, at: AT + n, event }));
