// An envelope, field by field: what it says, what it means, where its bytes are; and what can be checked without a key. Pure.

import { grouped, readKid } from "./names.js";

const utf8 = new TextEncoder();

/** Decode base64url; null where it is not. */
export function unb64u(text) {
  if (typeof text !== "string" || !/^[A-Za-z0-9_-]*$/.test(text) || text.length % 4 === 1) return null;
  return Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), (one) => one.charCodeAt(0));
}

export function b64u(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

export const hexOf = (bytes) => Array.from(bytes, (one) => one.toString(16).padStart(2, "0"));

const HEADER = {
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
};

const RECIPIENT = {
  A256GCMKW: {
    iv: "The nonce under which the content key is wrapped.",
    tag: "Whoever changes the wrapped key, or uses another key, is found out by this tag.",
    encrypted_key: "The content key, wrapped (AES-256-GCM) under this subscriber’s key of this minute and message.",
  },
  "HPKE-9-KE": {
    ek: "The encapsulated key: ML-KEM-768 (1,088 bytes) and X25519 (32 bytes). Only the private key makes a secret of it.",
    encrypted_key: "The content key, sealed under that secret, with its tag.",
  },
};

/** Parse an envelope: {fields, jwe, header} or {error}. Each field {id, group, name, text, bytes, explain, parts}. */
export function explain(raw) {
  let jwe;
  try {
    jwe = JSON.parse(raw);
  } catch {
    return { error: "This is not JSON. Paste a whole envelope, from { to }." };
  }
  if (typeof jwe?.protected !== "string" || !Array.isArray(jwe.recipients))
    return { error: "This JSON is no envelope: it has no protected header or no recipients." };
  const headerBytes = unb64u(jwe.protected);
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(headerBytes));
  } catch {
    return { error: "The protected header is not base64url of JSON." };
  }
  const fields = [
    field(
      "protected",
      "Header",
      "protected",
      jwe.protected,
      "What everybody on the path sees, and nobody can change: the content’s tag covers it.",
      headerParts(headerBytes),
    ),
  ];
  jwe.recipients.forEach((one, at) => fields.push(...recipientFields(one, at)));
  fields.push(
    field("iv", "Content", "iv", jwe.iv, "The nonce of the content: 96 bits, drawn for this message."),
    field(
      "ciphertext",
      "Content",
      "ciphertext",
      jwe.ciphertext,
      "The content, sealed. It is as long as the plaintext: size is no secret.",
    ),
    field(
      "tag",
      "Content",
      "tag",
      jwe.tag,
      "128 bits that prove, to whoever has the content key, that neither header nor content was changed.",
    ),
  );
  return { fields, jwe, header };
}

function field(id, group, name, text, explain, parts = []) {
  return {
    id,
    group,
    name,
    text: String(text ?? ""),
    bytes: unb64u(text) ?? utf8.encode(String(text ?? "")),
    explain,
    parts,
  };
}

function recipientFields(one, at) {
  const head = one?.header ?? {};
  const group = `Lock ${at + 1}`;
  const told = RECIPIENT[head.alg] ?? {};
  const names = ["iv", "tag", "ek"].filter((name) => head[name] !== undefined);
  return [
    field(`${at}.kid`, group, "kid", head.kid, kidText(head.kid)),
    field(
      `${at}.alg`,
      group,
      "alg",
      head.alg,
      head.alg === "A256GCMKW"
        ? "AES-256-GCM key wrap (RFC 7518)."
        : "Hybrid, post-quantum public-key encryption: ML-KEM-768 with X25519, SHAKE256, AES-256-GCM.",
    ),
    ...names.map((name) => field(`${at}.${name}`, group, name, head[name], told[name] ?? "")),
    field(`${at}.key`, group, "encrypted_key", one?.encrypted_key, told.encrypted_key ?? ""),
  ];
}

export function kidText(kid) {
  const key = readKid(String(kid));
  if (key.kind === "carrier")
    return `Who can open this lock: whoever holds carrier ${key.carrier}’s key for ${key.pin} in minute ${grouped(key.epoch)}. That is the handset, and the carrier.`;
  if (key.kind === "other") return "Who can open this lock: a key of another arrangement than India’s of 2013.";
  if (key.kind === "bes")
    return `Who can open this lock: the key server of customer ${key.org}, generation ${key.generation}.`;
  return `Who can open this lock: the device ${key.pin} of customer ${key.org}, generation ${key.generation}.`;
}

/** Find each member of the header in its bytes: {name, value, start, end, explain}. The header is compact JSON. */
export function headerParts(bytes) {
  const text = new TextDecoder().decode(bytes);
  const parts = [];
  for (const match of text.matchAll(/"([a-z]+)":("(?:[^"\\]|\\.)*"|\d+)/g)) {
    const start = utf8.encode(text.slice(0, match.index)).length;
    parts.push({
      name: match[1],
      value: match[2],
      start,
      end: start + utf8.encode(match[0]).length,
      explain: HEADER[match[1]] ?? "",
    });
  }
  return parts;
}

const ORDER = ["typ", "enc", "mid", "channel", "service", "from", "to", "ts", "cty", "cmt", "org"];
const compact = (jwe, header) =>
  JSON.stringify({
    protected: jwe.protected,
    recipients: jwe.recipients.map((one) => ({ header: one.header, encrypted_key: one.encrypted_key })),
    iv: jwe.iv,
    ciphertext: jwe.ciphertext,
    tag: jwe.tag,
  }) + JSON.stringify(Object.fromEntries(ORDER.filter((name) => name in header).map((name) => [name, header[name]])));

/** Check what needs no key: [{ok, text}]. `left` is the envelope as it left the handset, where that is known. */
export function check(raw, left = null) {
  const { error, jwe, header, fields } = explain(raw);
  if (error) return [{ ok: false, text: error }];
  const kids = jwe.recipients.map((one) => readKid(String(one.header?.kid)));
  const consumer = header.channel === "consumer";
  const checks = [
    {
      ok: compact(jwe, header) === raw.trim() + new TextDecoder().decode(unb64u(jwe.protected)),
      text: "One spelling: these bytes are exactly what any writer would write for this message.",
    },
    {
      ok: header.typ === "message+jwe" && header.enc === "A256GCM",
      text: "The header names the formats that were agreed.",
    },
    { ok: lengths(fields), text: "Nonces, tags and keys have their exact lengths." },
    consumer
      ? { ok: kids.every((key) => key.kind === "carrier"), text: "Consumer lane: every lock is the carrier’s." }
      : { ok: kids.every((key) => key.kind !== "carrier"), text: "Enterprise lane: no lock is the carrier’s." },
    consumer
      ? {
          ok: kids.every((key) => key.epoch === Math.floor((header.ts - 1262304000000) / 60000)),
          text: "Every lock is of the minute in which the message was written.",
        }
      : {
          ok:
            kids.some((key) => key.kind === "device" && key.pin === header.to) &&
            kids.some((key) => key.kind === "bes"),
          text: "The locks are the receiver’s device and a customer’s key server.",
        },
  ];
  if (left && left !== raw) checks.push(untouched(jwe, JSON.parse(left)));
  else if (left) checks.push({ ok: true, text: "Not a byte differs from what left the sender’s handset." });
  return checks;
}

const SIZE = { iv: 12, tag: 16, ek: 1120 };
const lengths = (fields) => fields.every((one) => !(one.name in SIZE) || one.bytes.length === SIZE[one.name]);

function untouched(jwe, before) {
  const same = ["protected", "iv", "ciphertext", "tag"].every((name) => jwe[name] === before[name]);
  const first = JSON.stringify(jwe.recipients[0]) === JSON.stringify(before.recipients[0]);
  return {
    ok: same && first,
    text: "Since it left the handset one lock was added, and not a byte of the rest has changed.",
  };
}
