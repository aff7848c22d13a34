// The public ledger, and its proofs, checked here in the browser: RFC 6962 hashes by WebCrypto, Ed25519 where it has it.

import { html, useEffect, useState } from "../vendor/preact.js";
import { now } from "../state.js";
import { ask } from "../feed.js";
import { clockOf } from "../model/all.js";
import { hex, leafHash, readNote, replay, rootOf, signedBy, unb64 } from "../model/merkle.js";
import { Button, Icon } from "./icons.js";

const SHOWN = 200;

export function Ledger() {
  const view = now.value;
  const [chosen, setChosen] = useState(null);
  const leaves = view.leaves.map((text, index) => ({ index, text, leaf: JSON.parse(text) })).slice(-SHOWN);
  const index = chosen !== null && chosen < view.leaves.length ? chosen : view.leaves.length - 1;
  if (leaves.length === 0)
    return html`<p class="panel empty">
      Nothing has been logged
      ${view.scene ? "so far in this act." : "yet. Apply for a warrant, and the court logs that before it does anything else."}
    </p>`;
  return html`<div class="ledger">
    <section class="panel leaves" aria-labelledby="leaves">
      <h2 id="leaves">The public ledger</h2>
      <p class="lead">
        Anybody may read it. It says that something was done, by whom and when, and names no target: the warrant is a
        salted commitment.
      </p>
      <table>
        <thead>
          <tr>
            <th scope="col">Leaf</th>
            <th scope="col">When</th>
            <th scope="col">What</th>
            <th scope="col">Who</th>
            <th scope="col">Commitment</th>
          </tr>
        </thead>
        <tbody>
          ${leaves.toReversed().map(
            ({ index: at, leaf }) =>
              html`<tr key=${at} class=${at === index ? "chosen" : ""}>
                <td>
                  <button
                    type="button"
                    aria-pressed=${String(at === index)}
                    aria-label=${`Check leaf ${at}`}
                    onClick=${() => setChosen(at)}
                  >
                    ${at}
                  </button>
                </td>
                <td>${clockOf(leaf.ts)}</td>
                <td>${leaf.type}${leaf.detail ? html` <code>${leaf.detail}</code>` : ""}</td>
                <td>${leaf.party.split("/").slice(3).join("/")}</td>
                <td><code>${leaf.commitment.slice(0, 10)}…</code></td>
              </tr>`,
          )}
        </tbody>
      </table>
    </section>
    <section class="panel proof" aria-labelledby="proof">
      <h2 id="proof">Leaf ${index}, checked in this browser</h2>
      <${Proof} key=${`${index} ${view.checkpoint}`} index=${index} view=${view} />
    </section>
  </div>`;
}

function Proof({ index, view }) {
  const [done, setDone] = useState(null);
  const [altered, setAltered] = useState(false);
  const text = altered ? alter(view.leaves[index]) : view.leaves[index];
  useEffect(() => {
    let wanted = true;
    verifyLeaf(view, index, text).then((found) => wanted && setDone(found));
    return () => {
      wanted = false;
    };
  }, [text]);
  return html`<pre class="leaf">${altered ? marked(text, view.leaves[index]) : text}</pre>
    <p class="acts">
      <${Button}
        words=${altered ? "Put it back" : "Alter one byte"}
        aria-pressed=${String(altered)}
        onClick=${() => setAltered(!altered)}
      />
    </p>
    ${
      done &&
      html`<ul class="checks">
          ${done.checks.map(
            (one) =>
              html`<li key=${one.text} class=${one.ok ? "ok" : one.ok === null ? "unknown" : "bad"}>
                <${Icon} name=${one.ok ? "yes" : "no"} /><span
                  ><strong>${one.ok ? "holds" : one.ok === null ? "not checked" : "fails"}</strong> ${one.text}</span
                >
              </li>`,
          )}
        </ul>
        ${
          view.scene
            ? null
            : html`<h3>The path to the root</h3>
                <${Path} done=${done} />`
        }
        <details>
          <summary>The checkpoint, as signed</summary>
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
    <li><span>leaf</span><code>${hex(done.leaf)}</code></li>
    ${(done.replayed?.path ?? []).map(({ side, sibling, hash }) => html`<li><span>with its ${side} neighbour</span><code class="sibling">${hex(sibling)}</code><span>gives</span><code>${hex(hash)}</code></li>`)}
    <li class="root"><span>signed root</span><code>${hex(done.note.root)}</code></li>
  </ol>`;

async function verifyLeaf(view, index, text) {
  const note = readNote(view.checkpoint);
  const leaf = await leafHash(text);
  const proof = view.scene ? null : await ask("prove", { index, size: note.size });
  const replayed = proof && (await replay(leaf, index, note.size, proof.proof.map(unb64)));
  const same = (bytes) => bytes && hex(bytes) === hex(note.root);
  const whole = await rootOf(view.leaves.with(index, text));
  const { log_vkey: log, witness_vkeys: witnesses, quorum } = view.world;
  const cosigned = await Promise.all(witnesses.map((one) => signedBy(view.checkpoint, one)));
  const good = cosigned.filter((one) => one === "good").length;
  return {
    note,
    leaf,
    replayed,
    checks: [
      view.scene
        ? { ok: null, text: "An inclusion proof: this ledger ends with the scenario’s world, so none is asked for." }
        : {
            ok: same(replayed?.root) ?? false,
            text: `The ledger’s inclusion proof leads from this leaf to the signed root, in ${proof?.proof.length ?? 0} hashes.`,
          },
      { ok: same(whole), text: `All ${note.size} leaves, hashed again here, give the same root.` },
      signature(await signedBy(view.checkpoint, log), "The checkpoint is signed by the log"),
      signature(
        good >= quorum ? "good" : cosigned.includes("unsupported") ? "unsupported" : "bad",
        `and cosigned by ${good} of ${witnesses.length} witnesses, other parties; ${quorum} are enough`,
      ),
    ],
  };
}

function signature(found, text) {
  if (found === "unsupported") return { ok: null, text: `${text}: this browser has no Ed25519.` };
  return { ok: found === "good", text: `${text} (Ed25519)${found === "missing" ? ": no such signature" : ""}.` };
}
