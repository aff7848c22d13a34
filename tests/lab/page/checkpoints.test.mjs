// The page reads a checkpoint as the parties and the verifier do: tests/vectors/checkpoints.json is run by all three.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { signedBy } from "../../../services/lab/page/static/model/merkle.js";

const { vectors, ...policy } = JSON.parse(readFileSync(new URL("../../vectors/checkpoints.json", import.meta.url)));

/**
 * Say whether a checkpoint is one that a policy believes: the log's signature, and cosignatures of enough
 * witnesses.
 */
async function believed(note, { log, witnesses, quorum }) {
  try {
    const cosigned = await Promise.all(witnesses.map((one) => signedBy(note, one)));
    const enough = cosigned.filter((one) => one === "good").length >= quorum;
    return (await signedBy(note, log)) === "good" && enough && !cosigned.includes("bad");
  } catch {
    return false;
  }
}

for (const { name, note, good } of vectors) {
  test(name, async () => assert.equal(await believed(note, policy), good));
}
