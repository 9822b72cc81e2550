"""Servers that have no command of their own: `python -m matrix.plain_server wsgiref|gevent PORT`."""

from __future__ import annotations

import sys
from wsgiref.simple_server import make_server


def main(name: str, port: int) -> None:
    if name == "wsgiref":
        from served_wsgi import app

        make_server("127.0.0.1", port, app).serve_forever()
        return
    from gevent.monkey import patch_all

    patch_all()
    from gevent.pywsgi import WSGIServer

    from served_wsgi import app

    WSGIServer(("127.0.0.1", port), app, log=None).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
