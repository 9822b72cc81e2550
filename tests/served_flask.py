"""Flask, served: every path leads to a view, so that nothing is refused for want of a route."""

from __future__ import annotations

from flask import Flask, Response, g, request

from sealgate import Verifier
from sealgate.flask import Sealgate
from served_views import HURRIED, METHODS, MOUNT, judged, ran


def made(verifier: Verifier) -> Flask:
    app = Flask("served")
    app.url_map.merge_slashes = False
    seal = Sealgate(app, verifier, script_name=MOUNT, on_verdict=judged)

    @app.route("/probe")
    @seal.exempt("probe")
    def probe() -> Response:
        return _work()

    @app.post("/hurried")
    @seal.require(HURRIED)
    def hurried() -> Response:
        return _work()

    @app.post("/upload")
    def upload() -> Response:
        return _work(request.files["file"].read())

    @app.route("/", defaults={"_path": ""}, methods=METHODS, provide_automatic_options=False)
    @app.route("/<path:_path>", methods=METHODS, provide_automatic_options=False)
    def view(_path: str) -> Response:
        return _work()

    return app


def _work(file: bytes | None = None) -> Response:
    # Where a form was read, its stream is gone; what was proven is what was read.
    query, body = request.query_string.decode("latin-1"), request.get_data() if file is None else g.verified.body
    path = request.script_root + request.path
    told = ran("flask", g.verified, request.method, path, query, request.headers.get, body, file)
    return Response(told, mimetype="application/json")
