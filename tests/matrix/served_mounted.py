"""The served applications, mounted by a framework: what is in front takes the mount off the path, and says so."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount
from werkzeug.exceptions import NotFound
from werkzeug.middleware.dispatcher import DispatcherMiddleware

import served_asgi
import served_wsgi
from served_views import MOUNT

app = DispatcherMiddleware(NotFound(), {MOUNT: served_wsgi.app})
aapp = Starlette(routes=[Mount(MOUNT, served_asgi.app)])
