/**
 * Why a request is refused. `code` is for the log; the caller is told `status` and nothing else: a refusal that
 * explains itself is an oracle. The codes are those of sealgate in Python.
 */

const STATUS = { "target-ambiguous": 400, "body-unreadable": 400, "body-too-large": 413, unavailable: 503 };

export class Refused extends Error {
  constructor(code, message) {
    super(message ?? code);
    this.code = code;
    this.status = STATUS[code] ?? 401;
  }
}
