/** Both applications on ports of this machine, and requests to them. */

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import http from "node:http";
import net from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { send, signed } from "../client.js";
import * as express from "../express.js";
import { SignedFiles } from "../files.js";
import * as koa from "../koa.js";
import { gates } from "../shop.js";

export const ORIGIN = "https://api.shop.example";
export const HOST = "api.shop.example";
export const KEY = "thirty-two octets of test key, A";
export const DOCUMENT = "12345678-90ab-4def-9234-567890abcdef";
export const JSON_TYPE = ["Content-Type", "application/json"];
export const SETTINGS = { key: KEY, keys: { acme: KEY }, keyId: "acme", origin: ORIGIN };
export const CONTENT = "what only the holder of the key may read";

/** A request that each part accepts. */
export const REQUESTS = {
  hooks: { method: "POST", target: "/hooks/paid", headers: [JSON_TYPE], body: '{ "amount": 7 }' },
  exports: { method: "POST", target: "/exports/1?b=2&a=1", headers: [JSON_TYPE], body: '{ "amount": 7 }' },
  orders: { method: "POST", target: "/orders", headers: [JSON_TYPE], body: '{ "b": 1.0, "a": "é" }' },
  reports: { method: "POST", target: "/reports", headers: [JSON_TYPE], body: '{ "b": 1.0, "a": "é" }' },
  quotes: { method: "POST", target: "/quotes", headers: [JSON_TYPE], body: '{ "data": { "b": 1.0 }, "more": 1 }' },
  documents: { target: `/documents/${DOCUMENT}`, params: { id: DOCUMENT } },
  actions: {
    method: "POST",
    target: "/actions",
    headers: [JSON_TYPE],
    body: `{"action":"delete","resourceId":"${DOCUMENT}"}`,
  },
  partners: { method: "POST", target: "/partners/1?b=2&a=1", headers: [JSON_TYPE], body: '{ "amount": 7 }' },
};
export const PARTS = Object.keys(REQUESTS);
/** In a body; all others in fields. */
export const IN_BODY = ["quotes"];

export async function shops() {
  const root = mkdtempSync(join(tmpdir(), "shop-"));
  writeFileSync(join(root, "report.txt"), CONTENT);
  const files = await SignedFiles.at(root, { [DOCUMENT]: "report.txt" });
  const waiting = [];
  const log = (refusal) => waiting.splice(0).forEach((told) => told(refusal));
  const settings = { ...SETTINGS, log };
  const started = {
    express: http.createServer(express.application(settings)),
    koa: http.createServer(koa.application({ ...settings, files }).callback()),
  };
  for (const server of Object.values(started)) await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
  const stop = () => {
    for (const server of Object.values(started)) server.close().closeAllConnections();
    rmSync(root, { recursive: true });
  };
  const names = Object.keys(started);
  const nextRefusal = () => new Promise((told) => waiting.push(told));
  return { names, nextRefusal, stop, at: (name) => `http://127.0.0.1:${started[name].address().port}` };
}

/** Signed by that part's key. */
export function by(part, request = REQUESTS[part], settings = {}) {
  return signed(gates({ ...SETTINGS, ...settings })[part], ORIGIN, request);
}

export function without(request, ...names) {
  return { ...request, headers: request.headers.filter(([name]) => !names.includes(name.toLowerCase())) };
}

export const unsigned = (request) =>
  without(request, "x-signature", "x-api-signature", "x-hmac-signature", "signature", "signature-input");

/** The field with the signature. */
export const fieldOf = (request) => request.headers.find(([name]) => /signature$/i.test(name))[0];

export function withField(request, name, value) {
  return { ...request, headers: request.headers.map(([other, old]) => [other, other === name ? value : old]) };
}

/** What is sent octet by octet; gives the status, 0 where there is no answer. */
export function raw(at, text, { end = false } = {}) {
  return new Promise((resolve) => {
    const socket = net.connect(new URL(at).port, "127.0.0.1", () => {
      socket.write(Buffer.from(text, "latin1"));
      if (end) socket.end();
    });
    let answer = "";
    const done = () => resolve(Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1] ?? 0));
    socket.on("data", (piece) => {
      answer += piece.toString("latin1");
      if (/\r\n\r\n/.test(answer)) socket.destroy();
    });
    socket.on("error", done).on("close", done);
  });
}

/** The message as it goes on the wire. */
export function wire({ method, target, headers, body }) {
  const lines = headers.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return `${method} ${target} HTTP/1.1\r\n${lines}\r\n${body.toString("latin1")}`;
}

export { send };
