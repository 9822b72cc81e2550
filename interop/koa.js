/** Koa 3: the same middleware and the same shop as in express.js, which here has files as well. */

import Koa from "koa";

import { answer, parsed, prover } from "./gate.js";
import { Refused } from "./refused.js";
import { gates } from "./shop.js";

/** Middleware, as in express.js: `ctx.state.verified` is what was proven, `ctx.request.body` JSON of it. */
export function signed(scheme, { log = () => {}, ...options }) {
  const prove = prover(scheme, options);
  return async (ctx, next) => {
    try {
      ctx.state.verified = await prove(ctx.req, ctx.originalUrl); // `ctx.url` and `ctx.path` can be written to
    } catch (error) {
      if (!(error instanceof Refused)) throw error; // a mistake of ours: 500, and nothing is let through
      log({ code: error.code, reason: error.message });
      const { headers, body } = answer(error, ctx.req);
      ctx.status = error.status;
      ctx.body = body;
      ctx.set(headers);
      return;
    }
    ctx.request.body = parsed(ctx.req, ctx.state.verified.body);
    await next();
  };
}

/** A shop. `settings`: as of `gates`. `files`: the `SignedFiles` that `/documents` gives. */
export function application({ log, files, ...settings }) {
  const { hooks, exports, orders, reports, quotes, documents, actions, partners } = gates(settings);
  const gate = (scheme, route) => signed(scheme, { origin: settings.origin, log, route });

  const app = new Koa();
  app.silent = true; // what goes wrong is logged below, and not told to the caller
  app.on("error", (error) => log?.({ code: "error", reason: error.stack }));
  app.use(async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      ctx.status = 400; // signed, and no JSON
    }
  });
  app.use(under("/hooks", gate(hooks), told));
  app.use(under("/exports", gate(exports), told));
  app.use(under("/orders", gate(orders), told));
  app.use(under("/reports", gate(reports), told));
  app.use(under("/quotes", gate(quotes), told));
  app.use(under("/documents", gate(documents, /^\/documents\/(?<id>[^/]+)$/), (ctx) => download(ctx, files)));
  app.use(under("/actions", gate(actions), told));
  app.use(gate(partners)); // everything else: health, admin and 404s as well
  app.use(under("/health", pass, (ctx) => (ctx.body = { ok: true })));
  app.use(under("/admin/users", pass, created));
  app.use(under("/partners", pass, told));
  return app;
}

/** The view for this part of the path, behind its gate; whatever the gate does, no other view runs. */
function under(part, gate, view) {
  const isPart = (path) => path === part || path.startsWith(`${part}/`);
  return (ctx, next) => (isPart(ctx.path) ? gate(ctx, () => view(ctx)) : next());
}

function pass(ctx, next) {
  return next();
}

/** The id is the one that was signed; nothing of the request is in a path. */
async function download(ctx, files) {
  const handle = await files.open(ctx.state.verified.params.id);
  if (handle === undefined) return; // 404
  ctx.type = "application/octet-stream";
  ctx.set("X-Content-Type-Options", "nosniff");
  ctx.body = handle.createReadStream();
}

function created(ctx) {
  ctx.status = 201;
  ctx.body = { by: ctx.state.verified.keyId, user: ctx.request.body };
}

/** The view of this shop: it answers with what it was given. */
function told(ctx) {
  const { scheme, keyId, body, params } = ctx.state.verified;
  ctx.body = { scheme, keyId, params, method: ctx.method, target: ctx.originalUrl, body: body.toString("base64") };
}
