// Opens a JWE of ours with npm `hpke` and `@panva/hpke-noble` and WebCrypto, from nothing but the JWE and a private JWK.
// stdin: {"jwe": …, "jwk": …, "kid": …}   stdout: the plaintext
import { readFileSync } from "node:fs";
import { CipherSuite } from "hpke";
import { AEAD_AES_256_GCM, KDF_SHAKE256, KEM_MLKEM768_X25519 } from "@panva/hpke-noble";

const { jwe, jwk, kid } = JSON.parse(readFileSync(0, "utf8"));
const raw = (text) => new Uint8Array(Buffer.from(text, "base64url"));
const ascii = (text) => new Uint8Array(Buffer.from(text, "latin1"));

const recipient = jwe.recipients.find(({ header }) => header.kid === kid);
if (recipient.header.alg !== "HPKE-9-KE" || jwk.kty !== "AKP" || jwk.alg !== "HPKE-9-KE") {
  throw new Error("not an HPKE-9-KE recipient and key");
}
const { enc, cmt } = JSON.parse(Buffer.from(jwe.protected, "base64url"));
const suite = new CipherSuite(KEM_MLKEM768_X25519, KDF_SHAKE256, AEAD_AES_256_GCM);
const info = ascii(`JOSE-HPKE rcpt\xff${enc}\xff`);
const key = await suite.DeserializePrivateKey(raw(jwk.priv));
const cek = await suite.Open(key, raw(recipient.header.ek), raw(recipient.encrypted_key), { info });

const mac = await crypto.subtle.importKey("raw", cek, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
const committed = await crypto.subtle.sign("HMAC", mac, ascii("tiers/v1 commit\x01"));
if (Buffer.from(committed).toString("base64url") !== cmt) throw new Error("the header commits to another content key");

const aes = await crypto.subtle.importKey("raw", cek, "AES-GCM", false, ["decrypt"]);
const sealed = Buffer.concat([raw(jwe.ciphertext), raw(jwe.tag)]);
const options = { name: "AES-GCM", iv: raw(jwe.iv), additionalData: ascii(jwe.protected) };
process.stdout.write(Buffer.from(await crypto.subtle.decrypt(options, aes, sealed)));
