/** Canonical JSON beside npm's canonicalize, whose author wrote RFC 8785 too; paths and queries. */

import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import test from "node:test";

import canonicalize from "canonicalize";

import { canonicalJson, canonicalPath, sortedQuery, splitTarget } from "../canonical.js";

const any = (...choices) => choices[randomInt(choices.length)];

function value(depth) {
  if (depth === 0) return any(null, true, false, number(), number(), text(), text());
  const size = randomInt(6);
  const inner = Array.from({ length: size }, () => value(randomInt(depth)));
  return any(inner, Object.fromEntries(inner.map((each) => [text(), each])));
}

function number() {
  const wild = randomBytes(8).readDoubleBE();
  const edge = any(0, -0, 1e-7, 1e-6, 1e21, 1e20, 9007199254740991, 5e-324, 1.7976931348623157e308);
  return any(Number.isFinite(wild) ? wild : 1, edge, -edge, randomInt(1000) / 8, randomInt(2 ** 40));
}

function text() {
  const planes = [0, 0x20, 0x7f, 0x100, 0x2028, 0xd7ff, 0xe000, 0xfb33, 0xffff, 0x10000, 0x1f600, 0x10ffff];
  const character = () =>
    String.fromCodePoint(any(any(...planes), 0x20 + randomInt(96), 0x10000 + randomInt(0x10ffff - 0x10000)));
  return Array.from({ length: randomInt(12) }, character).join("");
}

test("ten thousand documents are what npm's canonicalize writes", () => {
  for (let nth = 0; nth < 10_000; nth += 1) {
    const document = value(any(0, 1, 2, 3, 4));
    const written = JSON.stringify(document, undefined, any(undefined, 1, "\t"));
    // Integers beyond the doubles' own are written with an exponent, or the digits would be another number's.
    const exact = written.replace(/(?<=^|[\s[:,])-?\d{17,}(?=$|[\s\],}])/g, (digits) => `${digits}e0`);
    assert.equal(canonicalJson(Buffer.from(exact)).toString(), canonicalize(JSON.parse(exact)), exact);
  }
});

const REFUSED = [
  "",
  " ",
  "{",
  "[1,]",
  '{"a":1,}',
  '{"a":1,"a":2}',
  '{"a":1,"\\u0061":2}',
  "01",
  "1.",
  ".5",
  "+1",
  "1e",
  "nan",
  "NaN",
  "Infinity",
];
REFUSED.push(
  "1e400",
  "-1e400",
  '"\\ud800"',
  '"\\udc00\\ud800"',
  '"\x00"',
  '"\t"',
  "'a'",
  "\ufeff1",
  "1 2",
  "// a\n1",
  '"\\x41"',
  '"',
  '"\\"',
  "nul",
  "truefalse",
);
REFUSED.push(
  "9007199254740993",
  "100000000000000000000000",
  "[".repeat(129) + "]".repeat(129),
  "{a:1}",
  "\u00a01",
  "\f1",
);

for (const text of REFUSED) {
  test(`no canonical form: ${JSON.stringify(text.slice(0, 40))}`, () => {
    assert.throws(() => canonicalJson(Buffer.from(text)), { code: "body-malformed" });
  });
}

test("what is not UTF-8 has none either", () => {
  for (const octets of [
    [0x22, 0xff, 0x22],
    [0x22, 0xc0, 0xaf, 0x22],
    [0x22, 0xed, 0xa0, 0x80, 0x22],
    [0x22, 0xc3],
  ]) {
    assert.throws(() => canonicalJson(Buffer.from(octets)), { code: "body-malformed" });
  }
});

test("depth has a limit, and length has none", () => {
  assert.equal(canonicalJson(Buffer.from("[".repeat(128) + "]".repeat(128))).length, 256);
  const long = JSON.stringify('\\"é'.repeat(1_000_000));
  assert.equal(canonicalJson(Buffer.from(long)).toString(), long);
});

test("a name is any text", () => {
  const text = '{"constructor":1,"__proto__":{"a":2},"":3}';
  assert.equal(canonicalJson(Buffer.from(text)).toString(), '{"":3,"__proto__":{"a":2},"constructor":1}');
});

test("as Python's json.dumps writes it", () => {
  const text =
    '{"\u{1f600}":1e16,"\ufb33":[1.0,-0.0,-0,1E-5,0.0001,123456789012345678901234567890,1e22,"\\u007f\u2028"]}';
  const ascii =
    '{"\\ufb33":[1.0,-0.0,0,1e-05,0.0001,123456789012345678901234567890,1e+22,"\\u007f\\u2028"],"\\ud83d\\ude00":1e+16}';
  assert.equal(canonicalJson(Buffer.from(text), "pyjson").toString(), ascii);
  assert.equal(
    canonicalJson(Buffer.from(text), "pyjson-utf8").toString(),
    ascii.replaceAll(/\\u([0-9a-f]{4})/g, (_, digits) => String.fromCharCode(parseInt(digits, 16))),
  );
});

test("a path has one spelling", () => {
  const paths = {
    "/": "/",
    "/%7Ea/~a": "/~a/~a",
    "/a%2fb/c": "/a%2Fb/c",
    "/a%20b": "/a%20b",
    "/a//b": "/a//b",
    "/!'()*;=@:": "/%21%27%28%29%2A%3B%3D%40%3A",
    "/%E2%82%ac": "/%E2%82%AC",
  };
  for (const [path, canonical] of Object.entries(paths)) assert.equal(canonicalPath(path), canonical);
  for (const path of ["/.", "/a/../b", "/%2e%2E", "/%00", "/%7f", "/%ff", "/%C0%AF"]) {
    assert.throws(() => canonicalPath(path), { code: "target-ambiguous" }, path);
  }
  for (const target of ["", "*", "a", "//a", "http://a/", "/#a", "/a#b", "/a b", "/\x7f", "/é", "/%", "/%zz", "/%1"]) {
    assert.throws(() => splitTarget(target), { code: "target-ambiguous" }, target);
  }
});

test("a query is in the order of its names, and each piece as it came", () => {
  const queries = {
    "": "",
    "b=2&a=1&a=0": "a=1&a=0&b=2",
    "%61=%7e&a=1": "%61=%7e&a=1",
    "b&a=%2F&&=": "&=&a=%2F&b",
    "a+c=1&a%20b=2": "a%20b=2&a+c=1",
    "a!&a+": "a+&a!",
    "%zz=1&%00=2": "%00=2&%zz=1",
    "%ff=1&%c3%bf=2": "%c3%bf=2&%ff=1",
  };
  for (const [query, sorted] of Object.entries(queries)) assert.equal(sortedQuery(query), sorted);
});
