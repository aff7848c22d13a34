// The public log, and its proofs, worked out here in the browser from the leaves: RFC 6962 hashes by WebCrypto, Ed25519
// where it has it. Nobody is asked; so it works in a saved lesson as well.

import { html, useEffect, useState } from "../vendor/preact.js";
import { deed, now } from "../state.js";
import { clockOf } from "../model/names.js";
import { hex, leafHash, proofFor, readNote, replay, rootOf, signedBy } from "../model/merkle.js";
import { L, LOG } from "../text.en.js";
import { Button } from "./icons.js";
import { Check } from "./bytes.js";

const SHOWN = 200;

export function Ledger() {
  const view = now.value;
  const [chosen, setChosen] = useState(null);
  const leaves = view.leaves.map((text, index) => ({ index, text, leaf: JSON.parse(text) })).slice(-SHOWN);
  const index = chosen !== null && chosen < view.leaves.length ? chosen : view.leaves.length - 1;
  if (leaves.length === 0)
    return html`<h2 class="hidden">${LOG.title}</h2>
      <p class="panel empty">${LOG.empty}</p>`;
  return html`<div class="ledger">
    <section class="panel leaves" aria-labelledby="leaves">
      <h2 id="leaves">${LOG.title}</h2>
      <p class="lead">${LOG.lead}</p>
      <table>
        <thead>
          <tr>
            ${LOG.heads.map((head) => html`<th scope="col" key=${head}>${head}</th>`)}
          </tr>
        </thead>
        <tbody>
          ${leaves
            .toReversed()
            .map(
              (one) => html`<${Row} key=${one.index} ...${one} chosen=${one.index === index} choose=${setChosen} />`,
            )}
        </tbody>
      </table>
    </section>
    <section class="panel proof" aria-labelledby="proof">
      <h2 id="proof">${LOG.proof(index)}</h2>
      <${Proof} key=${`${index} ${view.checkpoint}`} index=${index} view=${view} />
    </section>
  </div>`;
}

function Row({ index, leaf, chosen, choose }) {
  const who = leaf.party.split("/").slice(3).join("/");
  return html`<tr class=${chosen ? "chosen" : ""}>
    <td>
      <button
        type="button"
        data-leaf=${index}
        aria-pressed=${String(chosen)}
        aria-label=${LOG.check(index)}
        onClick=${() => choose(index)}
      >
        ${index}
      </button>
    </td>
    <td>${clockOf(leaf.ts)}</td>
    <td>${leaf.type}${leaf.detail ? html` <code>${leaf.detail}</code>` : ""}</td>
    <td>${who}</td>
    <td><code>${leaf.commitment.slice(0, 10)}…</code></td>
  </tr>`;
}

function Proof({ index, view }) {
  const [done, setDone] = useState(null);
  const [altered, setAltered] = useState(false);
  const text = altered ? alter(view.leaves[index]) : view.leaves[index];
  useEffect(() => {
    let wanted = true;
    verifyLeaf(view, index, text).then((found) => wanted && setDone(found));
    return () => (wanted = false);
  }, [text]);
  return html`<pre class="leaf">${altered ? marked(text, view.leaves[index]) : text}</pre>
    <p class="acts">
      <${Button}
        words=${altered ? LOG.putBack : LOG.alter}
        data-alter=${true}
        aria-pressed=${String(altered)}
        onClick=${() => (setAltered(!altered), deed("altered"))}
      />
    </p>
    ${
      done &&
      html`<ul class="checks">
          ${done.checks.map((one) => html`<${Check} key=${one.text} ...${one} />`)}
        </ul>
        ${
          done.replayed &&
          html`<h3>${LOG.path}</h3>
            <${Path} done=${done} />`
        }
        <details>
          <summary>${LOG.checkpoint}</summary>
          <pre class="note">${view.checkpoint}</pre>
        </details>`
    }`;
}

/** Change one character of a leaf, as somebody would who wants another history. */
function alter(text) {
  const at = text.indexOf('"type":"') + 8;
  return text.slice(0, at) + String.fromCharCode(text.charCodeAt(at) ^ 1) + text.slice(at + 1);
}

const marked = (text, original) => [...text].map((one, at) => (one === original[at] ? one : html`<mark>${one}</mark>`));

const Path = ({ done }) =>
  html`<ol class="path">
    <li><span>${LOG.leaf}</span><code>${hex(done.leaf)}</code></li>
    ${done.replayed.path.map(
      ({ side, sibling, hash }) =>
        html`<li key=${hex(sibling)}>
          <span>${LOG.neighbour[side]} </span><code class="sibling">${hex(sibling)}</code><span>${LOG.gives}</span
          ><code>${hex(hash)}</code>
        </li>`,
    )}
    <li class="root"><span>${LOG.root}</span><code>${hex(done.note.root)}</code></li>
  </ol>`;

/**
 * Check a leaf. A proof needs every leaf below the checkpoint: without them it cannot be checked, which is no
 * "fails".
 */
async function verifyLeaf(view, index, text) {
  const note = readNote(view.checkpoint);
  const [leaf, whole] = [await leafHash(text), view.leaves.length === note.size];
  const proof = whole ? await proofFor(view.leaves, index) : null;
  const replayed = proof && (await replay(leaf, index, note.size, proof));
  const same = (bytes) => hex(bytes ?? []) === hex(note.root);
  const { log_vkey: log, witness_vkeys: witnesses, quorum } = view.world;
  const cosigned = await Promise.all(witnesses.map((one) => signedBy(view.checkpoint, one)));
  const good = cosigned.filter((one) => one === "good").length;
  const enough = good >= quorum ? "good" : cosigned.includes("unsupported") ? "unsupported" : "bad";
  return {
    note,
    leaf,
    replayed,
    checks: [
      { ok: whole ? same(replayed?.root) : null, text: whole ? LOG.inclusion(proof.length) : LOG.notWhole },
      { ok: whole ? same(await rootOf(view.leaves.with(index, text))) : null, text: LOG.whole(note.size) },
      signature(await signedBy(view.checkpoint, log), LOG.byLog),
      signature(enough, LOG.byWitnesses(good, witnesses.length, quorum)),
    ],
  };
}

function signature(found, text) {
  if (found === "unsupported") return { ok: null, text: LOG.noEd25519(text) };
  return { ok: found === "good", text: found === "missing" ? LOG.noSignature(text) : LOG.signed(text) };
}
