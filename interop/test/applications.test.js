/** The applications, attacked: whatever comes, nothing unsigned reaches a view, and the process answers the next one. */

import assert from "node:assert/strict";
import { timingSafeEqual } from "node:crypto";
import { readdirSync } from "node:fs";
import { after, afterEach, test } from "node:test";

import { signed } from "../client.js";
import { scoped } from "../signature.js";
import {
  by,
  CONTENT,
  DOCUMENT,
  fieldOf,
  HOST,
  IN_BODY,
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
  const anything = scoped({ key: KEY, params: { id: null } });
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
