/** RFC 9421 both ways beside npm's http-message-sig: what one signs the other accepts, and nothing that was changed. */

import assert from "node:assert/strict";
import { createHmac, randomBytes, timingSafeEqual } from "node:crypto";
import test from "node:test";

import { component, createSignature, verifySignature } from "http-message-sig";

import { signed } from "../client.js";
import { contentDigest, rfc9421 } from "../message-signature.js";
import { Memory } from "../replay.js";
import { HOST, JSON_TYPE, KEY, ORIGIN } from "./shops.js";

const NOW = 1_700_000_000;
const mac = (data) => new Uint8Array(createHmac("sha256", KEY).update(data).digest());
const signer = { algorithm: "hmac-sha256", sign: mac };
const verifier = {
  algorithm: "hmac-sha256",
  verify: (data, given) => given.length === 32 && timingSafeEqual(mac(data), given),
};
const policy = { algorithms: ["hmac-sha256"], requiredComponents: [], requiredParameters: [], now: NOW };

const ours = (settings) =>
  rfc9421({ keys: { acme: KEY }, keyId: "acme", origin: ORIGIN, clock: () => NOW, ...settings });
const theirs = ({ method, target, headers }) => ({
  kind: "request",
  method,
  targetUri: ORIGIN + target,
  fields: headers.map(([name, value]) => ({ name, value })),
});
const accepted = (request) =>
  verifySignature(theirs(request), { label: "sig1", policy, resolveVerifier: () => verifier }).then(
    () => true,
    () => false,
  );

const REQUESTS = [
  { method: "GET", target: "/" },
  { method: "POST", target: "/orders?b=2&a=%2F&a", headers: [JSON_TYPE], body: '{"a":1}' },
  { method: "PUT", target: "/a%20b//c;d=e?", body: randomBytes(300) },
];

for (const request of REQUESTS) {
  test(`${request.method} ${request.target}: theirs accepts what is signed here, and nothing else`, async () => {
    const good = signed(ours(), ORIGIN, request);
    const changed = [
      { ...good, method: "DELETE" },
      { ...good, target: `/x${good.target.slice(1)}` },
      { ...good, target: `${good.target}${good.target.includes("?") ? "&" : "?"}x` },
    ];
    const found = [];
    for (const each of [good, ...changed]) found.push(await accepted(each));
    assert.deepEqual(found, [true, false, false, false]);
    await assert.doesNotReject(ours().verify(good));
    for (const each of changed) await assert.rejects(ours().verify(each), { code: "signature-invalid" });
  });

  test(`${request.method} ${request.target}: what theirs signs is accepted here`, async () => {
    const body = Buffer.from(request.body ?? "");
    const digest = body.length > 0 ? [["Content-Digest", contentDigest(body)]] : [];
    const plain = { method: request.method, target: request.target, headers: [["Host", HOST], ...digest], body };
    const names = ["@method", "@authority", "@path", "@query", ...(body.length > 0 ? ["content-digest"] : [])];
    const parameters = { created: NOW, keyid: "acme", nonce: "a nonce of 20 chars." };
    const { signatureInput, signature } = await createSignature(theirs(plain), {
      label: "sig1",
      components: names.map((name) => component(name, {})),
      parameters,
      signer,
    });
    const headers = [...plain.headers, ["Signature-Input", signatureInput], ["Signature", signature]];
    assert.equal((await ours().verify({ ...plain, headers })).nonce, parameters.nonce);
  });
}

test("of two keys under one id either counts, and of none no one", async () => {
  const request = signed(ours(), ORIGIN, REQUESTS[1]);
  await assert.doesNotReject(ours({ keys: { acme: ["another key of thirty-two octets", KEY] } }).verify(request));
  await assert.rejects(ours({ keys: { acme: [] } }).verify(request), { code: "signature-invalid" });
});

test("a full store refuses, and forgets nobody", async () => {
  let now = NOW;
  const replay = new Memory({ limit: 2, clock: () => now });
  assert.deepEqual(
    [replay.add("a", NOW + 10), replay.add("b", NOW + 5), replay.add("a", NOW + 10)],
    [true, true, false],
  );
  assert.throws(() => replay.add("c", NOW + 10), { code: "unavailable", status: 503 });
  assert.equal(replay.add("a", NOW + 10), false);
  now = NOW + 6; // "b" has ended, behind one that lasts
  assert.deepEqual([replay.add("c", NOW + 20), replay.add("a", NOW + 10)], [true, false]);
  now = NOW + 11;
  assert.equal(replay.add("a", NOW + 30), true);
});

test("a nonce is remembered only once it is proven", async () => {
  const verify = ours();
  const request = signed(verify, ORIGIN, REQUESTS[1]);
  await assert.rejects(verify.verify({ ...request, body: Buffer.from("{}") }), { code: "digest-mismatch" });
  await assert.doesNotReject(verify.verify(request));
  await assert.rejects(verify.verify(request), { code: "nonce-replayed" });
});

test("a field has a limit, whatever of it is signed", async () => {
  const good = signed(ours(), ORIGIN, REQUESTS[1]);
  const relabelled = (label) => ({
    ...good,
    headers: good.headers.map(([name, value]) => [name, /^sig1=/.test(value) ? value.replace("sig1", label) : value]),
  });
  await assert.doesNotReject(ours().verify(relabelled("a".repeat(7000))));
  await assert.rejects(ours().verify(relabelled("a".repeat(8192))), { code: "signature-malformed" });
});

test("the origin is the configured one, and Host can only agree", async () => {
  const request = signed(ours(), ORIGIN, REQUESTS[1]);
  const to = (host) => ({
    ...request,
    headers: request.headers.map(([name, value]) => [name, name === "Host" ? host : value]),
  });
  for (const host of ["evil.example", `${HOST}:80`, `${HOST}.`, "", `${HOST},${HOST}`]) {
    await assert.rejects(ours().verify(to(host)), { code: "target-ambiguous" }, host);
  }
  for (const host of [HOST.toUpperCase(), `${HOST}:443`, `${HOST}:`])
    await assert.doesNotReject(ours().verify(to(host)));
  for (const origin of ["api.shop.example", "ftp://a", "https://a/b", "https://a?b"])
    assert.throws(() => ours({ origin }), origin);
});

test("keys are long enough", () => {
  assert.throws(() => ours({ keys: { acme: "short" } }), TypeError);
});
