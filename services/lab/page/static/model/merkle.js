// The public log, checked by its reader: RFC 6962 hashing with WebCrypto, C2SP signed notes with Ed25519. Shares no
// code
// with the ledger.

const utf8 = new TextEncoder();
const join = (...parts) => Uint8Array.from(parts.flatMap((one) => [...one]));
const sha256 = async (bytes) => new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));

export const hex = (bytes) => Array.from(bytes, (one) => one.toString(16).padStart(2, "0")).join("");
/** Decode the one spelling of standard base64 (RFC 4648 section 4): padded, unused bits zero. Throws for any other. */
export function unb64(text) {
  const bytes = atob(text);
  if (btoa(bytes) !== text) throw new Error("another spelling of base64");
  return Uint8Array.from(bytes, (one) => one.charCodeAt(0));
}
export const leafHash = (text) => sha256(join([0], utf8.encode(text)));
export const nodeHash = (left, right) => sha256(join([1], left, right));

/**
 * Replay an inclusion proof (RFC 9162 section 2.1.3.2): {root, path: [{side, sibling, hash}]}, or null if it does
 * not fit.
 */
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

/** Make the inclusion proof of a leaf from all leaves (RFC 6962 section 2.1.1). */
export async function proofFor(leaves, index) {
  if (leaves.length < 2) return [];
  let half = 1;
  while (half * 2 < leaves.length) half *= 2;
  const [left, right] = [leaves.slice(0, half), leaves.slice(half)];
  if (index < half) return [...(await proofFor(left, index)), await rootOf(right)];
  return [...(await proofFor(right, index - half)), await rootOf(left)];
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

const NAME = "[!-*,-~]{1,128}"; // visible ASCII without "+"
const SIGNATURE = `— ${NAME} [A-Za-z0-9+/]+={0,2}\n`;
const NOTE = new RegExp(`^((${NAME})\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n)\n((?:${SIGNATURE}){1,16})$`);
const MAX_SIZE = 2n ** 63n - 1n;
const MAX_NOTE = 65536;
const P = 2n ** 255n - 19n;
const ORDER_8 = 0x7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7n;
const SMALL_ORDER = [0n, 1n, P - 1n, ORDER_8, P - ORDER_8];

/**
 * Read a checkpoint in its one spelling (docs/spec/ledger.md): {origin, size, root, text, signatures: [{name, id,
 * blob}]}.
 * Throws for any other; tests/vectors/checkpoints.json has them.
 */
export function readNote(note) {
  const found = NOTE.exec(note);
  if (!found || BigInt(found[3]) > MAX_SIZE || note.length > MAX_NOTE) throw new Error("no checkpoint");
  const [, text, origin, size, root, lines] = found;
  const signatures = lines
    .slice(0, -1)
    .split("\n")
    .map((line) => {
      const [, name, blob] = line.split(" ");
      const bytes = unb64(blob);
      return { name, id: hex(bytes.slice(0, 4)), blob: bytes.slice(4) };
    });
  return { origin, size: Number(size), root: unb64(root), text, signatures };
}

/** Read a pinned key (C2SP signed-note). */
function readVkey(vkey) {
  const [name, id, ...rest] = vkey.split("+");
  const bytes = unb64(rest.join("+"));
  return { name, id, type: bytes[0], key: bytes.slice(1) };
}

/** Check every signature that a pinned key made on a note: "good", "bad", "missing", "unsupported" by this browser. */
export async function signedBy(note, vkey) {
  const { origin, text, signatures } = readNote(note);
  const pinned = readVkey(vkey);
  const found = signatures.filter((one) => one.name === pinned.name && one.id === pinned.id);
  if (found.length === 0 || (pinned.type === 1 && origin !== pinned.name)) return "missing";
  try {
    const key = await crypto.subtle.importKey("raw", pinned.key, "Ed25519", false, ["verify"]);
    const good = await Promise.all(found.map((one) => signatureHolds(key, pinned.type, one.blob, text)));
    return good.every(Boolean) ? "good" : "bad";
  } catch {
    return "unsupported";
  }
}

async function signatureHolds(key, type, blob, text) {
  if (type !== 4) return verify(key, blob, text);
  if (blob.length !== 72) return false; // eight bytes of time, and the signature
  const seconds = new DataView(blob.buffer, blob.byteOffset).getBigUint64(0);
  return seconds <= Number.MAX_SAFE_INTEGER && verify(key, blob.slice(8), `cosignature/v1\ntime ${seconds}\n${text}`);
}

/** Check an Ed25519 signature. An R of small order is nobody's: browsers differ about it. */
async function verify(key, signature, text) {
  const y = BigInt(`0x${hex(signature.slice(0, 32).reverse()) || 0}`) & (2n ** 255n - 1n);
  const holds = await crypto.subtle.verify("Ed25519", key, signature, utf8.encode(text));
  return holds && y < P && !SMALL_ORDER.includes(y);
}
