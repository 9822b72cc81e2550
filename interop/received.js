/**
 * A request as it was received, and how its parts are read: each in one way, or refused.
 *
 *     { method, target, headers: [[name, value], ...], body: Buffer, params: { id: "..." } }
 *
 * `target` is the whole request target as it came (`originalUrl`), `headers` are `rawHeaders` in pairs. A character of
 * either is an octet.
 */

import { splitTarget } from "./canonical.js";
import { Refused } from "./refused.js";

export const BODY_LIMIT = 10 * 1024 * 1024;
const FIELD_LIMIT = 8 * 1024;

/** From Node's request, without its body: whatever a framework has rewritten or parsed is not looked at. */
export function received(incoming, originalUrl) {
  const headers = [];
  for (let nth = 0; nth < incoming.rawHeaders.length; nth += 2) headers.push(incoming.rawHeaders.slice(nth, nth + 2));
  return { method: incoming.method, target: originalUrl, headers, params: {}, ...splitTarget(originalUrl) };
}

/** The octets after transfer-decoding, and before any content-decoding. `timeout`: milliseconds for all of them. */
export async function readBody(incoming, limit = BODY_LIMIT, timeout = 30_000) {
  // Digits, or Node's parser had answered 400.
  if (Number(incoming.headers["content-length"] ?? 0) > limit) throw new Refused("body-too-large");
  const pieces = [];
  let size = 0;
  const late = setTimeout(() => incoming.destroy(new Error("too slow")), timeout);
  try {
    for await (const piece of incoming) {
      size += piece.length;
      if (size > limit) throw new Refused("body-too-large");
      pieces.push(piece);
    }
  } catch (error) {
    throw error instanceof Refused ? error : new Refused("body-unreadable", error.message);
  } finally {
    clearTimeout(late);
  }
  return Buffer.concat(pieces);
}

/**
 * The one value of a field, without outer blanks; undefined where it is absent (RFC 9110, 5.5).
 *
 * `headers[name]` of Node joins duplicates, or takes the first. A covered field that comes twice is refused, and so is
 * one beside an `X_Twin` of its name, which servers behind this one read as the same field.
 */
export function field(request, name, code = "signature-malformed") {
  const lower = name.toLowerCase();
  let found;
  for (const [other, value] of request.headers) {
    const otherLower = other.toLowerCase();
    if (otherLower !== lower && otherLower.replaceAll("_", "-") !== lower) continue;
    if (found !== undefined || otherLower !== lower) throw new Refused(code, `${name} twice`);
    found = trimmed(value);
  }
  if (found !== undefined && !/^[\x20-\x7e]*$/.test(found)) throw new Refused(code, `octets in ${name}`);
  return found;
}

/** A field that carries a claim. */
export function claim(request, name) {
  const value = field(request, name);
  if (!value) throw new Refused("signature-missing", name);
  if (value.length > FIELD_LIMIT) throw new Refused("signature-malformed", `${name} is too long`);
  return value;
}

function trimmed(value) {
  let start = 0;
  let end = value.length;
  while (value[start] === " " || value[start] === "\t") start += 1;
  while (end > start && (value[end - 1] === " " || value[end - 1] === "\t")) end -= 1;
  return value.slice(start, end);
}

/** With these fields instead of any of the same names. */
export function withFields(request, added) {
  const names = new Set(added.map(([name]) => name.toLowerCase()));
  return { ...request, headers: [...request.headers.filter(([name]) => !names.has(name.toLowerCase())), ...added] };
}

/** Where the service is: configured. Host can only agree, and no X-Forwarded-* is read. */
export class Origin {
  constructor(text) {
    const { protocol, host, origin } = new URL(text);
    if (origin !== text.toLowerCase().replace(/\/$/, "") || !/^https?:$/.test(protocol)) {
      throw new TypeError(`expected https://host or https://host:port, not ${text}`);
    }
    this.scheme = protocol.slice(0, -1);
    this.authority = host; // RFC 9421, 2.2.3: lower case, without the default port
  }

  check(request) {
    const host = field(request, "host", "target-ambiguous")?.toLowerCase();
    const port = this.scheme === "https" ? ":443" : ":80";
    if (host !== undefined && ![this.authority, `${this.authority}:`, this.authority + port].includes(host)) {
      throw new Refused("target-ambiguous", "another host");
    }
  }
}

/** Raises unless the body says that it is JSON, in UTF-8, and as it stands (RFC 8259, 11). */
export function requireJson(request) {
  const [type, ...parameters] = (field(request, "content-type") ?? "")
    .toLowerCase()
    .split(";")
    .map((part) => part.trim());
  const isUtf8 = parameters.every((parameter) => parameter === "" || /^charset=("?)utf-8\1$/.test(parameter));
  if (!/^application\/([!#$%&'*+\-.^_`|~0-9a-z]+\+)?json$/.test(type) || !isUtf8 || parameters.length > 1) {
    throw new Refused("body-malformed", "not the type of JSON in UTF-8");
  }
  if (field(request, "content-encoding") !== undefined) throw new Refused("body-malformed", "a content coding");
}
