// The bytes: envelopes explained and checked, keys tried, and the public log's arithmetic.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import test from "node:test";
import { check, explain, headerParts, unb64u } from "../../../services/lab/page/static/model/envelope.js";
import { bytesOfHex, openWith } from "../../../services/lab/page/static/model/opening.js";
import {
  hex,
  leafHash,
  nodeHash,
  readNote,
  replay,
  rootOf,
  signedBy,
} from "../../../services/lab/page/static/model/merkle.js";
import { ENTERPRISE, envelope, header, LEFT, STORED } from "./story.mjs";

const page = (name) => readFileSync(new URL(`../../../docs/spec/${name}.md`, import.meta.url), "utf8");
const blocks = (name, kind) =>
  [...page(name).matchAll(new RegExp(`^\`\`\`${kind}\\n(.*?)\\n\`\`\``, "gms"))].map((one) => one[1]);
const [CONSUMER_EXAMPLE, ENTERPRISE_EXAMPLE] = blocks("envelope", "envelope");
const failed = (raw, left) =>
  check(raw, left)
    .filter((one) => !one.ok)
    .map((one) => one.text);

test("the envelopes of the specification hold in every check", () => {
  assert.deepEqual([failed(CONSUMER_EXAMPLE), failed(ENTERPRISE_EXAMPLE)], [[], []]);
});

test("an envelope that was made here holds as well, before and after the carrier's lock", () => {
  assert.deepEqual([failed(LEFT), failed(STORED, LEFT), failed(ENTERPRISE, ENTERPRISE)], [[], [], []]);
});

test("what is wrong with an envelope is found", () => {
  assert.match(failed(CONSUMER_EXAMPLE.replace('","iv"', '", "iv"'))[0], /One spelling/);
  assert.match(failed(STORED.replace('"ciphertext":"e', '"ciphertext":"f'), LEFT)[0], /one lock was added/);
  assert.match(failed(envelope(header(), JSON.parse(ENTERPRISE).recipients)).join(), /Consumer lane/);
  assert.match(failed(envelope(header({ ts: 1767225660000 }), JSON.parse(LEFT).recipients)).join(), /of the minute/);
  assert.match(failed(STORED.replace(/"tag":"[^"]+"\}$/, '"tag":"AAAA"}')).join(), /exact lengths/);
});

test("nothing that is pasted breaks the page", () => {
  for (const raw of [
    "",
    "hello",
    "[]",
    "{}",
    "null",
    '{"protected":"!","recipients":[]}',
    '{"protected":"eA","recipients":[null]}',
    '{"protected":1,"recipients":{}}',
  ])
    assert.ok(explain(raw).error.length > 10, raw);
  assert.equal(
    check(CONSUMER_EXAMPLE.replace('"kid":"carrier/in', '"kid":"nonsense'), null).some((one) => !one.ok),
    true,
  );
});

test("every byte of the header belongs to a member, and each member is explained", () => {
  const { fields, header: told } = explain(CONSUMER_EXAMPLE);
  const bytes = fields[0].bytes;
  const parts = headerParts(bytes);
  assert.deepEqual(
    parts.map((one) => one.name),
    Object.keys(told),
  );
  for (const { name, start, end, explain: words } of parts) {
    assert.ok(words, name);
    assert.ok(new TextDecoder().decode(bytes.slice(start, end)).startsWith(`"${name}":`));
  }
});

test("a subscriber's key of the minute opens the specification's consumer example, and another does not", async () => {
  const key = bytesOfHex(/fromhex\("([0-9a-f]{64})"\)/.exec(page("envelope"))[1]);
  const opened = await openWith(CONSUMER_EXAMPLE, key);
  assert.equal(opened.text, "Shall we meet at six?");
  assert.equal(opened.steps.length, 4);
  assert.equal(
    await openWith(
      CONSUMER_EXAMPLE,
      key.map((one) => one ^ 1),
    ),
    null,
  );
  assert.equal(await openWith(ENTERPRISE_EXAMPLE, key), null);
});

test("a key is 64 hex digits", () => {
  assert.equal(bytesOfHex("00".repeat(32)).length, 32);
  assert.deepEqual([bytesOfHex("xyz"), bytesOfHex("00".repeat(31))], [null, null]);
});

test("base64url that is none is not read", () => {
  assert.deepEqual([unb64u("a+b"), unb64u("abcde"), unb64u(7)], [null, null, null]);
});

const sha = (...parts) =>
  createHash("sha256")
    .update(Buffer.concat(parts.map((one) => Buffer.from(one))))
    .digest();

test("a proof for every leaf of every small tree leads to its root", async () => {
  for (let size = 1; size <= 9; size += 1) {
    const leaves = Array.from({ length: size }, (_, at) => `leaf ${at}`);
    const root = await rootOf(leaves);
    for (let index = 0; index < size; index += 1) {
      const found = await replay(await leafHash(leaves[index]), index, size, await proofFor(leaves, index));
      assert.equal(hex(found.root), hex(root), `${index} of ${size}`);
    }
  }
});

/** Make an inclusion proof by the recursion of RFC 6962 section 2.1.1, another way than the page replays it. */
async function proofFor(leaves, index) {
  if (leaves.length === 1) return [];
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  return index < half
    ? [...(await proofFor(left, index)), await rootOf(right)]
    : [...(await proofFor(right, index - half)), await rootOf(left)];
}

test("leaf and node are hashed apart", async () => {
  assert.equal(hex(await leafHash("a")), hex(sha([0], "a")));
  assert.equal(hex(await nodeHash(sha("l"), sha("r"))), hex(sha([1], sha("l"), sha("r"))));
});

test("a proof that is too long, too short or for another place leads nowhere", async () => {
  const leaves = ["a", "b", "c"];
  const [leaf, proof] = [await leafHash("a"), await proofFor(leaves, 0)];
  assert.equal(await replay(leaf, 0, 3, proof.slice(1)), null);
  assert.equal(await replay(leaf, 0, 3, [...proof, proof[0]]), null);
  assert.equal(await replay(leaf, 3, 3, proof), null);
  assert.notEqual(hex((await replay(leaf, 1, 3, proof)).root), hex(await rootOf(leaves)));
});

test("the specification's checkpoint is signed by the log and cosigned by the witness", async () => {
  const [note] = blocks("ledger", "checkpoint");
  const [log, witness] = blocks("ledger", "vkeys")[0].split("\n");
  assert.equal(readNote(`${note}\n`).size, 2);
  assert.deepEqual([await signedBy(`${note}\n`, log), await signedBy(`${note}\n`, witness)], ["good", "good"]);
  assert.deepEqual(
    [
      await signedBy(`${note}\n`.replace("\n2\n", "\n3\n"), log),
      await signedBy(`${note}\n`.replace("\n2\n", "\n3\n"), witness),
    ],
    ["bad", "bad"],
  );
  assert.equal(await signedBy(`${note}\n`, log.replace("ledger", "other")), "missing");
});
