/**
 * What `node_interop.py` asks of Node: a line of JSON in, a line of JSON out, in the same order.
 *
 * The first line has the settings of `gates`. Then `{ what: "sign" | "send", part, request, at }`; `{ what: "target", target }`;
 * `{ what: "json", form, text }`; `{ what: "seal", value }`. Octets are in base64.
 */

import http from "node:http";
import { argv } from "node:process";
import { createInterface } from "node:readline";

const from = (name) => import(`${argv[2]}/${name}.js`);
const { canonicalJson, canonicalPath, sortedQuery, splitTarget } = await from("canonical");
const { send, signed } = await from("client");
const { Refused } = await from("refused");
const { Envelope } = await from("sealed");
const { gates } = await from("shop");

const agent = new http.Agent({ keepAlive: true, maxSockets: 8 });
const base64 = (octets) => Buffer.from(octets).toString("base64");
let settings;
let parts;

const ANSWERS = {
  sign: ({ part, request }) => written(made(part, request)),
  send: async ({ part, request, at, app }) => {
    const own = made(part, request);
    const { status, body } = await send({ ...own, headers: [...own.headers, ["X-App", app]] }, at, agent);
    return { status, body: base64(body) };
  },
  target: ({ target }) => {
    const { path, query } = splitTarget(target);
    return [canonicalPath(path), sortedQuery(query)];
  },
  json: ({ form, text }) => base64(canonicalJson(Buffer.from(text, "base64"), form)),
  seal: ({ purpose, value }) => new Envelope(purpose, settings).seal(value),
};

function made(part, { method, target, headers, body, params }) {
  const others = headers.filter(([name]) => name !== "Host"); // the client writes its own
  return signed(parts[part], settings.origin, {
    method,
    target,
    headers: others,
    body: Buffer.from(body, "base64"),
    params,
  });
}

function written({ method, target, headers, body }) {
  return { method, target, headers, body: base64(body) };
}

async function answered(line) {
  const asked = JSON.parse(line);
  if (settings === undefined) {
    settings = asked;
    parts = gates(settings);
    return null;
  }
  try {
    return await ANSWERS[asked.what](asked);
  } catch (error) {
    if (error instanceof Refused) return { refused: error.code };
    throw error;
  }
}

const BATCH = 16;
let batch = [];
async function flush() {
  for (const answer of await Promise.all(batch.splice(0).map(answered)))
    process.stdout.write(`${JSON.stringify(answer)}\n`);
}
for await (const line of createInterface({ input: process.stdin })) {
  batch.push(line);
  if (settings === undefined || batch.length === BATCH) await flush();
}
await flush();
agent.destroy();
