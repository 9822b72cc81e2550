/** A client that signs: what goes on the wire is what was signed, octet by octet. */

import http from "node:http";
import https from "node:https";

import { Origin, withFields } from "./received.js";

/**
 * A request, signed. `scheme`: as of signature.js, `origin`: of the service. `target`: path and query, percent-encoded
 * as they are to be sent. `params`: what the service's route will match, for a scheme that signs it.
 */
export function signed(scheme, origin, { method = "GET", target, headers = [], body = "", params = {} }) {
  const { authority } = new Origin(origin);
  const octets = Buffer.from(body);
  const request = scheme.sign({ method, target, headers: [["Host", authority], ...headers], body: octets, params });
  return request.body.length > 0 ? withFields(request, [["Content-Length", String(request.body.length)]]) : request;
}

/** Sends it. `at`: the origin, or where it really is; `agent`: as of node:http. Gives status, fields and body. */
export function send(request, at, agent) {
  const { protocol, hostname, port } = new URL(at);
  const { method, target, headers, body } = request;
  return new Promise((resolve, reject) => {
    // fetch would rewrite the path.
    const options = { hostname, port, method, path: target, headers: headers.flat(), agent };
    const sent = (protocol === "https:" ? https : http).request(options, (response) => {
      const pieces = [];
      response.on("data", (piece) => pieces.push(piece));
      response.on("error", reject);
      response.on("end", () =>
        resolve({ status: response.statusCode, headers: response.headers, body: Buffer.concat(pieces) }),
      );
    });
    sent.on("error", reject);
    sent.end(body);
  });
}
