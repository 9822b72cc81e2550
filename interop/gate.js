/** What the Express and the Koa middleware share: prove the request, then let its parsed body be read. */

import { claim, Origin, readBody, received } from "./received.js";
import { Refused } from "./refused.js";

/**
 * A function of Node's request and the original target, which gives what was proven, or throws `Refused`.
 *
 * `scheme`: as of signature.js. `origin`: where the service is. `route`: of schemes that sign a part of the path, its
 * form, with a named group for each parameter. `limit`: octets of a body. `timeout`: milliseconds for it.
 */
export function prover(scheme, { origin, route, limit, timeout } = {}) {
  const own = new Origin(origin);
  return async (incoming, originalUrl) => {
    const request = received(incoming, originalUrl);
    own.check(request);
    if (route !== undefined) request.params = parameters(route, request.path);
    for (const name of scheme.fields) claim(request, name); // whoever signs nothing sends no body either
    return scheme.verify({ ...request, body: await readBody(incoming, limit, timeout) });
  };
}

/** As the path has them, decoded once. */
function parameters(route, path) {
  const groups = route.exec(path)?.groups ?? {};
  try {
    return Object.fromEntries(Object.entries(groups).map(([name, value]) => [name, decodeURIComponent(value)]));
  } catch {
    throw new Refused("target-ambiguous", "a parameter that is not UTF-8");
  }
}

const UTF8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What a proven body says in JSON, undefined for any other type; throws `SyntaxError` for what is no JSON. */
export function parsed(incoming, body) {
  const isJson = /^application\/json *(;|$)/i.test(incoming.headers["content-type"] ?? "");
  if (!isJson || incoming.headers["content-encoding"] !== undefined || body.length === 0) return undefined;
  try {
    return JSON.parse(UTF8.decode(body));
  } catch {
    throw new SyntaxError("the body is no JSON");
  }
}

const TITLES = { 400: "Bad Request", 401: "Unauthorized", 413: "Content Too Large", 503: "Service Unavailable" };

/** What the caller of `incoming` is told (RFC 9457): the same for every 401, whatever the reason. */
export function answer({ status }, incoming) {
  const headers = { "Content-Type": "application/problem+json", "Cache-Control": "no-store" };
  if (status === 401) headers["WWW-Authenticate"] = 'Signature realm="sealgate"';
  if (!incoming.complete) headers.Connection = "close"; // what is left of the body is not read
  return { headers, body: `${JSON.stringify({ type: "about:blank", title: TITLES[status], status })}\n` };
}
