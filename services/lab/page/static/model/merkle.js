// The public log, checked by its reader: RFC 6962 hashing with WebCrypto, C2SP signed notes with Ed25519. Shares no code
// with the ledger.

const utf8 = new TextEncoder();
const join = (...parts) => Uint8Array.from(parts.flatMap((one) => [...one]));
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

export const hex = (bytes) => Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
export const unb64 = (text) => Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
export const leafHash = (text) => sha256(join([0], utf8.encode(text)));
export const nodeHash = (left, right) => sha256(join([1], left, right));

/** Replay an inclusion proof (RFC 9162 section 2.1.3.2): {root, path: [{side, sibling, hash}]}, or null if it does not fit. */
export async function replay(leaf, index, size, proof) {
  let [fn, sn, hash] = [index, size - 1, leaf];
  if (!(0 <= fn && fn <= sn)) return null;
  const path = [];
  for (const sibling of proof) {
    if (sn === 0) return null;
    const right = fn % 2 === 1 || fn === sn;
    hash = right ? await nodeHash(sibling, hash) : await nodeHash(hash, sibling);
    path.push({ side: right ? "left" : "right", sibling, hash });
    if (right) while (fn !== 0 && fn % 2 === 0) [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
    [fn, sn] = [Math.floor(fn / 2), Math.floor(sn / 2)];
  }
  return sn === 0 ? { root: hash, path } : null;
}

/** Hash a whole log (RFC 6962 section 2.1). */
export async function rootOf(leaves) {
  let hashes = await Promise.all(leaves.map(leafHash));
  if (hashes.length === 0) return sha256(new Uint8Array());
  while (hashes.length > 1) {
    const next = [];
    for (let at = 0; at + 1 < hashes.length; at += 2) next.push(nodeHash(hashes[at], hashes[at + 1]));
    hashes = [...(await Promise.all(next)), ...(hashes.length % 2 ? [hashes.at(-1)] : [])];
  }
  return hashes[0];
}

/** Read a checkpoint (C2SP tlog-checkpoint): {origin, size, root, text, signatures: [{name, id, blob}]}. */
export function readNote(note) {
  const [text, lines] = [note.slice(0, note.indexOf("\n\n") + 1), note.slice(note.indexOf("\n\n") + 2)];
  const [origin, size, root] = text.split("\n");
  const signatures = lines
    .trimEnd()
    .split("\n")
    .map((line) => {
      const [, name, blob] = line.split(" ");
      const bytes = unb64(blob);
      return { name, id: hex(bytes.slice(0, 4)), blob: bytes.slice(4) };
    });
  return { origin, size: Number(size), root: unb64(root), text, signatures };
}

/** Read a pinned key (C2SP signed-note). */
export function readVkey(vkey) {
  const [name, id, ...rest] = vkey.split("+");
  const bytes = unb64(rest.join("+"));
  return { name, id, type: bytes[0], key: bytes.slice(1) };
}

/** Check the signature that a pinned key made on a note: "good", "bad", "missing" or "unsupported" by this browser. */
export async function signedBy(note, vkey) {
  const { text, signatures } = readNote(note);
  const pinned = readVkey(vkey);
  const found = signatures.find((one) => one.name === pinned.name && one.id === pinned.id);
  if (!found) return "missing";
  let [message, signature] = [utf8.encode(text), found.blob];
  if (pinned.type === 4) {
    const seconds = new DataView(found.blob.buffer, found.blob.byteOffset).getBigUint64(0);
    message = utf8.encode(`cosignature/v1\ntime ${seconds}\n${text}`);
    signature = found.blob.slice(8);
  }
  try {
    const key = await crypto.subtle.importKey("raw", pinned.key, "Ed25519", false, ["verify"]);
    return (await crypto.subtle.verify("Ed25519", key, signature, message)) ? "good" : "bad";
  } catch {
    return "unsupported";
  }
}
