/**
 * What leaves a service and comes back: sealed values, `{"payload": ..., "signature": "..."}`, and tokens for one action.
 *
 * The formats are those of sealgate's Envelope and Scope in Python. Each purpose has keys of its own, derived by HKDF,
 * so that nothing else which the keys have signed is one of these.
 */

import { hkdfSync, randomBytes } from "node:crypto";

import { canonicalJson, parseJson, writeJson } from "./canonical.js";
import { Refused } from "./refused.js";
import { Memory, REPLAY_MARGIN, replayKey } from "./replay.js";
import { decoded, keyOctets, mac, same, UUID4 } from "./signature.js";

const SEALED =
  /^v1\.([A-Za-z0-9_-]{0,342})\.(0|[1-9][0-9]{0,11})\.(0|[1-9][0-9]{0,11}|)\.([A-Za-z0-9_-]{16,256})\.([A-Za-z0-9_-]{43})$/;
const [PLAIN, ONCE] = [1, 2];
const SIGNATURE = 32;
const AHEAD = 60;

/** Seconds, keys and stores as of `rfc9421`. */
class Purpose {
  constructor(label, { name, keys, keyId, maxAge, clock = () => Date.now() / 1000, replay = new Memory({ clock }) }) {
    const info = framed(label, name);
    const derive = (key) => Buffer.from(hkdfSync("sha256", keyOctets(key), Buffer.alloc(0), info, 32));
    this.ring = new Map(Object.entries(keys).map(([id, some]) => [id, [some].flat().map(derive)]));
    Object.assign(this, { label, name, keyId, maxAge, clock, replay, nobody: [randomBytes(32)] });
  }

  /** The signature, by the first of the signer's keys. */
  sign(base) {
    return mac(this.ring.get(this.keyId)[0], base);
  }

  authenticate(keyId, base, given) {
    const named = keyId !== ""; // or else one of all
    const candidates = named ? (this.ring.get(keyId) ?? this.nobody) : [...this.ring.values()].flat();
    const matches = candidates.filter((key) => same(mac(key, base), given));
    if (named && !this.ring.has(keyId)) throw new Refused("key-unknown");
    if (matches.length === 0) throw new Refused("signature-invalid");
  }

  async spend(keyId, nonce, created, end) {
    const key = replayKey(this.label, this.name, keyId, nonce, created);
    if (!(await this.replay.add(key, end + REPLAY_MARGIN))) throw new Refused("nonce-replayed");
  }
}

/** Each part after its length in 8 octets, big-endian: no two lists of parts are the same octets. */
function framed(...parts) {
  return Buffer.concat(
    parts.flatMap((part) => {
      const length = Buffer.alloc(8);
      length.writeBigUInt64BE(BigInt(Buffer.byteLength(part)));
      return [length, Buffer.from(part)];
    }),
  );
}

/** Values sealed for one purpose, such as `checkout`; each is opened once. */
export class Envelope {
  #purpose;

  constructor(name, settings) {
    this.#purpose = new Purpose("sealgate envelope", { maxAge: 300, ...settings, name });
  }

  /** A document for `value`, which JSON can hold. `expiresIn`: seconds. `nonce`: for tests. */
  seal(value, { expiresIn, nonce = randomBytes(18).toString("base64url") } = {}) {
    const { name, keyId, clock } = this.#purpose;
    const created = Math.floor(clock());
    const expires = expiresIn === undefined ? "" : String(created + expiresIn);
    const payload = canonicalJson(Buffer.from(JSON.stringify(value)));
    const head = framed("v1", name, keyId, String(created), expires, nonce);
    const octets = this.#purpose.sign(Buffer.concat([head, payload])).toString("base64url");
    const signature = ["v1", Buffer.from(keyId).toString("base64url"), created, expires, nonce, octets].join(".");
    return { payload: JSON.parse(payload), signature };
  }

  /** The payload of a document, given as JSON text. */
  async open(text) {
    const document = parseJson(Buffer.from(text));
    if (!(document instanceof Map)) throw new Refused("body-malformed", "no object");
    const signature = document.get("signature");
    if (signature === undefined) throw new Refused("signature-missing", "no signature");
    if (!document.has("payload") || document.size !== 2)
      throw new Refused("body-malformed", "not a payload and a signature");
    const found = typeof signature === "string" ? SEALED.exec(signature) : null;
    if (found === null) throw new Refused("signature-malformed", "not of this form");
    const [, id, created, expires, nonce, octets] = found;
    const { name, clock, maxAge } = this.#purpose;
    const keyId = id && decoded(id, "base64url").toString("latin1");
    const end = Math.min(Number(created) + maxAge, expires === "" ? Infinity : Number(expires));
    const given = decoded(octets, "base64url");
    if (!(Number(created) - maxAge <= clock() && clock() <= end)) throw new Refused("signature-expired");
    const payload = writeJson(document.get("payload"));
    this.#purpose.authenticate(
      keyId,
      Buffer.concat([framed("v1", name, keyId, created, expires, nonce), payload]),
      given,
    );
    await this.#purpose.spend(keyId, nonce, created, end);
    return JSON.parse(payload);
  }
}

/** Tokens that permit one action, such as `download:resource`, on one subject. `subject`: the form of a subject. */
export class Scope {
  #purpose;
  #subject;

  constructor(name, { subject = UUID4, ...settings }) {
    this.#purpose = new Purpose("sealgate scope", { maxAge: 86_400, ...settings, name });
    this.#subject = subject;
  }

  /** `expiresIn`: seconds. `once`: it may be used once. `claims`: an object, which whoever has the token can read. */
  token(subject, { expiresIn = 60, once = false, claims = {}, nonce = randomBytes(16) } = {}) {
    if (!this.#subject.test(subject)) throw new TypeError("not a subject of this scope");
    const times = Buffer.alloc(9);
    times.writeUIntBE(Math.floor(this.#purpose.clock()), 0, 5);
    times.writeUInt32BE(expiresIn, 5);
    const held = Object.keys(claims).length > 0 ? canonicalJson(Buffer.from(JSON.stringify(claims))) : Buffer.alloc(0);
    const named = Buffer.from(`${this.#purpose.keyId}\0`);
    const head = Buffer.concat([Buffer.of(once ? ONCE : PLAIN), times, once ? nonce : Buffer.alloc(0), named, held]);
    return Buffer.concat([head, this.#purpose.sign(Buffer.concat([framed(subject), head]))]).toString("base64url");
  }

  /** What a token permits: `{ subject, keyId, created, expires, claims }`. */
  async verify(token, subject) {
    if (!this.#subject.test(subject)) throw new Refused("signature-invalid", "no subject of this scope");
    const octets = decoded(token, "base64url");
    const [head, given] = [octets.subarray(0, -SIGNATURE), octets.subarray(-SIGNATURE)];
    const start = head[0] === ONCE ? 26 : 10;
    const end = head.indexOf(0, start);
    if (![PLAIN, ONCE].includes(head[0]) || end < 0) throw new Refused("signature-malformed", "no token");
    const [created, life] = [head.readUIntBE(1, 5), head.readUInt32BE(6)];
    const keyId = head.subarray(start, end).toString("latin1");
    const { clock, maxAge } = this.#purpose;
    const expires = created + Math.min(life, maxAge);
    if (!(created - AHEAD <= clock() && clock() <= expires)) throw new Refused("signature-expired");
    this.#purpose.authenticate(keyId, Buffer.concat([framed(subject), head]), given);
    if (head[0] === ONCE) await this.#purpose.spend(keyId, head.subarray(10, 26).toString("hex"), created, expires);
    const held = head.subarray(end + 1);
    return { subject, keyId, created, expires, claims: held.length > 0 ? JSON.parse(held) : {} };
  }
}
