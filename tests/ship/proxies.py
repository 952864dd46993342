"""nginx and Caddy with the configurations of deploy/, changed only in addresses, certificate and name."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.server import free_port
from tests.ship.documented import replaced

NAME = "lens.example.org"


@dataclass(frozen=True)
class Proxy:
    """A running proxy: the port of its TLS, and the certificate to trust."""

    name: str
    port: int
    certificate: Path

    @property
    def url(self) -> str:
        """Where callers find it; the certificate names localhost too."""
        return f"https://localhost:{self.port}"


def certificate(folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for the name and localhost, and its key."""
    cert, key = folder / "fullchain.pem", folder / "privkey.pem"
    names = f"subjectAltName=DNS:{NAME},DNS:localhost"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={NAME}"]
    subprocess.run([*command, "-addext", names, "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


@contextmanager
def nginx(root: Path, folder: Path, upstream: int) -> Iterator[Proxy]:
    """nginx with deploy/nginx/lens.conf in front of a Lens on ``upstream``."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not here (Debian: apt-get install nginx-light)")
    cert, key = certificate(folder)
    http, https = free_port(), free_port()
    site = replaced(
        (root / "deploy/nginx/lens.conf").read_text(),
        {
            "server 127.0.0.1:3000;": f"server 127.0.0.1:{upstream};",
            "    listen 80;\n    listen [::]:80;\n": f"    listen 127.0.0.1:{http};\n",
            "    listen 443 ssl http2;\n    listen [::]:443 ssl http2;\n": f"    listen 127.0.0.1:{https} ssl http2;\n",
            f"/etc/letsencrypt/live/{NAME}/fullchain.pem": str(cert),
            f"/etc/letsencrypt/live/{NAME}/privkey.pem": str(key),
            f"server_name {NAME};": f"server_name {NAME} localhost;",
        },
    )
    paths = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    # Started by root its workers would be somebody else's, who may not write to our folder.
    user = "user root;" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user} daemon off; pid {folder}/pid; error_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{paths}\n{site}\n}}\n"
    )
    with running(["nginx", "-p", str(folder), "-c", "nginx.conf"], https, folder):
        yield Proxy("nginx", https, cert)


@contextmanager
def caddy(root: Path, folder: Path, upstream: int) -> Iterator[Proxy]:
    """Caddy with deploy/caddy/Caddyfile in front of a Lens on ``upstream``."""
    if shutil.which("caddy") is None:
        pytest.skip("caddy is not here (Debian: apt-get install caddy)")
    cert, key = certificate(folder)
    https = free_port()
    site = replaced(
        (root / "deploy/caddy/Caddyfile").read_text(),
        {
            "127.0.0.1:3000": f"127.0.0.1:{upstream}",
            f"\n{NAME} {{\n": f"\nhttps://localhost:{https} {{\n\tbind 127.0.0.1\n\ttls {cert} {key}\n",
            "\tservers {\n": "\tadmin off\n\tauto_https disable_redirects\n\tservers {\n",
        },
    )
    (folder / "Caddyfile").write_text(site)
    with running(["caddy", "run", "--config", str(folder / "Caddyfile")], https, folder):
        yield Proxy("caddy", https, cert)


@contextmanager
def running(command: list[str], port: int, folder: Path) -> Iterator[None]:
    """The program, once it accepts on ``port``; ended afterwards."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(folder), "XDG_DATA_HOME": str(folder)}
    with (folder / "output").open("wb") as output:
        process = subprocess.Popen(command, env=environment, stdout=output, stderr=output)
    try:
        ends = time.monotonic() + 20
        while not accepts(port):
            assert process.poll() is None, (folder / "output").read_text()
            assert time.monotonic() < ends, (folder / "output").read_text()
            time.sleep(0.05)
        yield
    finally:
        process.terminate()
        process.wait(10)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def tls(proxy: Proxy) -> ssl.SSLSocket:
    """A bare connection, for callers who take their time."""
    context = ssl.create_default_context(cafile=str(proxy.certificate))
    return context.wrap_socket(socket.create_connection(("127.0.0.1", proxy.port), 20), server_hostname="localhost")
