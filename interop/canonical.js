/**
 * Canonical forms, the same octets on every side: JSON (RFC 8785, or as Python's json.dumps writes it), paths, queries.
 *
 * JSON is read by a parser of our own: JSON.parse takes the second of two members with one name, and rounds integers.
 */

import { Refused } from "./refused.js";

const DEPTH = 128;
const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const BLANK = /[ \t\n\r]*/y;
const WORDS = [
  ["null", null],
  ["true", true],
  ["false", false],
];

/** A number as it was written. */
class Numeral {
  constructor(text, isInteger) {
    this.text = text;
    this.isInteger = isInteger;
  }
}

/** How each form writes a number, a string, and orders names. */
const FORMS = {
  jcs: { number: ecmaScript, string: JSON.stringify, order: undefined },
  pyjson: {
    number: python,
    string: (text) => JSON.stringify(text).replace(/[\x7f-\uffff]/g, escaped),
    order: byCodePoint,
  },
  "pyjson-utf8": { number: python, string: JSON.stringify, order: byCodePoint },
};

/** The canonical octets of a JSON text. `form`: `jcs` (RFC 8785), `pyjson` or `pyjson-utf8` (sort_keys, no blanks). */
export function canonicalJson(octets, form = "jcs") {
  return writeJson(parseJson(octets), form);
}

/**
 * What a JSON text says: null, booleans, strings, arrays, a Map for each object, and numbers as they were written.
 *
 * RFC 8259 as RFC 7493 narrows it: UTF-8 without a BOM, no name twice, no half of a surrogate pair.
 */
export function parseJson(octets) {
  let text;
  try {
    text = UTF8.decode(octets);
  } catch {
    throw malformed("not UTF-8");
  }
  let at = 0;
  const value = read(0);
  skip();
  if (at !== text.length) throw malformed("more after the value");
  return value;

  function read(depth) {
    skip();
    const first = text[at];
    if (first === '"') return string();
    if (first === "{" || first === "[") {
      if (depth === DEPTH) throw malformed("too deep");
      at += 1;
      return first === "{" ? object(depth + 1) : array(depth + 1);
    }
    for (const [word, meant] of WORDS) {
      if (text.startsWith(word, at)) {
        at += word.length;
        return meant;
      }
    }
    NUMBER.lastIndex = at;
    const found = NUMBER.exec(text);
    if (found === null) throw malformed("expected a value");
    const isInteger = found[1] === undefined && found[2] === undefined;
    if (!isInteger && !Number.isFinite(Number(found[0]))) throw malformed("beyond the largest double");
    at += found[0].length;
    return new Numeral(found[0], isInteger);
  }

  function object(depth) {
    const members = new Map(); // no prototype: `__proto__` is a name like any other
    if (next("}")) return members;
    for (;;) {
      skip();
      if (text[at] !== '"') throw malformed("expected a name");
      const name = string();
      if (members.has(name)) throw malformed("a name occurs twice");
      expect(":");
      members.set(name, read(depth));
      if (next("}")) return members;
      expect(",");
    }
  }

  function array(depth) {
    const elements = [];
    if (next("]")) return elements;
    for (;;) {
      elements.push(read(depth));
      if (next("]")) return elements;
      expect(",");
    }
  }

  function string() {
    let end = at;
    do {
      end = text.indexOf('"', end + 1);
      if (end < 0) throw malformed("a string without an end");
    } while (isEscaped(end));
    let found;
    try {
      found = JSON.parse(text.slice(at, end + 1));
    } catch {
      throw malformed("an octet or an escape that no string has");
    }
    if (!found.isWellFormed()) throw malformed("half of a surrogate pair");
    at = end + 1;
    return found;
  }

  function isEscaped(quote) {
    let start = quote;
    while (text[start - 1] === "\\") start -= 1;
    return (quote - start) % 2 === 1;
  }

  function skip() {
    BLANK.lastIndex = at;
    at += BLANK.exec(text)[0].length;
  }

  function next(character) {
    skip();
    if (text[at] !== character) return false;
    at += 1;
    return true;
  }

  function expect(character) {
    if (!next(character)) throw malformed(`expected ${character}`);
  }
}

/** The canonical octets of what `parseJson` gave. */
export function writeJson(value, form = "jcs") {
  const { number, string, order } = FORMS[form];
  return Buffer.from(write(value));

  function write(value) {
    if (typeof value === "string") return string(value);
    if (value instanceof Numeral) return number(value);
    if (Array.isArray(value)) return `[${value.map(write).join(",")}]`;
    if (!(value instanceof Map)) return String(value);
    const names = [...value.keys()].sort(order); // without an order by UTF-16 code units: RFC 8785, 3.2.3
    return `{${names.map((name) => `${string(name)}:${write(value.get(name))}`).join(",")}}`;
  }
}

/** RFC 8785, 3.2.2.3. An integer that a double does not hold would be another number on the other side: refused. */
function ecmaScript({ text, isInteger }) {
  const written = String(Number(text));
  if (isInteger && written !== text && text !== "-0") throw malformed("an integer that a double does not hold");
  return written;
}

/** Integers of any size, and the repr of a float: the same digits as ECMAScript's, laid out in another way. */
function python({ text, isInteger }) {
  if (isInteger) {
    if (text.length > 4300) throw malformed("more digits than CPython reads");
    return text === "-0" ? "0" : text;
  }
  const number = Number(text);
  if (Object.is(number, -0)) return "-0.0";
  const [mantissa, exponent] = number.toExponential().split("e");
  if (Number(exponent) < -4 || Number(exponent) >= 16) {
    return `${mantissa}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
  }
  return Number.isInteger(number) ? `${number}.0` : String(number);
}

function escaped(unit) {
  return `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

function byCodePoint(one, other) {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}

function malformed(message) {
  return new Refused("body-malformed", message);
}

/** Path and query, as received, of a target in origin form (RFC 9112, 3.2.1): visible ASCII, without a fragment. */
export function splitTarget(target) {
  if (!/^\/(?!\/)[\x21-\x22\x24-\x7e]*$/.test(target)) throw ambiguous("not in origin form");
  const mark = target.indexOf("?");
  const [path, query] = mark < 0 ? [target, ""] : [target.slice(0, mark), target.slice(mark + 1)];
  if (/%(?![0-9A-Fa-f]{2})/.test(path)) throw ambiguous("malformed percent-encoding");
  return { path, query };
}

/** Each segment decoded once and encoded strictly: `%7E` and `~` are one path, `%2F` and `/` are two. */
export function canonicalPath(path) {
  return path.split("/").map(canonicalSegment).join("/");
}

function canonicalSegment(segment) {
  let decoded;
  try {
    decoded = decodeURIComponent(segment); // throws for what is not UTF-8
  } catch {
    throw ambiguous("a segment that is not UTF-8");
  }
  if (decoded === "." || decoded === ".." || /[\x00-\x1f\x7f]/.test(decoded)) {
    throw ambiguous("a dot segment or a control character");
  }
  return encodeURIComponent(decoded).replace(/[!'()*]/g, (mark) => `%${mark.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** The pieces between `&`, in stable order of their decoded names; each piece stays as received. */
export function sortedQuery(query) {
  const named = query.split("&").map((piece) => [decodedOctets(piece.split("=", 1)[0].replaceAll("+", " ")), piece]);
  return named
    .sort(([one], [other]) => Buffer.compare(one, other))
    .map(([, piece]) => piece)
    .join("&");
}

/** Any octets, which decodeURIComponent would not give. A name with a stray `%` is its own octets. */
function decodedOctets(text) {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) return Buffer.from(text, "latin1");
  return Buffer.from(
    text.replace(/%(..)/g, (_, digits) => String.fromCharCode(parseInt(digits, 16))),
    "latin1",
  );
}

function ambiguous(message) {
  return new Refused("target-ambiguous", message);
}
