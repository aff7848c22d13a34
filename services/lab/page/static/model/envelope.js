// An envelope, field by field: what it says, what it means, where its bytes are; and what can be checked without a
// key. Pure.

import { grouped, readKid } from "./names.js";
import { E } from "../text.en.js";

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

/** Parse an envelope: {fields, jwe, header} or {error}. Each field {id, group, name, text, bytes, explain, parts}. */
export function explain(raw) {
  let jwe;
  try {
    jwe = JSON.parse(raw);
  } catch {
    return { error: E.notJson };
  }
  if (typeof jwe?.protected !== "string" || !Array.isArray(jwe.recipients)) return { error: E.noEnvelope };
  const headerBytes = unb64u(jwe.protected);
  let header;
  try {
    header = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(headerBytes));
  } catch {
    return { error: E.badHeader };
  }
  const fields = [
    field("protected", E.header, "protected", jwe.protected, E.told.protected, headerParts(headerBytes)),
    ...jwe.recipients.flatMap(recipientFields),
    ...["iv", "ciphertext", "tag"].map((name) => field(name, E.content, name, jwe[name], E.told[name])),
  ];
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
  const group = E.lock(at + 1);
  const told = E.recipient[head.alg] ?? {};
  const names = ["iv", "tag", "ek"].filter((name) => head[name] !== undefined);
  return [
    field(`${at}.kid`, group, "kid", head.kid, kidText(head.kid)),
    field(`${at}.alg`, group, "alg", head.alg, told.alg ?? ""),
    ...names.map((name) => field(`${at}.${name}`, group, name, head[name], told[name] ?? "")),
    field(`${at}.key`, group, "encrypted_key", one?.encrypted_key, told.encrypted_key ?? ""),
  ];
}

function kidText(kid) {
  const key = readKid(String(kid));
  return E.kid[key.kind]({ ...key, epoch: grouped(key.epoch ?? 0) });
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
      explain: E.member[match[1]] ?? "",
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
export function check(raw, left = null, custody = null) {
  const { error, jwe, header, fields } = explain(raw);
  if (error) return [{ ok: false, text: error }];
  const checks = [
    {
      ok: compact(jwe, header) === raw.trim() + new TextDecoder().decode(unb64u(jwe.protected)),
      text: E.check.spelling,
    },
    { ok: header.typ === "message+jwe" && header.enc === "A256GCM", text: E.check.formats },
    { ok: lengths(fields), text: E.check.lengths },
    ...lockChecks(jwe, header, custody ?? { consumer: "carrier", enterprise: "customer" }[header.channel]),
  ];
  if (left && left !== raw) checks.push(untouched(jwe, JSON.parse(left)));
  else if (left) checks.push({ ok: true, text: E.check.same });
  return checks;
}

/** What the locks must be, in the two custodies of India’s arrangement; others are not checked here. */
function lockChecks(jwe, header, custody) {
  const kids = jwe.recipients.map((one) => readKid(String(one.header?.kid)));
  const minute = Math.floor((header.ts - 1262304000000) / 60000);
  if (custody === "carrier")
    return [
      { ok: kids.every((key) => key.kind === "carrier"), text: E.check.consumer },
      { ok: kids.every((key) => key.epoch === minute), text: E.check.minute },
    ];
  if (custody !== "customer") return [];
  const named =
    kids.some((key) => key.kind === "device" && key.pin === header.to) && kids.some((key) => key.kind === "bes");
  return [
    { ok: kids.every((key) => key.kind !== "carrier"), text: E.check.enterprise },
    { ok: named, text: E.check.readers },
  ];
}

const SIZE = { iv: 12, tag: 16, ek: 1120 };
const lengths = (fields) => fields.every((one) => !(one.name in SIZE) || one.bytes.length === SIZE[one.name]);

function untouched(jwe, before) {
  const same = ["protected", "iv", "ciphertext", "tag"].every((name) => jwe[name] === before[name]);
  const first = JSON.stringify(jwe.recipients[0]) === JSON.stringify(before.recipients[0]);
  return {
    ok: same && first,
    text: E.check.added,
  };
}
