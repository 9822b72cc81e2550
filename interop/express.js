/** Express 5: a middleware that goes before every parser, and an application in which no route is without it. */

import express from "express";

import { answer, parsed, prover } from "./gate.js";
import { Refused } from "./refused.js";
import { gates } from "./shop.js";

/** Middleware. Options as of `prover`; `log` is told why. `req.verified` is what was proven, `req.body` JSON of it. */
export function signed(scheme, { log = () => {}, ...options }) {
  const prove = prover(scheme, options);
  return async (req, res, next) => {
    try {
      req.verified = await prove(req, req.originalUrl); // `req.url` and `req.path` are rewritten by mounts
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // a mistake of ours: 500, and nothing is let through
      log({ code: error.code, reason: error.message });
      const { headers, body } = answer(error, req);
      res
        .status(error.status)
        .set(headers)
        .end(req.method === "HEAD" ? "" : body);
      return;
    }
    req.body = parsed(req, req.verified.body);
    next();
  };
}

/** A shop. `settings`: as of `gates`. Each part has its gate, its views, and behind them no other way out. */
export function application({ log, ...settings }) {
  const { hooks, exports, orders, reports, quotes, documents, actions, partners } = gates(settings);
  const gate = (scheme, route) => signed(scheme, { origin: settings.origin, log, route });

  const app = express();
  app.disable("x-powered-by");
  app.set("query parser", "simple"); // `a[]=` makes no arrays, and `a[b]=` no objects
  app.use("/hooks", gate(hooks), told);
  app.use("/exports", gate(exports), told);
  app.use("/orders", gate(orders), told);
  app.use("/reports", gate(reports), told);
  app.use("/quotes", gate(quotes), told);
  app.use("/documents", gate(documents, /^\/documents\/(?<id>[^/]+)$/), told);
  app.use("/actions", gate(actions), told);
  app.use(gate(partners)); // everything else: health, admin and 404s as well
  app.get("/health", (req, res) => res.json({ ok: true }));
  app.post("/admin/users", (req, res) => res.status(201).json({ by: req.verified.keyId, user: req.body }));
  app.use("/partners", told);
  app.use((error, req, res, next) => {
    res.status(error instanceof SyntaxError ? 400 : 500).end(); // without the stack that Express would show
    log?.({ code: "error", reason: error.stack });
  });
  return app;
}

/** The view of this shop: it answers with what it was given. */
function told(req, res) {
  const { scheme, keyId, body, params } = req.verified;
  res.json({ scheme, keyId, params, method: req.method, target: req.originalUrl, body: body.toString("base64") });
}
