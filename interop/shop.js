/** Who signs what of the shop that express.js and koa.js serve, and that client.js calls. */

import { rfc9421 } from "./message-signature.js";
import { body, canonicalBody, canonicalRequest, envelope, scoped } from "./signature.js";

/** The scheme of each part of the shop. `key`: of the simple ones; `keys`, `keyId` and `origin`: as of `rfc9421`. */
export function gates({ key, keys, keyId, origin, clock, replay }) {
  return {
    hooks: body({ key, header: "X-Signature" }),
    exports: canonicalRequest({ key, header: "X-Signature" }),
    orders: canonicalBody({ key, header: "X-API-Signature" }),
    reports: canonicalBody({ key, header: "X-API-Signature", form: "pyjson" }),
    quotes: envelope({ key, data: "data", signature: "hmac" }),
    documents: scoped({ key, template: "download:resource:{param:id}" }),
    actions: scoped({ key, template: "action:{json:/action:text}:resource:{json:/resourceId:text}" }),
    partners: rfc9421({ keys, keyId, origin, clock, replay }),
  };
}
