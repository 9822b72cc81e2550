/** Files by identifier: what is not in the list, or leaves the root, is no file. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { SignedFiles } from "../files.js";
import { DOCUMENT } from "./shops.js";

const top = realpathSync(mkdtempSync(join(tmpdir(), "files-")));
after(() => rmSync(top, { recursive: true }));
const root = join(top, "root");
mkdirSync(join(root, "inner"), { recursive: true });
writeFileSync(join(root, "a.txt"), "a");
writeFileSync(join(root, "inner", "b.txt"), "b");
writeFileSync(join(top, "secret"), "secret");
symlinkSync(join(top, "secret"), join(root, "link"));
symlinkSync(top, join(root, "up"));

const of = (name) => SignedFiles.at(root, { [DOCUMENT]: name });
const content = async (files, id) => {
  const handle = await files.open(id);
  try {
    return (await handle.readFile()).toString();
  } finally {
    await handle.close();
  }
};

test("an identifier of the list is its file", async () => {
  assert.equal(await content(await of("a.txt"), DOCUMENT), "a");
  assert.equal(await content(await of("inner/b.txt"), DOCUMENT), "b");
});

test("any other text is no file", async () => {
  const files = await of("a.txt");
  for (const id of [
    "a.txt",
    "../secret",
    "constructor",
    "__proto__",
    "",
    "/",
    DOCUMENT.toUpperCase(),
    `${DOCUMENT}/../a.txt`,
  ]) {
    assert.equal(await files.open(id), undefined, id);
  }
});

for (const name of [
  "../secret",
  "link",
  "up/secret",
  "inner",
  ".",
  "",
  "nothing",
  "/etc/passwd",
  "a.txt/../../secret",
  "a\0.txt",
]) {
  test(`a list that leads elsewhere is refused at the start: ${JSON.stringify(name)}`, async () => {
    await assert.rejects(of(name));
  });
}

test("an identifier is a UUID", async () => {
  await assert.rejects(SignedFiles.at(root, { "a.txt": "a.txt" }), TypeError);
});

test("a file that becomes a link later is not followed", async () => {
  writeFileSync(join(root, "later.txt"), "later");
  const files = await of("later.txt");
  symlinkSync(join(top, "secret"), join(root, "new"));
  renameSync(join(root, "new"), join(root, "later.txt"));
  await assert.rejects(files.open(DOCUMENT));
});

test("nor is a directory on the way that becomes one", async () => {
  mkdirSync(join(root, "way"));
  writeFileSync(join(root, "way", "secret"), "inside");
  const files = await of("way/secret");
  rmSync(join(root, "way"), { recursive: true });
  symlinkSync(top, join(root, "way"));
  await assert.rejects(files.open(DOCUMENT));
});
