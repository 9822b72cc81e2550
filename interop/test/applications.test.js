/** The applications, attacked: whatever comes, nothing unsigned reaches a view, and the process answers the next one. */

import assert from "node:assert/strict";
import { timingSafeEqual } from "node:crypto";
import { readdirSync } from "node:fs";
import http from "node:http";
import { after, afterEach, test } from "node:test";
import { gzipSync } from "node:zlib";

import express from "express";

import { signed } from "../client.js";
import { signed as gate } from "../express.js";
import { body, scoped } from "../signature.js";
import {
  by,
  CONTENT,
  DOCUMENT,
  fieldOf,
  HOST,
  IN_BODY,
  JSON_TYPE,
  KEY,
  ORIGIN,
  PARTS,
  raw,
  REQUESTS,
  send,
  shops,
  unsigned,
  wire,
  withField,
  without,
} from "./shops.js";

const running = await shops();
after(running.stop);

const each = (title, check) => {
  for (const name of running.names) test(`${name}: ${title}`, () => check(running.at(name), name));
};
const status = async (at, request) => (await send(request, at)).status;
const SIGNED_IN_FIELDS = PARTS.filter((part) => !IN_BODY.includes(part));

/** Whatever was sent before. */
afterEach(async () => {
  for (const name of running.names) assert.equal(await status(running.at(name), by("partners")), 200);
});

for (const part of PARTS) {
  each(`${part}: what is signed reaches the view, as it was proven`, async (at, name) => {
    const answer = await send(by(part), at);
    assert.equal(answer.status, 200);
    if (part === "documents" && name === "koa") return assert.equal(answer.body.toString(), CONTENT);
    const { target, params = {} } = REQUESTS[part];
    const read = { orders: '{"a":"é","b":1}', reports: '{"a":"\\u00e9","b":1.0}', quotes: '{"data":{"b":1}}' };
    const told = JSON.parse(answer.body);
    assert.deepEqual([told.target, told.params], [target, params]);
    assert.equal(Buffer.from(told.body, "base64").toString(), read[part] ?? REQUESTS[part].body ?? "");
  });
}

for (const part of SIGNED_IN_FIELDS) {
  each(`${part}: a signature of any other form is refused, and throws nowhere`, async (at) => {
    const request = by(part);
    const name = fieldOf(request);
    const right = request.headers.find(([other]) => other === name)[1];
    const others = [
      "",
      "0",
      "00",
      right.slice(2),
      right.slice(0, -1),
      right + "00",
      right + right,
      "é".repeat(64),
      "\x80",
      "z".repeat(64),
    ];
    others.push(
      "0".repeat(8000),
      right.toUpperCase(),
      `"${right}"`,
      "null",
      "undefined",
      "[object Object]",
      "constructor",
    );
    for (const other of others) assert.equal(await status(at, withField(request, name, other)), 401, other);
    assert.equal(await status(at, without(request, name.toLowerCase())), 401);
  });

  each(`${part}: the signature's field twice, or beside its twin, is refused`, async (at) => {
    const request = by(part);
    const [name, value] = request.headers.find(([other]) => other === fieldOf(request));
    const twin = name.replaceAll("-", "_");
    for (const added of [
      [name, value],
      [name.toUpperCase(), value],
      [name, "x"],
      [twin, value],
      [twin, "x"],
    ]) {
      assert.equal(await status(at, { ...request, headers: [...request.headers, added] }), 401, added[0]);
      assert.equal(await status(at, { ...request, headers: [added, ...request.headers] }), 401, added[0]);
    }
  });
}

each("another Host is refused, and X-Forwarded-* are read by nobody", async (at) => {
  for (const part of PARTS) {
    assert.equal(await status(at, withField(by(part), "Host", "evil.example")), 400, part);
    const forwarded = [
      ["X-Forwarded-Host", "evil.example"],
      ["X-Forwarded-Proto", "http"],
      ["Forwarded", "host=evil.example"],
    ];
    const request = by(part);
    assert.equal(await status(at, { ...request, headers: [...request.headers, ...forwarded] }), 200, part);
    const local = [
      ["X-Forwarded-Host", "localhost"],
      ["X-Forwarded-For", "127.0.0.1"],
      ["X-Original-URL", "/health"],
    ];
    assert.equal(
      await status(at, { ...unsigned(request), body: Buffer.alloc(0), headers: [["Host", HOST], ...local] }),
      401,
      part,
    );
  }
});

each("two Hosts are refused", async (at) => {
  const request = by("exports");
  assert.equal(await raw(at, wire({ ...request, headers: [["Host", HOST], ...request.headers] })), 400);
});

each("a body that was parsed and written anew is another body", async (at) => {
  for (const part of ["hooks", "exports", "partners"]) {
    const request = without(by(part), "content-length");
    const body = Buffer.from(JSON.stringify(JSON.parse(request.body)));
    assert.equal(await status(at, { ...request, body }), 401, part);
  }
});

each("a canonical form is the same however it is laid out, and a member more is another", async (at) => {
  for (const [part, other] of [
    ["orders", '{"a":"\\u00e9","b":1e0}'],
    ["reports", '{"a":"\\u00e9","b":1.0}'],
  ]) {
    const request = without(by(part), "content-length");
    assert.equal(await status(at, { ...request, body: Buffer.from(other) }), 200, part);
    for (const wrong of [other.replace("}", ',"c":1}'), other.replace("}", ',"b":1}'), "[" + other, "\ufeff" + other]) {
      assert.equal(await status(at, { ...request, body: Buffer.from(wrong) }), 401, wrong);
    }
  }
});

each("what is signed in canonical form says that it is JSON, and is not coded", async (at) => {
  for (const part of ["orders", "reports", "quotes", "actions"]) {
    const request = by(part);
    const coded = { ...request, headers: [...request.headers, ["Content-Encoding", "identity"]] };
    const found = [
      await status(at, coded),
      await status(at, without(request, "content-type")),
      await status(at, request),
    ];
    assert.deepEqual(found, [401, 401, 200], part);
  }
});

each("nothing, signed, is nothing", async (at) => {
  for (const part of ["hooks", "orders", "reports"]) {
    const request = by(part, { ...REQUESTS[part], body: "" });
    assert.equal(await status(at, request), 401, part);
  }
});

each("the same request again is refused, and costs nobody else", async (at) => {
  const request = by("partners");
  assert.deepEqual(
    [await status(at, request), await status(at, request), await status(at, by("partners"))],
    [200, 401, 200],
  );
});

each("every route is closed: 404s, health, admin, webhooks, HEAD, OPTIONS and the rest", async (at) => {
  const targets = [
    "/",
    "/nowhere",
    "/health",
    "/HEALTH",
    "/health/",
    "/admin/users",
    "/hooks",
    "/hooks/paid",
    "/Hooks/paid",
    "/hooks%2fpaid",
  ];
  targets.push(
    "/documents",
    "/documents/",
    `/documents/${DOCUMENT}`,
    "/partners",
    "/favicon.ico",
    "/%2e%2e/health",
    "/exports/../health",
    "/constructor",
    "/a?b[]=1&b[]=2",
  );
  for (const method of ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE", "PROPFIND"]) {
    for (const target of targets) {
      const request = {
        method,
        target,
        headers: [
          ["Host", HOST],
          ["Content-Length", "0"],
        ],
        body: Buffer.alloc(0),
      };
      assert.equal(await status(at, request), 401, `${method} ${target}`);
    }
  }
});

each("behind the gate a 404 is a 404, and health is fine", async (at) => {
  const found = [];
  for (const target of ["/nowhere", "/health"]) found.push(await status(at, by("partners", { target })));
  assert.deepEqual(found, [404, 200]);
});

each("one part's signature is nothing to another", async (at) => {
  for (const part of PARTS.filter((other) => !["hooks", "quotes", "documents"].includes(other))) {
    const request = by("hooks", { ...REQUESTS.hooks, target: REQUESTS[part].target.split("?")[0] });
    assert.equal(await status(at, request), 401, part);
  }
});

each("an identifier is a UUID, and no name of a prototype or a path", async (at) => {
  const anything = scoped({ key: KEY, params: {} });
  for (const id of [
    "constructor",
    "__proto__",
    "toString",
    "hasOwnProperty",
    "..",
    "../../etc/passwd",
    DOCUMENT.toUpperCase(),
    `${DOCUMENT}\n`,
    "a\0",
  ]) {
    const request = signed(anything, ORIGIN, { target: `/documents/${encodeURIComponent(id)}`, params: { id } });
    assert.equal(await status(at, request), 401, id);
  }
});

each("another document's signature opens no other", async (at) => {
  const other = DOCUMENT.replace("1", "2");
  assert.equal(await status(at, { ...by("documents"), target: `/documents/${other}` }), 401);
});

test("koa: a document that is signed for, and is none, is a 404", async () => {
  const other = DOCUMENT.replace("1", "2");
  assert.equal(
    await status(running.at("koa"), by("documents", { target: `/documents/${other}`, params: { id: other } })),
    404,
  );
});

each("key ids that every object has are unknown ones", async (at) => {
  for (const keyId of ["constructor", "__proto__", "toString", "nobody"]) {
    const keys = Object.fromEntries([[keyId, KEY]]);
    Object.defineProperty(keys, keyId, { value: KEY, enumerable: true });
    assert.equal(await status(at, by("partners", REQUESTS.partners, { keys, keyId })), 401, keyId);
  }
});

each("queries that frameworks make arrays and objects of are signed as they are", async (at) => {
  for (const query of [
    "a[]=1&a[]=2",
    "a[b]=c&a=d",
    "a=1&a=2",
    "__proto__[admin]=1",
    "constructor[prototype][admin]=1",
    "a=%zz",
    "&&",
    "?",
  ]) {
    for (const part of ["partners", "exports"]) {
      const request = by(part, { ...REQUESTS[part], target: `/${part}?${query}` });
      const answer = await send(request, at);
      assert.deepEqual([answer.status, JSON.parse(answer.body).target], [200, `/${part}?${query}`]);
      const other = by(part, { ...REQUESTS[part], target: `/${part}?${query}` });
      assert.equal(await status(at, { ...other, target: `/${part}?${query}&admin=1` }), 401, query);
    }
    assert.equal(await status(at, by("hooks", { ...REQUESTS.hooks, target: `/hooks` })), 200);
    assert.equal(await status(at, { ...by("hooks"), target: `/hooks?${query}` }), 401, query);
  }
  assert.equal({}.admin, undefined);
});

each("members named after prototypes are members", async (at) => {
  const body = '{"__proto__":{"admin":true},"constructor":{"prototype":{"admin":true}}}';
  const answer = await send(by("partners", { method: "POST", target: "/admin/users", headers: [JSON_TYPE], body }), at);
  assert.deepEqual([answer.status, answer.body.toString()], [201, `{"by":"acme","user":${body}}`]);
  assert.equal({}.admin, undefined);
});

each("a body that is signed and no JSON is a 400 without a stack", async (at) => {
  for (const body of ["{", Buffer.from([0x22, 0xff, 0x22])]) {
    const answer = await send(
      by("partners", { method: "POST", target: "/admin/users", headers: [JSON_TYPE], body }),
      at,
    );
    assert.equal(answer.status, 400);
    assert.doesNotMatch(answer.body.toString(), /SyntaxError|\.js/);
  }
});

each("a coded body is signed as it is sent, and not parsed", async (at) => {
  const headers = [JSON_TYPE, ["Content-Encoding", "gzip"]];
  const request = { method: "POST", target: "/admin/users", headers, body: gzipSync('{"admin":true}') };
  const answer = await send(by("partners", request), at);
  assert.deepEqual([answer.status, JSON.parse(answer.body)], [201, { by: "acme" }]);
});

each("targets that can be read in two ways are refused", async (at) => {
  const request = by("partners", { target: "/health" });
  for (const target of [
    "//health",
    "http://evil.example/health",
    `${ORIGIN}/health`,
    "*",
    "/health#x",
    "/a%zz",
    "/%",
  ]) {
    assert.equal(await raw(at, wire({ ...request, target })), 400, target);
  }
});

each("a body over the limit is a 413, whether it says so or not", async (at) => {
  const head = `POST /hooks HTTP/1.1\r\nHost: ${HOST}\r\nX-Signature: ${"0".repeat(64)}\r\n`;
  assert.equal(await raw(at, `${head}Content-Length: 10485761\r\n\r\n`), 413);
  const chunk = `${(1 << 20).toString(16)}\r\n${"a".repeat(1 << 20)}\r\n`;
  assert.equal(await raw(at, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(11)}0\r\n\r\n`), 413);
});

each("whoever signs nothing is refused before the body is there", async (at) => {
  for (const target of ["/hooks", "/partners"]) {
    assert.equal(await raw(at, `POST ${target} HTTP/1.1\r\nHost: ${HOST}\r\nContent-Length: 1000000\r\n\r\n`), 401);
  }
});

test("a body that does not come is not waited for", async () => {
  const app = express().use(gate(body({ key: KEY }), { origin: ORIGIN, timeout: 50 }));
  const server = http.createServer(app);
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const request = wire(by("hooks")).slice(0, -1);
  assert.equal(await raw(`http://127.0.0.1:${server.address().port}`, request), 0);
  server.close();
});

test("koa: nobody leaves a file open", async () => {
  const open = () => readdirSync("/proc/self/fd").length;
  const at = running.at("koa");
  const ask = () =>
    Promise.all(["HEAD", "GET"].map((method) => status(at, by("documents", { ...REQUESTS.documents, method }))));
  await ask();
  const before = open();
  for (let nth = 0; nth < 20; nth += 1) assert.deepEqual(await ask(), [200, 200]);
  assert.ok(open() <= before + 4, `${open()} files, and ${before} before`);
});

each("what does not arrive whole, or in two framings, reaches no view", async (at) => {
  const request = by("hooks");
  const refused = running.nextRefusal();
  assert.notEqual(await raw(at, wire(request).slice(0, -3), { end: true }), 200);
  assert.ok(["body-unreadable", "error"].includes((await refused).code)); // Koa is told by the socket first
  const two = { ...request, headers: [...request.headers, ["Transfer-Encoding", "chunked"]] };
  assert.equal(await raw(at, wire(two)), 400);
});

each("chunks are the body, too", async (at) => {
  const { headers, body } = without(by("hooks"), "content-length");
  const chunked = {
    method: "POST",
    target: "/hooks",
    headers: [...headers, ["Transfer-Encoding", "chunked"]],
    body: Buffer.from(
      `3\r\n${body.subarray(0, 3)}\r\n${(body.length - 3).toString(16)}\r\n${body.subarray(3)}\r\n0\r\n\r\n`,
    ),
  };
  assert.equal(await raw(at, wire(chunked)), 200);
});

each("whoever is refused is told one thing", async (at) => {
  const request = by("hooks");
  const wrong = [
    unsigned(request),
    withField(request, "X-Signature", "zz"),
    withField(request, "X-Signature", "0".repeat(64)),
    { ...by("partners"), method: "PUT" },
  ];
  const answers = [];
  for (const each of wrong) answers.push(await send(each, at));
  const told = new Set(
    answers.map(({ status, headers, body }) =>
      JSON.stringify([status, headers["www-authenticate"], headers["content-type"], body.toString()]),
    ),
  );
  assert.deepEqual(
    [...told],
    [
      '[401,"Signature realm=\\"sealgate\\"","application/problem+json","{\\"type\\":\\"about:blank\\",\\"title\\":\\"Unauthorized\\",\\"status\\":401}\\n"]',
    ],
  );
});

test("a comparison by timingSafeEqual alone would have thrown", () => {
  assert.throws(() => timingSafeEqual(Buffer.alloc(32), Buffer.alloc(31)), RangeError);
});
