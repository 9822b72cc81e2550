/**
 * How parties sign: a scheme is `{ name, fields, sign(request), verify(request) }`, made by one of these functions.
 *
 * `fields`: those of which a request has to have one value, or its body need not be read.
 * `sign` gives the request with its signature; `verify` what was proven, or throws `Refused`: `body` is what the
 * application may read, and `params` what it may take from the path. Requests are as in received.js.
 */

import { createHmac, timingSafeEqual } from "node:crypto";

import { canonicalJson, parseJson, sortedQuery, splitTarget, writeJson } from "./canonical.js";
import { claim, field, requireJson, withFields } from "./received.js";
import { Refused } from "./refused.js";

/** RFC 9562, 5.4, in lower case: a resource has one spelling. */
export const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** HMAC, RFC 2104. */
export function mac(key, base, hash = "sha256") {
  return createHmac(hash, key).update(base).digest();
}

/** In a time that depends on the length alone. `timingSafeEqual` by itself throws where the lengths differ. */
export function same(expected, given) {
  return expected.length === given.length && timingSafeEqual(expected, given);
}

/** The octets of a key, 16 or more; text is UTF-8. */
export function keyOctets(key) {
  const octets = Buffer.from(key);
  if (octets.length < 16) throw new TypeError("a key has 16 octets or more");
  return octets;
}

const ENCODINGS = { hex: /^(?:[0-9a-f]{2})+$/, base64: /^[A-Za-z0-9+/]+={0,2}$/, base64url: /^[A-Za-z0-9_-]+$/ };

/** Strict: one text for each value. Buffer.from skips what is not of the alphabet. */
export function decoded(text, encoding) {
  const octets = ENCODINGS[encoding].test(text) ? Buffer.from(text, encoding) : undefined;
  if (octets?.toString(encoding) !== text) throw new Refused("signature-malformed", `not ${encoding}`);
  return octets;
}

/** The raw body, and nothing else: what webhooks sign. `prefix`: such as `sha256=`. */
export function body({ key, header = "X-Signature", prefix = "", encoding = "hex", hash = "sha256" }) {
  return inField("body", { key, header, prefix, encoding, hash, needsBody: true }, (request) => {
    refuseUncovered(request, { query: true });
    return { base: request.body };
  });
}

/** Method, path, Host, Content-Type, sorted query and body, one LF between. */
export function canonicalRequest({ key, header = "X-Signature" }) {
  return inField("canonical-request", { key, header }, (request) => {
    const { path, query } = splitTarget(request.target);
    const [host, type] = [field(request, "host"), field(request, "content-type")];
    if (host === undefined) throw new Refused("component-not-covered", "no host");
    if (type === "") throw new Refused("component-not-covered", "an empty type, which reads as none");
    const head = [request.method, path, host, type ?? "", sortedQuery(query), ""].join("\n");
    return { base: Buffer.concat([Buffer.from(head), request.body]) };
  });
}

/** The canonical form of a JSON body, which is what the application reads. `form`: as of canonical.js. */
export function canonicalBody({ key, header = "X-Signature", form = "jcs" }) {
  return inField(named("canonical-json", form), { key, header, needsBody: true }, (request) => {
    refuseUncovered(request, { query: true });
    if (request.body.length === 0) return { base: request.body };
    requireJson(request);
    const octets = canonicalJson(request.body, form);
    return { base: octets, body: octets };
  });
}

/**
 * An action and its resource: `{param:id}` is what the route matched, `{json:/name:text}` a string of the body and
 * `{json:/name}` the canonical JSON of a member of it. The application reads those members and nothing else.
 *
 * `params`: the form of each parameter, null for any.
 */
export function scoped({
  key,
  template = "download:resource:{param:id}",
  header = "X-Hmac-Signature",
  params = { id: UUID4 },
}) {
  const pieces = template.split(/(\{(?:param:\w+|json:\/[^{}:/~]+(?::text)?)\})/);
  for (const literal of pieces.filter((_, nth) => nth % 2 === 0)) {
    if (/[{}]/.test(literal)) throw new TypeError(`template: no part is written like this: ${literal}`);
  }
  for (const [, name] of template.matchAll(/\{param:(\w+)\}/g)) {
    if (!Object.hasOwn(params, name)) throw new TypeError(`params: which form has ${name}?`);
  }
  const ofBody = pieces.some((piece) => piece.startsWith("{json:"));
  return inField("scoped", { key, header }, (request) => {
    refuseUncovered(request, { query: true, body: !ofBody });
    if (ofBody) requireJson(request);
    const document = ofBody ? parseJson(request.body) : undefined;
    const [read, matched] = [new Map(), {}];
    let base = pieces[0];
    for (let nth = 1; nth < pieces.length; nth += 2) {
      const [, kind, name, text] = /^\{(\w+):\/?([^:}]+)(:text)?\}$/.exec(pieces[nth]);
      const value =
        kind === "param" ? parameter(request, name, matched, params[name]) : member(document, name, read, text);
      const literal = pieces[nth + 1];
      // A value that holds the text which ends it could be cut in another place.
      if (literal && (value + literal).indexOf(literal) !== value.length)
        throw new Refused("signature-malformed", "a value that ends early");
      base += value + literal;
    }
    return { base: Buffer.from(base), body: ofBody ? writeJson(read) : Buffer.alloc(0), params: matched };
  });
}

function parameter(request, name, matched, form) {
  const value = Object.hasOwn(request.params, name) ? request.params[name] : undefined;
  if (value === undefined || value.includes("\ufffd") || !value.isWellFormed() || (form && !form.test(value))) {
    throw new Refused("signature-missing", `no ${name} of its form`);
  }
  matched[name] = value;
  return value;
}

function member(document, name, read, asText) {
  if (!(document instanceof Map) || !document.has(name)) throw malformed(`no member ${name}`);
  const value = document.get(name);
  if (asText && typeof value !== "string") throw malformed(`${name} is no string`);
  read.set(name, value);
  return asText ? value : writeJson(value).toString();
}

/** `{"data": ..., "hmac": "..."}`: the canonical form of one member; the application reads that member alone. */
export function envelope({ key, data = "data", signature = "hmac", form = "jcs" }) {
  const octets = keyOctets(key);
  const name = named("envelope", form);
  const read = (request) => {
    refuseUncovered(request, { query: true });
    if (request.body.length === 0) throw new Refused("signature-missing", "no body");
    requireJson(request);
    const document = parseJson(request.body);
    if (!(document instanceof Map) || !document.has(data)) throw malformed(`no member ${data}`);
    return { document, base: writeJson(document.get(data), form) };
  };
  return {
    name,
    fields: [],
    sign(request) {
      const { document, base } = read(request);
      document.set(signature, mac(octets, base).toString("hex"));
      return { ...request, body: writeJson(document, form) };
    },
    verify(request) {
      const { document, base } = read(request);
      const text = document.get(signature);
      if (text === undefined || text === "") throw new Refused("signature-missing", `no member ${signature}`);
      if (typeof text !== "string") throw new Refused("signature-malformed", `${signature} is no string`);
      authenticate(octets, base, decoded(text, "hex"));
      return { scheme: name, body: writeJson(new Map([[data, document.get(data)]]), form), params: {} };
    },
  };
}

/** A signature in a field of its own. `read`: the signature base, and what the application may read if not the body. */
function inField(name, { key, header, prefix = "", encoding = "hex", hash = "sha256", needsBody = false }, read) {
  const octets = keyOctets(key);
  return {
    name,
    fields: [header],
    sign(request) {
      return withFields(request, [[header, prefix + mac(octets, read(request).base, hash).toString(encoding)]]);
    },
    verify(request) {
      const text = claim(request, header);
      if (!text.startsWith(prefix)) throw new Refused("signature-malformed", `${header} does not begin with ${prefix}`);
      const given = decoded(text.slice(prefix.length), encoding);
      const { base, body = request.body, params = {} } = read(request);
      authenticate(octets, base, given, hash);
      if (needsBody && request.body.length === 0) throw new Refused("component-not-covered", "nothing is signed");
      return { scheme: name, body, params };
    },
  };
}

function authenticate(key, base, given, hash = "sha256") {
  const expected = mac(key, base, hash);
  if (given.length !== expected.length) throw new Refused("signature-malformed", "of another length");
  if (!same(expected, given)) throw new Refused("signature-invalid");
}

/** What acts is covered: a query, or a body, that the scheme does not sign is refused. */
function refuseUncovered(request, { query = false, body = false }) {
  if (query && splitTarget(request.target).query) throw new Refused("component-not-covered", "a query");
  if (body && request.body.length > 0) throw new Refused("component-not-covered", "a body");
}

function named(name, form) {
  return form === "jcs" ? name : `${name}-${form}`;
}

function malformed(message) {
  return new Refused("body-malformed", message);
}
