"""Web servers as forward proxies: Apache with CONNECT, nginx and HAProxy for plain HTTP only."""

from __future__ import annotations

import typing

from .apache import module_lines
from .nginx import user_directive
from .process import Address, Server, free_port, launch, workspace
from .requirement import require

__all__ = ["ForwardProxy", "apache_forward", "haproxy_forward", "nginx_forward"]

APACHE = """\
ServerName localhost
ServerRoot {directory}
PidFile {directory}/httpd.pid
DefaultRuntimeDir {directory}
Mutex posixsem
ErrorLog /dev/stderr
{modules}
<IfModule unixd_module>
    User nobody
    Group nogroup
</IfModule>
ServerLimit 2
ThreadsPerChild 64
ThreadLimit 64
MaxRequestWorkers 128
MaxKeepAliveRequests 0
Listen 127.0.0.1:{port}
ProxyRequests On
AllowCONNECT 0-65535
ProxyVia Off
"""

NGINX = """\
{user}
daemon off;
worker_processes 1;
pid {directory}/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path {directory}/body;
    proxy_temp_path {directory}/proxy;
    fastcgi_temp_path {directory}/fastcgi;
    uwsgi_temp_path {directory}/uwsgi;
    scgi_temp_path {directory}/scgi;
    client_max_body_size 0;
    keepalive_requests 100000;
    server {{
        listen 127.0.0.1:{port};
        location / {{
            proxy_pass http://$http_host$request_uri;
            proxy_http_version 1.1;
            proxy_request_buffering off;
            proxy_set_header Host $http_host;
        }}
    }}
}}
"""

HAPROXY = """\
global
    maxconn 1000
    nbthread 1
defaults
    mode http
    timeout connect 10s
    timeout client 30s
    timeout server 30s
frontend forward
    bind 127.0.0.1:{port}
    http-request set-dst url_ip
    http-request set-dst-port url_port
    http-request set-uri %[pathq]
    default_backend anywhere
backend anywhere
    server clear 0.0.0.0:0
"""


class ForwardProxy:
    """One of the above, running; `tunnels` is whether it understands CONNECT."""

    def __init__(self, name: str, *, tunnels: bool, command: typing.Callable[[str, int], typing.List[str]]):
        self.name = name
        self.tunnels = tunnels
        self.port = 0
        directory = workspace(name)

        def prepare() -> typing.Tuple[typing.List[str], typing.List[Address]]:
            self.port = free_port()
            return command(str(directory), self.port), [("127.0.0.1", self.port)]

        self.server: Server = launch(prepare, directory)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self.server.stop()


def apache_forward() -> ForwardProxy:
    program = require("apache2", "httpd")
    modules = module_lines()

    def command(directory: str, port: int) -> typing.List[str]:
        path = f"{directory}/httpd.conf"
        _write(path, APACHE.format(directory=directory, port=port, modules=modules))
        return [program, "-d", directory, "-f", path, "-DFOREGROUND"]

    return ForwardProxy("apache-forward", tunnels=True, command=command)


def nginx_forward() -> ForwardProxy:
    program = require("nginx")

    def command(directory: str, port: int) -> typing.List[str]:
        path = f"{directory}/nginx.conf"
        _write(path, NGINX.format(directory=directory, port=port, user=user_directive()))
        return [program, "-p", directory, "-c", path]

    return ForwardProxy("nginx-forward", tunnels=False, command=command)


def haproxy_forward() -> ForwardProxy:
    program = require("haproxy")

    def command(directory: str, port: int) -> typing.List[str]:
        path = f"{directory}/haproxy.cfg"
        _write(path, HAPROXY.format(port=port))
        return [program, "-db", "-f", path]

    return ForwardProxy("haproxy-forward", tunnels=False, command=command)


def _write(path: str, text: str) -> None:
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
