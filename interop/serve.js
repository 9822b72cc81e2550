/**
 * The shop on a port of this machine: `node serve.js express|koa`.
 *
 * SHOP_KEY, SHOP_KEYS (JSON: ids and keys), SHOP_ORIGIN, and for Koa SHOP_FILES (a directory) and SHOP_NAMES (JSON: ids and names in it). The first line
 * of standard output is the port, each further one a refusal.
 */

import http from "node:http";
import { env } from "node:process";

import { SignedFiles } from "./files.js";

const log = (refusal) => console.log(JSON.stringify(refusal));
const settings = { key: env.SHOP_KEY, keys: JSON.parse(env.SHOP_KEYS), origin: env.SHOP_ORIGIN, log };
const { application } = process.argv[2] === "koa" ? await import("./koa.js") : await import("./express.js");
const files = env.SHOP_FILES && (await SignedFiles.at(env.SHOP_FILES, JSON.parse(env.SHOP_NAMES)));
const app = application({ ...settings, files });
const server = http.createServer(process.argv[2] === "koa" ? app.callback() : app);
server.listen(Number(env.PORT ?? 0), "127.0.0.1", () => console.log(server.address().port));
