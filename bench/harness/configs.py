"""The same job for every gateway, written as its own experts would: plain proxying of many routes
to one service, kept connections on both sides, no access log, no limit in the way.

Each function writes its files into a folder and returns the command that serves them.
"""

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from harness.workloads import GRPC_PATH, WEBSOCKET_PATH, prefix

KEPT_REQUESTS = 1_000_000
"""Requests on one connection before it is closed, on either side."""
IDLE_SECONDS = 300
KEPT_UPSTREAM = 1024
CONNECTIONS = 10_500


@dataclass(frozen=True)
class Talk:
    """What a gateway is to do beside HTTP/1.1 in clear text: ports, and a certificate."""

    tls: int
    h2c: int
    """HTTP/2 in clear text."""
    grpc: int
    """Of the gRPC service, which talks HTTP/2 in clear text."""
    websocket: int
    """Of the WebSocket service."""
    certificate: Path
    """The chain and the key, in one file."""

    def ports(self, plain: int) -> dict[str, int]:
        """By the names of doors."""
        return {"plain": plain, "tls": self.tls, "h2c": self.h2c}


@dataclass(frozen=True)
class Job:
    """What a gateway is to do."""

    port: int
    backend: int
    routes: range
    folder: Path
    descriptors: int
    """Files that a process may have open."""
    talk: Talk


@dataclass(frozen=True)
class Command:
    argv: list[str]
    env: dict[str, str] = field(default_factory=dict)


Writer = Callable[[Job, str], Command]


def nginx(job: Job, program: str, log: str = "access_log off;") -> Command:
    locations = "\n".join(
        f"    location {prefix(route)} {{ proxy_pass http://service; }}" for route in job.routes
    )
    user = "user root;" if os.getuid() == 0 else ""
    # Measured, not guessed: with these buffers an answer of 100 KiB costs half of what it costs with
    # the default ones, and a small POST is a little cheaper when it is not collected first.
    talk = job.talk
    file = job.folder / "nginx.conf"
    file.write_text(f"""{user}
worker_processes 1;
worker_rlimit_nofile {job.descriptors};
daemon off;
pid {job.folder}/nginx.pid;
error_log stderr error;
events {{ worker_connections {min(2 * CONNECTIONS, job.descriptors)}; }}
http {{
  {log}
  client_body_temp_path {job.folder}/body;
  proxy_temp_path {job.folder}/proxy;
  fastcgi_temp_path {job.folder}/fastcgi;
  uwsgi_temp_path {job.folder}/uwsgi;
  scgi_temp_path {job.folder}/scgi;
  tcp_nodelay on;
  keepalive_requests {KEPT_REQUESTS};
  keepalive_timeout {IDLE_SECONDS}s;
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_buffer_size 16k;
  proxy_buffers 8 32k;
  proxy_busy_buffers_size 64k;
  proxy_max_temp_file_size 0;
  proxy_request_buffering off;
  upstream service {{
    server 127.0.0.1:{job.backend};
    keepalive {KEPT_UPSTREAM};
    keepalive_requests {KEPT_REQUESTS};
    keepalive_timeout {IDLE_SECONDS}s;
  }}
  upstream grpc {{
    server 127.0.0.1:{talk.grpc};
    keepalive {KEPT_UPSTREAM};
    keepalive_requests {KEPT_REQUESTS};
    keepalive_timeout {IDLE_SECONDS}s;
  }}
  server {{
    listen 127.0.0.1:{job.port} backlog=4096;
    listen 127.0.0.1:{talk.h2c} backlog=4096 http2;
    listen 127.0.0.1:{talk.tls} backlog=4096 ssl http2;
    ssl_certificate {talk.certificate};
    ssl_certificate_key {talk.certificate};
    ssl_protocols TLSv1.2 TLSv1.3;
    http2_max_concurrent_streams 1000;
    location {GRPC_PATH} {{ grpc_pass grpc://grpc; }}
    location {WEBSOCKET_PATH} {{
      proxy_pass http://127.0.0.1:{talk.websocket};
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
    }}
{locations}
  }}
}}
""")
    return Command([program, "-p", str(job.folder), "-c", str(file), "-e", "stderr"])


def haproxy(job: Job, program: str, log: str = "") -> Command:
    talk = job.talk
    table = job.folder / "routes.map"
    table.write_text("".join(f"{prefix(route)} service\n" for route in job.routes))
    file = job.folder / "haproxy.cfg"
    file.write_text(f"""global
  nbthread 1
  maxconn {CONNECTIONS}
  fd-hard-limit {job.descriptors}
  no strict-limits
  tune.idle-pool.shared off
{log and HAPROXY_LOG}defaults
  mode http
{log}  timeout connect 5s
  timeout client {IDLE_SECONDS}s
  timeout server {IDLE_SECONDS}s
  timeout http-keep-alive {IDLE_SECONDS}s
  http-reuse always
  option splice-response
frontend door
  bind 127.0.0.1:{job.port} backlog 4096 maxconn {CONNECTIONS}
  bind 127.0.0.1:{talk.h2c} backlog 4096 maxconn {CONNECTIONS} proto h2
  bind 127.0.0.1:{talk.tls} backlog 4096 maxconn {CONNECTIONS} ssl crt {talk.certificate} alpn h2,http/1.1
  use_backend grpc if {{ path {GRPC_PATH} }}
  use_backend websocket if {{ path {WEBSOCKET_PATH} }}
  use_backend %[path,map_beg({table},none)]
backend service
  server one 127.0.0.1:{job.backend} pool-max-conn {KEPT_UPSTREAM} pool-purge-delay {IDLE_SECONDS}s
backend grpc
  server one 127.0.0.1:{talk.grpc} proto h2 pool-max-conn {KEPT_UPSTREAM} pool-purge-delay {IDLE_SECONDS}s
backend websocket
  timeout tunnel {IDLE_SECONDS}s
  server one 127.0.0.1:{talk.websocket}
backend none
  http-request return status 404
""")
    return Command([program, "-q", "-db", "-f", str(file)])


HAPROXY_LOG = "  log stdout format raw local0 info\n"
"""Lines to standard output, which the harness keeps in a file."""


def envoy(job: Job, program: str) -> Command:
    talk = job.talk
    routes = [
        {"match": {"path": GRPC_PATH}, "route": {"cluster": "grpc", "timeout": "0s"}},
        {"match": {"path": WEBSOCKET_PATH}, "route": {"cluster": "websocket", "timeout": "0s"}},
        *({"match": {"prefix": prefix(route)}, "route": {"cluster": "service", "timeout": "0s"}}
          for route in job.routes),
    ]
    manager = {
        "@type": f"{ENVOY}.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "door",
        "generate_request_id": False,
        "common_http_protocol_options": {"idle_timeout": f"{IDLE_SECONDS}s"},
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "route_config": {
            "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": routes}],
        },
        "http_filters": [{
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": f"{ENVOY}.filters.http.router.v3.Router",
                "suppress_envoy_headers": True,
            },
        }],
    }
    certificate = {"filename": str(talk.certificate)}
    secure = {
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": f"{ENVOY}.transport_sockets.tls.v3.DownstreamTlsContext",
            "common_tls_context": {
                "tls_params": {"tls_maximum_protocol_version": "TLSv1_3"},
                "tls_certificates": [{"certificate_chain": certificate, "private_key": certificate}],
                "alpn_protocols": ["h2", "http/1.1"],
            },
        },
    }
    doors = {"plain": (job.port, {}), "h2c": (talk.h2c, {}), "tls": (talk.tls, {"transport_socket": secure})}
    config = {
        "static_resources": {
            "listeners": [{
                "name": name,
                "address": _socket(port),
                "filter_chains": [{
                    "filters": [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}],
                    **more,
                }],
            } for name, (port, more) in doors.items()],
            "clusters": [
                _cluster("service", job.backend),
                _cluster("websocket", talk.websocket),
                _cluster("grpc", talk.grpc) | {"typed_extension_protocol_options": {
                    "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
                        "@type": f"{ENVOY}.upstreams.http.v3.HttpProtocolOptions",
                        "explicit_http_config": {"http2_protocol_options": {}},
                    },
                }},
            ],
        },
    }
    file = job.folder / "envoy.json"
    file.write_text(json.dumps(config))
    options = ["--concurrency", "1", "--disable-hot-restart", "--log-level", "error"]
    return Command([program, "-c", str(file), *options])


ENVOY = "type.googleapis.com/envoy.extensions"


def _cluster(name: str, port: int) -> dict:
    unlimited = {"max_connections": 100_000, "max_pending_requests": 100_000, "max_requests": 100_000}
    return {
        "name": name,
        "type": "STATIC",
        "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [unlimited]},
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{"lb_endpoints": [{"endpoint": {"address": _socket(port)}}]}],
        },
    }


def _socket(port: int) -> dict:
    return {"socket_address": {"address": "127.0.0.1", "port_value": port}}


def traefik(job: Job, program: str) -> Command:
    routers = {
        f"r{route}": {"rule": f"PathPrefix(`{prefix(route)}`)", "service": "service", "entryPoints": ["door"]}
        for route in job.routes
    }
    services = {"service": {"loadBalancer": {
        "servers": [{"url": f"http://127.0.0.1:{job.backend}"}],
        "serversTransport": "kept",
    }}}
    transports = {"kept": {"maxIdleConnsPerHost": KEPT_UPSTREAM}}
    dynamic = job.folder / "dynamic.yaml"
    dynamic.write_text(json.dumps(
        {"http": {"routers": routers, "services": services, "serversTransports": transports}}
    ))
    file = job.folder / "traefik.yaml"
    file.write_text(json.dumps({
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "log": {"level": "ERROR"},
        "entryPoints": {"door": {
            "address": f"127.0.0.1:{job.port}",
            "transport": {"respondingTimeouts": {"idleTimeout": f"{IDLE_SECONDS}s"}},
        }},
        "providers": {"file": {"filename": str(dynamic), "watch": False}},
    }))
    return Command([program, f"--configFile={file}"], {"GOMAXPROCS": "1"})


def express_gateway(job: Job, program: str) -> Command:
    names = [f"r{route}" for route in job.routes]
    endpoints = {
        name: {"host": "*", "paths": [f"{prefix(route)}*"]} for name, route in zip(names, job.routes)
    }
    (job.folder / "gateway.config.yml").write_text(json.dumps({
        "http": {"port": job.port, "hostname": "127.0.0.1"},
        "apiEndpoints": endpoints,
        "serviceEndpoints": {"service": {"url": f"http://127.0.0.1:{job.backend}"}},
        "policies": ["proxy"],
        "pipelines": {"all": {
            "apiEndpoints": names,
            "policies": [{"proxy": [{"action": {"serviceEndpoint": "service"}}]}],
        }},
    }))
    (job.folder / "system.config.yml").write_text(json.dumps({
        "db": {"redis": {"emulate": True, "namespace": "EG"}},
        "crypto": {"cipherKey": "bench", "algorithm": "aes256", "saltRounds": 10},
        "session": {"secret": "bench", "resave": False, "saveUninitialized": False},
        "accessTokens": {"timeToExpiry": 7_200_000},
        "refreshTokens": {"timeToExpiry": 7_200_000},
        "authorizationCodes": {"timeToExpiry": 300_000},
    }))
    # The data models of users and credentials are part of the program, but looked for here.
    (job.folder / "models").symlink_to(Path(program) / "lib/config/models")
    start = f"require({json.dumps(program)})().load({json.dumps(str(job.folder))}).run()"
    env = {"NODE_ENV": "production", "LOG_LEVEL": "error", "EG_DISABLE_CONFIG_WATCH": "true"}
    return Command(["node", "-e", start], env)


def relay(job: Job, program: str) -> Command:
    return Command([program, f"127.0.0.1:{job.port}", f"127.0.0.1:{job.backend}"])


UNWATCHED = "access_log: {to: off}\nstatus: {address: off}"


def yumen(job: Job, program: str, watch: str = UNWATCHED) -> Command:
    routes = "\n".join(
        f"      - {{name: r{route}, match: {{paths: [\"{prefix(route)}*\"]}}}}" for route in job.routes
    )
    talk = job.talk
    kept = (
        f"limits: {{requests_per_connection: {KEPT_REQUESTS}, connections_per_client: 20000}}, "
        f"timeouts: {{keep_alive: {IDLE_SECONDS}s}}"
    )
    file = job.folder / "yumen.yaml"
    file.write_text(f"""{watch}
listeners:
  - {{name: door, address: "127.0.0.1:{job.port}", {kept}}}
  - {{name: h2c, address: "127.0.0.1:{talk.h2c}", {kept}}}
  - name: tls
    address: 127.0.0.1:{talk.tls}
    tls: {{certificates: [{{certificate: "${{file:{talk.certificate}}}", key: "${{file:{talk.certificate}}}"}}]}}
    limits: {{requests_per_connection: {KEPT_REQUESTS}, connections_per_client: 20000}}
    timeouts: {{keep_alive: {IDLE_SECONDS}s}}
services:
  - name: grpc
    url: http://127.0.0.1:{talk.grpc}
    protocol: http2
    routes: [{{name: grpc, match: {{paths: ["{GRPC_PATH}"]}}}}]
  - name: websocket
    url: http://127.0.0.1:{talk.websocket}
    routes: [{{name: websocket, match: {{paths: ["{WEBSOCKET_PATH}"]}}}}]
  - name: service
    url: http://127.0.0.1:{job.backend}
    pool:
      idle: {KEPT_UPSTREAM}
      idle_timeout: {IDLE_SECONDS}s
      requests_per_connection: {KEPT_REQUESTS}
    routes:
{routes}
""")
    return Command([program, "run", str(file), "--workers", "1"])
