/**
 * Files by identifier: a request names a document, never a path.
 *
 * What an id stands for is said when the service starts; whatever is not in the list is no file.
 */

import { constants } from "node:fs";
import { lstat, open, realpath } from "node:fs/promises";
import { isAbsolute, join, relative } from "node:path";

import { UUID4 } from "./signature.js";

export class SignedFiles {
  #names;

  /** `root`: the directory. `names`: `{ "<uuid v4>": "name below it" }`. */
  static async at(root, names) {
    const files = new SignedFiles();
    files.root = await realpath(root);
    files.#names = new Map(Object.entries(names)); // no prototype: `constructor` is no identifier
    for (const [id, name] of files.#names) {
      if (!UUID4.test(id)) throw new TypeError(`no UUID v4: ${id}`);
      await (await files.open(id)).close();
    }
    return files;
  }

  /** An open file handle, or undefined for an identifier of nothing. Close it, or read its stream to the end. */
  async open(id) {
    const name = this.#names.get(id);
    if (name === undefined) return undefined;
    const path = join(this.root, name);
    const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      const real = await realpath(path); // links among the directories on the way, which O_NOFOLLOW does not see
      const way = relative(this.root, real);
      const [opened, there] = [await handle.stat(), await lstat(real)];
      const isInside = way !== "" && !way.startsWith("..") && !isAbsolute(way);
      if (!isInside || !opened.isFile() || opened.ino !== there.ino || opened.dev !== there.dev) {
        throw new Error(`${name} is no file below the root`);
      }
    } catch (error) {
      await handle.close();
      throw error;
    }
    return handle;
  }
}
