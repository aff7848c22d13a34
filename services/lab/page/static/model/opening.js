// Opening an envelope with a key that one holds, in the browser: WebCrypto only. Nothing is sent anywhere.
//
// 32 bytes can be the content key itself, the wrapping key of this message, or a subscriber's key of the minute
// (docs/spec/keytree.md, docs/spec/envelope.md rule 6). All three are tried.

import { E } from "../text.en.js";
import { unb64u } from "./envelope.js";

const utf8 = new TextEncoder();
const join = (...parts) => Uint8Array.from(parts.flatMap((one) => [...one]));

export const bytesOfHex = (text) => {
  const clean = text.replace(/[\s:]/g, "");
  return /^[0-9a-f]{64}$/i.test(clean) ? Uint8Array.from(clean.match(/../g), (pair) => parseInt(pair, 16)) : null;
};

/** Open A256GCM; null where the key does not fit. */
async function open(key, iv, sealed, aad) {
  try {
    const aes = await crypto.subtle.importKey("raw", key, "AES-GCM", false, ["decrypt"]);
    return new Uint8Array(await crypto.subtle.decrypt({ name: "AES-GCM", iv, additionalData: aad }, aes, sealed));
  } catch {
    return null;
  }
}

/** HKDF-Expand (RFC 5869), one block. */
async function expand(key, info) {
  const mac = await crypto.subtle.importKey("raw", key, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
  return new Uint8Array(await crypto.subtle.sign("HMAC", mac, join(info, [1])));
}

/** Return a message's wrapping key from a subscriber's key of the minute. */
async function wrapKey(leaf, header) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", utf8.encode(header)));
  return expand(leaf, join(utf8.encode("tiers/v1 wrap"), digest));
}

/** Open the content with the one content key that the header commits to; null with any other. */
async function content(jwe, cek) {
  const { cmt } = JSON.parse(new TextDecoder().decode(unb64u(jwe.protected)));
  const committed = cmt ? unb64u(cmt) : [];
  const made = await expand(cek, utf8.encode("tiers/v1 commit"));
  if (committed.length !== made.length || made.some((byte, at) => byte !== committed[at])) return null;
  return open(cek, unb64u(jwe.iv), join(unb64u(jwe.ciphertext), unb64u(jwe.tag)), utf8.encode(jwe.protected));
}

/** Try a key on an envelope: {text, steps} or null. */
export async function openWith(raw, key) {
  const jwe = JSON.parse(raw);
  const direct = await content(jwe, key);
  if (direct)
    return {
      text: readable(direct),
      steps: [E.opening.cek, E.opening.content],
    };
  for (const [step, wrap] of [
    [E.opening.wrap, key],
    [E.opening.leaf, await wrapKey(key, jwe.protected)],
  ]) {
    for (const one of jwe.recipients.filter((it) => it.header.alg === "A256GCMKW")) {
      const cek = await open(
        wrap,
        unb64u(one.header.iv),
        join(unb64u(one.encrypted_key), unb64u(one.header.tag)),
        new Uint8Array(),
      );
      const plain = cek && (await content(jwe, cek));
      if (plain)
        return {
          text: readable(plain),
          steps: [step, E.opening.lock(one.header.kid), E.opening.cek, E.opening.content],
        };
    }
  }
  return null;
}

/** Show plaintext: of an enterprise message the JWS inside, its payload decoded. */
function readable(bytes) {
  const text = new TextDecoder().decode(bytes);
  const jws = /^[\w-]+\.([\w-]+)\.[\w-]+$/.exec(text);
  return jws ? `${text}\n\n${new TextDecoder().decode(unb64u(jws[1]))}` : text;
}
