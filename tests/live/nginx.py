"""A real nginx in front of Odoo, as operators run it."""

import contextlib
import json
import os
import socket
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.live.debian import obtain

HOST = "127.0.0.1"
BASIC_USER = "gate"
BASIC_PASSWORD = "gate-Secret-1"
RETRY_AFTER_SECONDS = 1
STOP_SECONDS = 10
SERVERS = ("https", "http", "basic", "redirect", "limited")

CONFIG = """
daemon off;
worker_processes 1;
{user}
pid {prefix}/nginx.pid;
error_log {prefix}/error.log;
events {{}}
http {{
  log_format entries escape=json '{{"server": "$server_name", "connection": $connection, '
    '"connection_requests": $connection_requests, "request": "$request", "status": $status}}';
  access_log {prefix}/access.log entries;
  client_body_temp_path {prefix}/body;
  proxy_temp_path {prefix}/proxy;
  fastcgi_temp_path {prefix}/fastcgi;
  uwsgi_temp_path {prefix}/uwsgi;
  scgi_temp_path {prefix}/scgi;
  client_max_body_size 64m;
  keepalive_timeout 65s;
  proxy_read_timeout {read_timeout}s;
  proxy_set_header Host $http_host;
  proxy_set_header X-Forwarded-Host $http_host;
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  proxy_set_header X-Forwarded-Proto $scheme;
  upstream up {{ server {upstream}; }}
  limit_req_zone $server_name zone=limited:1m rate={rate}r/s;
  limit_req_status 429;
  map $status $retry_after {{ 429 {retry_after}; default ""; }}

  server {{
    server_name https;
    listen {https} ssl;
    ssl_certificate {prefix}/server.pem;
    ssl_certificate_key {prefix}/server.pem;
    location / {{ proxy_pass http://up; }}
    location /prefix/ {{ proxy_pass http://up/; }}
  }}
  server {{
    server_name http;
    listen {http};
    location / {{ proxy_pass http://up; }}
    location /prefix/ {{ proxy_pass http://up/; }}
    location = /log-is-written {{ access_log off; return 204; }}
  }}
  server {{
    server_name basic;
    listen {basic};
    auth_basic "Staff only";
    auth_basic_user_file {prefix}/users;
    location / {{ proxy_pass http://up; }}
  }}
  server {{
    server_name redirect;
    listen {redirect};
    return 301 {https_url}$request_uri;
  }}
  server {{
    server_name limited;
    listen {limited};
    limit_req zone=limited burst={burst} nodelay;
    add_header Retry-After $retry_after always;
    location / {{ proxy_pass http://up; }}
  }}
}}
"""


@dataclass(frozen=True, slots=True)
class LogEntry:
    """One request: the server it came to (of SERVERS), its TCP connection, its place on it."""

    server: str
    connection: int
    connection_requests: int
    request: str
    status: int


@dataclass(frozen=True, slots=True)
class Nginx:
    """A running nginx; URLs end without a slash."""

    https_url: str
    http_url: str
    prefix_url: str
    https_prefix_url: str
    basic_url: str
    redirect_url: str
    limited_url: str
    ca_file: Path
    prefix: Path

    def access_log(self) -> list[LogEntry]:
        """Read what was requested so far."""
        # An answer may arrive before its line is written; one more answer comes after that line.
        with _opener().open(f"{self.http_url}/log-is-written", timeout=STOP_SECONDS):
            lines = (self.prefix / "access.log").read_text(encoding="utf-8").splitlines()
        return [LogEntry(**json.loads(line)) for line in lines]


def _opener() -> urllib.request.OpenerDirector:
    return urllib.request.build_opener(urllib.request.ProxyHandler({}))


@contextlib.contextmanager
def nginx(
    upstream: str,
    *,
    read_timeout_seconds: int = 120,
    requests_per_second: int = 1,
    burst: int = 4,
) -> Iterator[Nginx]:
    """Run nginx in front of `upstream` (such as `http://127.0.0.1:8069`).

    `limited_url` passes `burst` + 1 requests at once, then answers 429 with Retry-After until
    `requests_per_second` makes room. Raises RuntimeError when nginx cannot be obtained or started.
    """
    binary = obtain("nginx", "usr/sbin/nginx")
    with contextlib.ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="remote-mailcfg-nginx-"))
        prefix = Path(directory)
        # nginx takes over listening sockets named in NGINX: ports are free, and open from now on.
        sockets = [stack.enter_context(socket.create_server((HOST, 0))) for _ in SERVERS]
        ports = [listening.getsockname()[1] for listening in sockets]
        addresses = {name: f"{HOST}:{port}" for name, port in zip(SERVERS, ports, strict=True)}
        urls = {name: f"http://localhost:{port}" for name, port in zip(SERVERS, ports, strict=True)}
        urls["https"] = urls["https"].replace("http:", "https:")
        ca = trustme.CA()
        ca.cert_pem.write_to_path(prefix / "ca.pem")
        ca.issue_cert("localhost", HOST).private_key_and_cert_chain_pem.write_to_path(
            prefix / "server.pem"
        )
        (prefix / "users").write_text(f"{BASIC_USER}:{{PLAIN}}{BASIC_PASSWORD}\n")
        (prefix / "nginx.conf").write_text(
            CONFIG.format(
                prefix=prefix,
                user="user root;" if os.geteuid() == 0 else "",  # the directory is its owner's
                upstream=upstream.removeprefix("http://").rstrip("/"),
                https_url=urls["https"],
                read_timeout=read_timeout_seconds,
                rate=requests_per_second,
                burst=burst,
                retry_after=RETRY_AFTER_SECONDS,
                **addresses,
            )
        )
        numbers = [listening.fileno() for listening in sockets]
        process = subprocess.Popen(
            [binary, "-p", prefix, "-c", prefix / "nginx.conf", "-e", prefix / "error.log"],
            env={"NGINX": "".join(f"{number};" for number in numbers)},
            pass_fds=numbers,
        )
        stack.callback(_stop, process)
        for listening in sockets:
            listening.close()
        running = Nginx(
            https_url=urls["https"],
            http_url=urls["http"],
            prefix_url=urls["http"] + "/prefix",
            https_prefix_url=urls["https"] + "/prefix",
            basic_url=urls["basic"],
            redirect_url=urls["redirect"],
            limited_url=urls["limited"],
            ca_file=prefix / "ca.pem",
            prefix=prefix,
        )
        try:
            running.access_log()  # waits for the first answer
        except OSError as error:
            log = (prefix / "error.log").read_text(encoding="utf-8")
            raise RuntimeError(f"nginx did not start: {log}") from error
        yield running


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.wait(STOP_SECONDS)
