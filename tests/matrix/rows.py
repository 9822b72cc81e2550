"""The servers of the matrix, one row each: how it is started, where its applications are mounted, what stands before."""

from __future__ import annotations

from dataclasses import dataclass

from servers import SERVERS, Server

_WSGI, _ASGI = ("wsgi", "flask", "django"), ("asgi", "fastapi", "django")
_MOUNT = "/shop"
_MOUNTED = (("SERVED_MOUNT", _MOUNT),)
_GUNICORN = "-m gunicorn --bind 127.0.0.1:{port} --workers 1 --log-level warning --worker-class"
_UVICORN = "-m uvicorn --host 127.0.0.1 --port {port} --ws wsproto --log-level warning --no-access-log --http"
_GRANIAN = "-m granian --host 127.0.0.1 --port {port} --workers 1 --log-level warning --interface"
_HYPERCORN = "-m hypercorn --bind 127.0.0.1:{port} --workers 0"
_UWSGI = "--http-socket 127.0.0.1:{port} --master --processes 1 --need-app --disable-logging"


@dataclass(frozen=True)
class Row:
    """`mount`: where its applications are mounted. `strips`: what stands before the server has taken that off the path.
    `front`: an nginx before it, with this configuration (`matrix.nginx`). `http2`: it is spoken to in HTTP/2."""

    server: Server
    mount: str = ""
    strips: bool = False
    front: str = ""
    http2: bool = False

    @property
    def name(self) -> str:
        return self.server.name


def _mounted(name: str, command: str, apps: tuple[str, ...], *, program: str = "", strips: bool = False) -> Row:
    return Row(Server(f"{name}-mounted", command, apps, program, _MOUNTED), _MOUNT, strips)


def _behind(front: str, name: str, apps: tuple[str, ...]) -> Row:
    """The same server, behind nginx; a mount is taken off by it where it strips."""
    known = SERVERS[name].command
    if front != "stripping":
        return Row(Server(f"nginx-{front}>{name}", known, apps), front=front)
    command = known.replace("--host", f"--root-path {_MOUNT} --host")
    return Row(Server(f"nginx-{front}>{name}", command, apps, settings=_MOUNTED), _MOUNT, front=front)


ROWS = {
    row.name: row
    for row in (
        *(Row(server) for server in SERVERS.values()),
        Row(Server("gunicorn-gevent", f"{_GUNICORN} gevent served_wsgi:app", _WSGI)),
        Row(Server("gunicorn-asgi", f"{_GUNICORN} asgi served_asgi:app", _ASGI)),
        Row(Server("gevent-pywsgi", "-m matrix.plain_server gevent {port}", _WSGI)),
        Row(Server("cheroot", "-m cheroot --bind 127.0.0.1:{port} served_wsgi:app", _WSGI)),
        Row(Server("wsgiref", "-m matrix.plain_server wsgiref {port}", _WSGI)),
        Row(Server("uwsgi", f"{_UWSGI} --module served_wsgi:app", _WSGI, "uwsgi")),
        Row(Server("daphne", "-m daphne -b 127.0.0.1 -p {port} -v 0 served_asgi:app", _ASGI)),
        Row(Server("hypercorn-h2", f"{_HYPERCORN} served_asgi:app", _ASGI), http2=True),
        Row(Server("granian-asgi-h2", f"{_GRANIAN} asgi --http 2 served_asgi:app", _ASGI), http2=True),
        Row(Server("granian-wsgi-h2", f"{_GRANIAN} wsgi --http 2 served_wsgi:app", _WSGI), http2=True),
        _mounted("waitress", f"-m waitress --listen=127.0.0.1:{{port}} --url-prefix={_MOUNT} served_wsgi:app", _WSGI),
        _mounted("gunicorn", f"{_GUNICORN} sync --env SCRIPT_NAME={_MOUNT} served_wsgi:app", _WSGI),
        _mounted("dispatcher", f"{_GUNICORN} gthread matrix.served_mounted:app", _WSGI),
        _mounted("uwsgi", f"{_UWSGI} --manage-script-name --mount {_MOUNT}=served_wsgi:app", _WSGI, program="uwsgi"),
        _mounted("uvicorn", f"{_UVICORN} httptools --root-path {_MOUNT} served_asgi:app", _ASGI, strips=True),
        _mounted("hypercorn", f"{_HYPERCORN} --root-path {_MOUNT} served_asgi:app", _ASGI),
        _mounted("daphne", f"-m daphne -b 127.0.0.1 -p {{port}} -v 0 --root-path={_MOUNT} served_asgi:app", _ASGI),
        _mounted("granian-asgi", f"{_GRANIAN} asgi --url-path-prefix {_MOUNT} served_asgi:app", _ASGI),
        _mounted("granian-wsgi", f"{_GRANIAN} wsgi --url-path-prefix {_MOUNT} served_wsgi:app", _WSGI),
        _mounted("starlette", f"{_UVICORN} h11 matrix.served_mounted:aapp", _ASGI),
        _behind("plain", "gunicorn-gthread", _WSGI),
        _behind("plain", "uvicorn-httptools", _ASGI),
        _behind("rewriting", "gunicorn-gthread", _WSGI),
        _behind("rewriting", "uvicorn-httptools", _ASGI),
        _behind("stripping", "uvicorn-h11", _ASGI),
    )
}
