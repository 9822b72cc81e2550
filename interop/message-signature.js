/**
 * HTTP Message Signatures (RFC 9421) with hmac-sha256, and Content-Digest (RFC 9530) for the body.
 *
 * One signature a message. It covers method, authority, path and query, and the digest of a body; other fields as the
 * signer likes, without parameters. `created`, `keyid` and `nonce` are required, `expires` is honoured.
 */

import { createHash, randomBytes } from "node:crypto";

import { splitTarget } from "./canonical.js";
import { claim, field, Origin, withFields } from "./received.js";
import { Refused } from "./refused.js";
import { Memory, REPLAY_MARGIN, replayKey } from "./replay.js";
import { decoded, keyOctets, mac, same } from "./signature.js";

const PLAIN = ["@method", "@authority", "@path", "@query"];
const STRING = String.raw`"(?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*"`;
const INPUT = new RegExp(
  String.raw`^([a-z*][a-z0-9_.*-]*)=(\(((?:${STRING}(?: ${STRING})*)?)\)((?:;[a-z*][a-z0-9_.*-]*=(?:${STRING}|[0-9]{1,15}))*))$`,
);
const SIGNATURE = /^([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/]*={0,2}):$/;
const PARAMETERS = { created: "number", expires: "number", keyid: "string", nonce: "string", alg: "string" };
const HASHES = { "sha-256": "sha256", "sha-512": "sha512" };

/**
 * `keys`: `{ id: key }` or `{ id: [key, older key] }`. `origin`: `https://host[:port]`. `keyId`: whose key signs.
 * `maxAge`: seconds, either way. `replay`: a store as in replay.js. `clock`: Unix seconds.
 */
export function rfc9421({
  keys,
  origin,
  keyId,
  maxAge = 300,
  clock = () => Date.now() / 1000,
  replay = new Memory({ clock }),
}) {
  // A Map has no `__proto__`: an id that every object has is unknown.
  const ring = new Map(Object.entries(keys).map(([id, some]) => [id, [some].flat().map(keyOctets)]));
  const nobody = [randomBytes(32)];
  const own = new Origin(origin);

  return {
    name: "rfc9421",
    fields: ["Signature-Input", "Signature"],

    /** `created` and `nonce` are for tests. */
    sign(request, { created = Math.floor(clock()), nonce = randomBytes(18).toString("base64url") } = {}) {
      const hasBody = request.body.length > 0;
      const digested = hasBody ? withFields(request, [["Content-Digest", contentDigest(request.body)]]) : request;
      const type = hasBody && field(request, "content-type") !== undefined ? ["content-type"] : [];
      const components = [...PLAIN, ...type, ...(hasBody ? ["content-digest"] : [])];
      const listed = components.map((name) => `"${name}"`).join(" ");
      const params = `(${listed});created=${created};keyid=${quoted(keyId)};nonce=${quoted(nonce)}`;
      const signature = mac(ring.get(keyId)[0], signatureBase(digested, components, params, own)).toString("base64");
      return withFields(digested, [
        ["Signature-Input", `sig1=${params}`],
        ["Signature", `sig1=:${signature}:`],
      ]);
    },

    async verify(request) {
      own.check(request);
      const { components, params, text, given } = readClaim(request);
      refuseUncovered(request, components);
      checkWindow(params, clock(), maxAge);
      const base = signatureBase(request, components, text, own);
      const candidates = ring.get(params.keyid) ?? nobody; // an unknown key id costs the same, and cannot match
      const matches = candidates.filter((key) => same(mac(key, base), given));
      if (!ring.has(params.keyid)) throw new Refused("key-unknown");
      if (matches.length === 0) throw new Refused("signature-invalid");
      if (components.includes("content-digest")) checkDigest(claim(request, "content-digest"), request.body);
      // Nothing is remembered until it is proven.
      const end = Math.min(params.created + maxAge, params.expires ?? Infinity);
      if (!(await replay.add(replayKey(params.keyid, params.nonce, params.created), end + REPLAY_MARGIN)))
        throw new Refused("nonce-replayed");
      const { keyid: keyId, nonce, created } = params;
      return { scheme: "rfc9421", keyId, nonce, created, body: request.body, params: {} };
    },
  };
}

/** What the message says of itself, unproven. */
function readClaim(request) {
  const input = INPUT.exec(claim(request, "signature-input"));
  const signature = SIGNATURE.exec(claim(request, "signature"));
  if (input === null || signature === null || input[1] !== signature[1])
    throw malformed("not one signature with its parameters");
  const [, , text, list, rest] = input;
  const components = (list.match(new RegExp(STRING, "g")) ?? []).map(unquoted);
  const params = Object.create(null);
  for (const [, name, value] of rest.matchAll(new RegExp(`;([^=]+)=(${STRING}|[0-9]+)`, "g"))) {
    const known = Object.hasOwn(PARAMETERS, name) ? PARAMETERS[name] : undefined;
    if (name in params || (value[0] === '"' ? "string" : "number") !== known) throw malformed(`the parameter ${name}`);
    params[name] = known === "string" ? unquoted(value) : Number(value);
  }
  if (params.created === undefined || params.keyid === undefined || params.nonce === undefined)
    throw malformed("a parameter is absent");
  if (params.nonce.length < 16 || params.nonce.length > 256) throw malformed("a nonce has 16 to 256 characters");
  if (params.keyid.length < 1 || params.keyid.length > 256) throw malformed("a key id has 1 to 256 characters");
  if ((params.alg ?? "hmac-sha256") !== "hmac-sha256") throw malformed("another algorithm: the server chooses");
  if (components.length > 64 || new Set(components).size !== components.length) throw malformed("a component twice");
  const given = signature[2] === "" ? Buffer.alloc(0) : decoded(signature[2], "base64");
  return { components, params, text, given };
}

/** RFC 9421, 2.5. Only texts in canonical form are read, so the received parameters are what would be serialized. */
export function signatureBase(request, components, params, origin) {
  const lines = components.map((name) => `"${name}": ${component(request, name, origin)}`);
  return Buffer.from([...lines, `"@signature-params": ${params}`].join("\n"));
}

/** RFC 9421, 2.1 and 2.2. */
function component(request, name, origin) {
  const { path, query } = splitTarget(request.target);
  switch (name) {
    case "@method":
      return request.method;
    case "@authority":
      return origin.authority;
    case "@scheme":
      return origin.scheme;
    case "@path":
      return path;
    case "@query":
      return `?${query}`;
    case "@request-target":
      return request.target;
    case "@target-uri":
      return `${origin.scheme}://${origin.authority}${request.target}`;
  }
  const value = /^[a-z0-9!#$%&'*+.^_`|~-]+$/.test(name) ? field(request, name) : undefined;
  if (value === undefined) throw new Refused("component-not-covered", `no ${name}`);
  return value;
}

function refuseUncovered(request, components) {
  const covered = new Set(components);
  if (covered.has("@target-uri")) ["@authority", "@path", "@query"].forEach((name) => covered.add(name));
  if (covered.has("@request-target")) ["@path", "@query"].forEach((name) => covered.add(name));
  const wanted = request.body.length > 0 ? [...PLAIN, "content-digest"] : PLAIN;
  const lacking = wanted.find((name) => !covered.has(name));
  if (lacking !== undefined) throw new Refused("component-not-covered", lacking);
}

function checkWindow({ created, expires = Infinity }, now, maxAge) {
  if (Math.abs(now - created) > maxAge || expires < now) throw new Refused("signature-expired");
  if (expires < created) throw malformed("it ends before it begins");
}

/** RFC 9530, 2. */
export function contentDigest(body, algorithm = "sha-256") {
  return `${algorithm}=:${createHash(HASHES[algorithm]).update(body).digest("base64")}:`;
}

/** One member at least of an active algorithm, and each of those right; others do not count (RFC 9530, 5 and 6.6). */
function checkDigest(text, body) {
  const members = text.split(",").map((member) => member.trim());
  if (!members.every((member) => /^[a-z*][a-z0-9_.*-]*=:[A-Za-z0-9+/]*={0,2}:$/.test(member)))
    throw malformed("no digests");
  const active = members.filter((member) => Object.hasOwn(HASHES, member.split("=", 1)[0]));
  if (active.length === 0) throw malformed("no digest by an active algorithm");
  if (active.some((member) => member !== contentDigest(body, member.split("=", 1)[0])))
    throw new Refused("digest-mismatch");
}

/** An sf-string (RFC 9651, 4.1.6). */
function quoted(text) {
  return `"${text.replace(/["\\]/g, "\\$&")}"`;
}

function unquoted(text) {
  return text.slice(1, -1).replace(/\\(.)/g, "$1");
}

function malformed(message) {
  return new Refused("signature-malformed", message);
}
