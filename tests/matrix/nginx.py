"""An nginx of one's own, in front of a server on this machine."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

#: What stands in `location`: the target as it came, as nginx has decoded and merged it, or without the mount.
_LOCATIONS = {
    "plain": "location / {{ proxy_pass http://application; }}",
    "rewriting": "location / {{ proxy_pass http://application/; }}",
    "stripping": "location {mount}/ {{ proxy_pass http://application/; }}",
}
_CONFIGURATION = """
daemon off;
{user}
pid {home}/nginx.pid;
error_log {home}/nginx.log warn;
worker_processes 1;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {home}/body;
    proxy_temp_path {home}/proxy;
    fastcgi_temp_path {home}/fastcgi;
    uwsgi_temp_path {home}/uwsgi;
    scgi_temp_path {home}/scgi;
    client_max_body_size 16m;
    upstream application {{ server 127.0.0.1:{upstream}; }}
    server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1;
        # Without this line the application is told the name of the upstream, and refuses every request.
        proxy_set_header Host $http_host;
        {location}
    }}
}}
"""


class Nginx:
    """`port`: where it listens, in front of the port `upstream`."""

    def __init__(self, front: str, upstream: int, mount: str, home: Path) -> None:
        program = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
        assert program, "nginx is needed: apt-get install nginx-light"
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        location = _LOCATIONS[front].format(mount=mount)
        user = "user root;" if os.geteuid() == 0 else ""  # another one cannot write its files here
        text = _CONFIGURATION.format(home=home, port=self.port, upstream=upstream, location=location, user=user)
        configuration = home / "nginx.conf"
        configuration.write_text(text)
        self.process = subprocess.Popen([program, "-c", str(configuration), "-p", str(home), "-e", f"{home}/nginx.log"])
        self._log = home / "nginx.log"

    def wait_until_listening(self) -> None:
        end = time.monotonic() + 20
        while True:
            with suppress(ConnectionRefusedError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert self.process.poll() is None, self._log.read_text(errors="replace")
            assert time.monotonic() < end
            time.sleep(0.02)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(10)
