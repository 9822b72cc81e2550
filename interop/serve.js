/**
 * The shop on a port of this machine: `node serve.js express|koa`.
 *
 * Environment: SHOP_KEY; SHOP_KEYS (JSON: ids and keys); SHOP_ORIGIN, or else it is the port's; for Koa SHOP_FILES (a
 * directory) and SHOP_NAMES (JSON: ids and names in it). The port goes to standard output, each refusal to standard
 * error.
 */

import http from "node:http";
import { env } from "node:process";

import { SignedFiles } from "./files.js";

const server = http.createServer();
await new Promise((ready) => server.listen(Number(env.PORT ?? 0), "127.0.0.1", ready));
const { port } = server.address();

const settings = {
  key: env.SHOP_KEY,
  keys: JSON.parse(env.SHOP_KEYS),
  origin: env.SHOP_ORIGIN ?? `http://127.0.0.1:${port}`,
  log: (refusal) => console.error(JSON.stringify(refusal)),
};
if (process.argv[2] === "koa") {
  const { application } = await import("./koa.js");
  const files = await SignedFiles.at(env.SHOP_FILES, JSON.parse(env.SHOP_NAMES));
  server.on("request", application({ ...settings, files }).callback());
} else {
  const { application } = await import("./express.js");
  server.on("request", application(settings));
}
console.log(port);
