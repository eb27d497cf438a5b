"""A web of pictures on loopback: nginx over http and https, one folder under many addresses.

The hosts are 127.0.0.1, 127.0.0.2 and so on, so that neither client needs a resolver. Each has a robots.txt.
https: one certificate for all of them, signed by an authority made here (needs openssl). Clients are told of it
by SSL_CERT_FILE, a file with the system's authorities too, because reading those is part of the price of TLS.
"""

import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROBOTS = "User-agent: *\nDisallow: /admin/\nDisallow: /search\n"

CONFIG = """
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes 2; worker_rlimit_nofile 65536;
events {{ worker_connections 16384; }}
http {{
  access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000; keepalive_timeout 300s;
  open_file_cache max=10000 inactive=600s;
  types {{ image/jpeg jpg; image/png png; image/webp webp; text/plain txt; }}
  client_body_temp_path {folder}/t1; proxy_temp_path {folder}/t2; fastcgi_temp_path {folder}/t3;
  uwsgi_temp_path {folder}/t4; scgi_temp_path {folder}/t5;
  ssl_certificate {folder}/site.pem; ssl_certificate_key {folder}/site.key;
  ssl_protocols TLSv1.2 TLSv1.3; ssl_session_cache shared:s:20m;
  server {{ {listens} root {root}; location = /robots.txt {{ root {folder}; }} }}
}}
"""


@dataclass(frozen=True, slots=True)
class Web:
    """A running web."""

    hosts: tuple[str, ...]
    ports: dict[str, int]  # scheme to port
    authorities: Path  # for SSL_CERT_FILE

    def url(self, scheme: str, n: int, path: str) -> str:
        """The path at the n-th host, counted round."""
        return f"{scheme}://{self.hosts[n % len(self.hosts)]}:{self.ports[scheme]}/{path}"

    @property
    def environment(self) -> dict[str, str]:
        """A client's. Modules are kept as bytecode, whatever is set here: else each process compiles its own anew."""
        kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
        return kept | {"SSL_CERT_FILE": str(self.authorities)}


@contextmanager
def served(root: Path, folder: Path, hosts: int) -> Iterator[Web]:
    """The files of `root` at so many addresses. folder: for what the server writes."""
    folder.chmod(0o755)  # nginx's workers are nobody
    addresses = tuple(f"127.0.0.{n + 1}" for n in range(hosts))
    _certify(folder, addresses)
    (folder / "robots.txt").write_text(ROBOTS)
    ports = {"http": _free_port(), "https": _free_port()}
    listens = " ".join(
        f"listen {address}:{ports['http']}; listen {address}:{ports['https']} ssl;" for address in addresses
    )
    config = folder / "nginx.conf"
    config.write_text(CONFIG.format(folder=folder, root=root.resolve(), listens=listens))
    with subprocess.Popen(["nginx", "-p", folder, "-c", config], stderr=subprocess.DEVNULL) as server:
        try:
            _wait_for(addresses[-1], ports["https"])
            yield Web(addresses, ports, folder / "authorities.pem")
        finally:
            server.terminate()


def _certify(folder: Path, addresses: Sequence[str]) -> None:
    """An authority, and a certificate of two months for the addresses."""
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 60"
    authority = f"{make} -subj /CN=authority -keyout ca.key -out ca.pem"
    names = ",".join(f"IP:{address}" for address in addresses)
    site = (
        f"{make} -subj /CN=site -keyout site.key -out site.pem -CA ca.pem -CAkey ca.key "
        f"-addext subjectAltName={names} -addext basicConstraints=critical,CA:FALSE"
    )
    for command in (authority, site):
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
    system = ssl.get_default_verify_paths().cafile
    known = Path(system).read_bytes() if system else b""
    (folder / "authorities.pem").write_bytes(known + b"\n" + (folder / "ca.pem").read_bytes())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(address: str, port: int) -> None:
    for _ in range(100):
        try:
            return socket.create_connection((address, port), 1).close()
        except OSError:
            time.sleep(0.05)
    raise SystemExit(f"nginx does not answer at {address}:{port}")
