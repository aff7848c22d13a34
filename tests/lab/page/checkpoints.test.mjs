// The page reads a checkpoint as the parties and the verifier do: tests/vectors/checkpoints.json is run by all three.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { believed } from "../../../services/lab/page/static/model/merkle.js";

const { vectors, ...policy } = JSON.parse(readFileSync(new URL("../../vectors/checkpoints.json", import.meta.url)));

for (const { name, note, good } of vectors) {
  test(name, async () => assert.equal(await believed(note, policy), good));
}
