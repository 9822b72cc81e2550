/** The published vectors: what sealgate's core accepts and refuses, and why, is what these files do. */

import assert from "node:assert/strict";
import { createHmac, hkdfSync } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import test from "node:test";

import { rfc9421 } from "../message-signature.js";
import { canonicalJson, splitTarget } from "../canonical.js";
import { Origin } from "../received.js";
import { Refused } from "../refused.js";
import { Envelope, Scope } from "../sealed.js";
import { body, canonicalBody, canonicalRequest, envelope, scoped } from "../signature.js";

const FOLDER = new URL("../../python/sealgate/vectors/", import.meta.url);
const files = readdirSync(FOLDER)
  .filter((name) => name.endsWith(".json"))
  .map((name) => JSON.parse(readFileSync(new URL(name, FOLDER))));
const octets = (value) => (typeof value === "string" ? Buffer.from(value) : Buffer.from(value.base64, "base64"));

/** Of a webhook over the raw body: its field, what stands before the signature, and the encoding. */
const RAW = {
  body: ["X-Signature"],
  asana: ["X-Hook-Signature"],
  bitbucket: ["X-Hub-Signature", "sha256="],
  dropbox: ["X-Dropbox-Signature"],
  gitea: ["X-Gitea-Signature"],
  github: ["X-Hub-Signature-256", "sha256="],
  intercom: ["X-Hub-Signature", "sha1="],
  launchdarkly: ["X-LD-Signature"],
  "lemon-squeezy": ["X-Signature"],
  line: ["X-Line-Signature", "", "base64"],
  meta: ["X-Hub-Signature-256", "sha256="],
  notion: ["X-Notion-Signature", "sha256="],
  paystack: ["X-Paystack-Signature"],
  razorpay: ["X-Razorpay-Signature"],
  sentry: ["Sentry-Hook-Signature"],
  shopify: ["X-Shopify-Hmac-Sha256", "", "base64"],
  typeform: ["Typeform-Signature", "sha256=", "base64"],
  vercel: ["X-Vercel-Signature"],
  woocommerce: ["X-WC-Webhook-Signature", "", "base64"],
  x: ["X-Twitter-Webhooks-Signature", "sha256=", "base64"],
  xero: ["X-Xero-Signature", "", "base64"],
};

const SCHEMES = {
  "canonical-request": ({ key }) => canonicalRequest({ key }),
  "canonical-json": ({ key }) => canonicalBody({ key }),
  "canonical-json-pyjson": ({ key }) => canonicalBody({ key, form: "pyjson" }),
  "canonical-json-pyjson-utf8": ({ key }) => canonicalBody({ key, form: "pyjson-utf8" }),
  envelope: ({ key }) => envelope({ key }),
  "envelope-pyjson": ({ key }) => envelope({ key, form: "pyjson" }),
  scoped: ({ key, template }) => scoped({ key, template }),
  "scoped-action": ({ key, template }) => scoped({ key, template }),
  rfc9421: ({ key, id, origin, clock }) => rfc9421({ keys: { [id]: key }, keyId: id, origin, clock }),
  ...Object.fromEntries(
    Object.entries(RAW).map(([name, [header, prefix, encoding]]) => [
      name,
      ({ key, hash }) => body({ key, header, prefix, encoding, hash }),
    ]),
  ),
};

function schemeOf(file, now) {
  const key = Buffer.from(file.hmac_key, "hex");
  return SCHEMES[file.scheme]({ ...file, key, id: file.key.id, clock: () => now });
}

function requestOf({ params = {}, body, ...request }) {
  return { ...request, params, body: octets(body) };
}

async function verdict(file, scheme, given) {
  try {
    const request = requestOf(given);
    splitTarget(request.target); // as the gate does, before any scheme
    new Origin(file.origin).check(request);
    return await scheme.verify(request);
  } catch (error) {
    if (error instanceof Refused) return error;
    throw error;
  }
}

test("there are vectors of every scheme that these files know", () => {
  const names = files.map((file) => file.scheme);
  assert.deepEqual(
    Object.keys(SCHEMES).filter((name) => !names.includes(name)),
    [],
  );
});

for (const file of files) {
  test(`${file.scheme}: the signature is the HMAC of the base`, () => {
    for (const { base, signature } of file.cases.filter((each) => each.base !== undefined)) {
      const found = createHmac(file.hash, Buffer.from(file.hmac_key, "hex")).update(octets(base)).digest("hex");
      assert.equal(found, signature);
    }
  });
}

for (const file of files.filter((each) => each.scheme in SCHEMES)) {
  for (const each of file.cases) {
    test(`${file.scheme}: ${each.id} is ${each.verdict} ${each.code ?? ""}`, async () => {
      const scheme = schemeOf(file, each.now);
      for (const id of each.after ?? []) {
        await scheme.verify(requestOf(file.cases.find((before) => before.id === id).request));
      }
      const found = await verdict(file, scheme, each.request);
      if (each.verdict === "refused") {
        assert.equal(found.code, each.code, found.reason);
      } else {
        assert.deepEqual(
          found.body?.toString("hex"),
          octets(each.read ?? each.request.body).toString("hex"),
          found.code,
        );
        assert.deepEqual([found.keyId, found.created, found.nonce], [each.key_id, each.created, each.nonce]);
      }
    });
  }

  test(`${file.scheme}: what is signed here is what the core signs`, () => {
    for (const { unsigned, claims, request } of file.cases.filter((each) => each.unsigned !== undefined)) {
      const found = schemeOf(file, claims.created).sign(requestOf(unsigned), claims);
      const fields = ({ headers }) => headers.map(([name, value]) => [name.toLowerCase(), value]).sort();
      assert.deepEqual(fields(found), fields(request));
      assert.equal(found.body.toString("hex"), octets(request.body).toString("hex"));
    }
  });
}

/** Sealed values and tokens: the file holds the payload as JSON text, of which JSON.parse keeps what is signed. */
const VALUES = {
  "sealed-values": (settings, name) => {
    const envelope = new Envelope(name, settings);
    return {
      ask: ({ document }) => envelope.open(JSON.stringify(document)),
      make: ({ document, nonce }) => envelope.seal(document.payload, { nonce }).signature,
      is: ({ document }) => document.signature,
      says: ({ document }) => canonicalJson(Buffer.from(JSON.stringify(document.payload))).toString(),
      said: (payload) => canonicalJson(Buffer.from(JSON.stringify(payload))).toString(),
    };
  },
  tokens: (settings, name) => {
    const scope = new Scope(name, settings);
    const octetsOf = ({ token }) => Buffer.from(token, "base64url");
    return {
      ask: ({ token, subject }) => scope.verify(token, subject),
      make: ({ token, subject, claims }) => {
        const raw = octetsOf({ token });
        return scope.token(subject, {
          expiresIn: raw.readUInt32BE(6),
          once: raw[0] === 2,
          claims,
          nonce: raw.subarray(10, 26),
        });
      },
      is: ({ token }) => token,
      says: ({ subject }) => subject,
      said: (granted) => granted.subject,
    };
  },
};

for (const file of files.filter((each) => each.scheme in VALUES)) {
  const key = Buffer.from(file.key.text);
  const of = (now) =>
    VALUES[file.scheme](
      { keys: { [file.key.id]: key }, keyId: file.key.id, maxAge: file.max_age, clock: () => now },
      file.name,
    );

  test(`${file.scheme}: the key is derived as it says`, () => {
    const derived = hkdfSync("sha256", key, Buffer.alloc(0), Buffer.from(file.hkdf_info, "hex"), 32);
    assert.equal(Buffer.from(derived).toString("hex"), file.hmac_key);
  });

  for (const each of file.cases) {
    test(`${file.scheme}: ${each.id} is ${each.verdict} ${each.code ?? ""}`, async () => {
      const values = of(each.now);
      if (each.twice) await values.ask(each);
      if (each.verdict === "refused") {
        await assert.rejects(values.ask(each), { code: each.code });
      } else {
        assert.equal(values.said(await values.ask(each)), values.says(each));
      }
      if (each.base !== undefined) assert.equal(of(each.created).make(each), values.is(each));
    });
  }
}
