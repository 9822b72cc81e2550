/** The example in the README runs. */

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import http from "node:http";
import { test } from "node:test";

import { send, signed } from "../client.js";
import { rfc9421 } from "../message-signature.js";
import { body } from "../signature.js";
import { JSON_TYPE, KEY, ORIGIN } from "./shops.js";

const page = readFileSync(new URL("../README.md", import.meta.url), "utf8");
const [, example] = /```js\n(.*?)```/s.exec(page);

test("the example in the README runs", async () => {
  Object.assign(process.env, { HOOK_KEY: KEY, ACME_KEY: KEY });
  const absolute = example
    .replaceAll(/from "(\.\/[^"]+)"/g, (_, name) => `from "${new URL(`../${name}`, import.meta.url)}"`)
    .replace('from "express"', `from "${import.meta.resolve("express")}"`);
  const hooks = "function hooks(req, res) { res.json(req.verified.scheme); }";
  const { app } = await import(`data:text/javascript,${encodeURIComponent(`${absolute}\n${hooks}\nexport { app };`)}`);
  const server = http.createServer(app);
  await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const at = `http://127.0.0.1:${server.address().port}`;
  const partner = rfc9421({ keys: { acme: KEY }, keyId: "acme", origin: ORIGIN });
  const order = { method: "POST", target: "/orders", headers: [JSON_TYPE], body: '{"id":7}' };
  try {
    const answers = [
      await send(signed(partner, ORIGIN, order), at),
      await send(signed(body({ key: KEY }), ORIGIN, { ...order, target: "/hooks" }), at),
      await send(signed(body({ key: KEY }), ORIGIN, order), at),
    ];
    const told = answers.map(({ status, body }) => (status === 200 ? JSON.parse(body) : status));
    assert.deepEqual(told, [{ by: "acme", order: { id: 7 } }, "body", 401]);
  } finally {
    server.close().closeAllConnections();
  }
});

test("the table of the README has every file", () => {
  const told = [...page.matchAll(/`([a-z-]+\.js)`/g)].map(([, name]) => name);
  const files = readdirSync(new URL("..", import.meta.url)).filter((name) => name.endsWith(".js"));
  assert.deepEqual([...new Set(told)].sort(), files);
});
