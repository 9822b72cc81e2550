/** Bodies, of any form and framing: what is signed is what is read. */

import assert from "node:assert/strict";
import http from "node:http";
import { after, afterEach, test } from "node:test";
import { gzipSync } from "node:zlib";

import express from "express";

import { signed } from "../client.js";
import { signed as gate } from "../express.js";
import { body, scoped } from "../signature.js";
import { by, HOST, JSON_TYPE, KEY, ORIGIN, raw, REQUESTS, send, shops, wire, without } from "./shops.js";

const running = await shops();
after(running.stop);

const each = (title, check) => {
  for (const name of running.names) test(`${name}: ${title}`, () => check(running.at(name), name));
};
const status = async (at, request) => (await send(request, at)).status;

/** Whatever was sent before. */
afterEach(async () => {
  for (const name of running.names) assert.equal(await status(running.at(name), by("partners")), 200);
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

each("a body over the limit is a 413, whether it says so or not", async (at) => {
  const head = `POST /hooks HTTP/1.1\r\nHost: ${HOST}\r\nX-Signature: ${"0".repeat(64)}\r\n`;
  assert.equal(await raw(at, `${head}Content-Length: 10485761\r\n\r\n`), 413);
  const chunk = `${(1 << 20).toString(16)}\r\n${"a".repeat(1 << 20)}\r\n`;
  assert.equal(await raw(at, `${head}Transfer-Encoding: chunked\r\n\r\n${chunk.repeat(11)}`), 413);
});

test("what cannot be signed is a mistake at the start", () => {
  for (const template of ["download:{parm:id}", "download:{param:id", "{json:/a/b}", "{json:a}"]) {
    assert.throws(() => scoped({ key: KEY, template }), TypeError, template);
  }
  assert.throws(() => scoped({ key: KEY, template: "{param:name}" }), /which form has name/);
  assert.throws(() => body({ key: "15 octets of it" }), /16 octets/);
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
