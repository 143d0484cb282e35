"""A stand-in for a cluster's API server, which stores what the real kubectl and helm send.

Every resource is ready at once and nothing runs. It knows the types of TYPES, applies patches by
merging, and judges nothing: no schemas, no admission, no rights.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import yaml

from tests.ansible.protobuf import MAGIC, read_secret

Resource = dict[str, Any]
Types = dict[str, tuple[str, bool]]
"""Name in URLs → kind, and whether it is in a namespace."""
NAMESPACED = True
TYPES: dict[str, Types] = {
    "v1": {
        "configmaps": ("ConfigMap", NAMESPACED),
        "namespaces": ("Namespace", False),
        "persistentvolumeclaims": ("PersistentVolumeClaim", NAMESPACED),
        "pods": ("Pod", NAMESPACED),
        "secrets": ("Secret", NAMESPACED),
        "serviceaccounts": ("ServiceAccount", NAMESPACED),
        "services": ("Service", NAMESPACED),
    },
    "apps/v1": {
        "deployments": ("Deployment", NAMESPACED),
        "replicasets": ("ReplicaSet", NAMESPACED),
    },
    "autoscaling/v2": {"horizontalpodautoscalers": ("HorizontalPodAutoscaler", NAMESPACED)},
    "azmonitoring.coreos.com/v1": {"podmonitors": ("PodMonitor", NAMESPACED)},
    "batch/v1": {"cronjobs": ("CronJob", NAMESPACED), "jobs": ("Job", NAMESPACED)},
    "gateway.networking.k8s.io/v1": {
        "gatewayclasses": ("GatewayClass", False),
        "gateways": ("Gateway", NAMESPACED),
        "httproutes": ("HTTPRoute", NAMESPACED),
    },
    "networking.k8s.io/v1": {"networkpolicies": ("NetworkPolicy", NAMESPACED)},
    "policy/v1": {"poddisruptionbudgets": ("PodDisruptionBudget", NAMESPACED)},
    "secrets-store.csi.x-k8s.io/v1": {"secretproviderclasses": ("SecretProviderClass", NAMESPACED)},
    "storage.k8s.io/v1": {"csidrivers": ("CSIDriver", False)},
}
GATEWAY_API = "gateway.networking.k8s.io/v1"
GATEWAY_CLASS = f"/apis/{GATEWAY_API}/gatewayclasses/approuting-istio"
SWITCH_ON = "/gateway-api"
"""Where the stand-in for `az aks update` posts to."""


@dataclass
class Cluster:
    """Its resources by path, such as `/api/v1/namespaces/fraud`, and the requests that changed it.

    It comes without the Gateway API.
    """

    types: dict[str, Types] = field(
        default_factory=lambda: {name: TYPES[name] for name in TYPES if name != GATEWAY_API}
    )
    resources: dict[str, Resource] = field(default_factory=dict)
    changes: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def switch_on_gateway_api(self) -> None:
        self.types[GATEWAY_API] = TYPES[GATEWAY_API]
        self.put(GATEWAY_CLASS, {})

    def put(self, path: str, resource: Resource) -> Resource:
        """Store a resource as if its controller had finished with it."""
        version, _, kind = self.place(path)
        metadata = resource.setdefault("metadata", {})
        metadata["name"] = path.rpartition("/")[2]
        metadata.setdefault("uid", f"uid-of-{metadata['name']}")
        metadata.setdefault("creationTimestamp", "2026-11-28T00:00:00Z")
        metadata["generation"] = metadata.get("generation", 0) + 1
        metadata["resourceVersion"] = str(1 + int(metadata.get("resourceVersion", "0")))
        resource |= {"apiVersion": version, "kind": kind}
        if kind in READY:
            resource["status"] = {
                "observedGeneration": metadata["generation"],
                **READY[kind](resource),
            }
        self.resources[path] = resource
        return resource

    def remove(self, path: str) -> Resource:
        return self.resources.pop(path)

    def log(self, _pod: str) -> bytes:
        """What a pod has written; the request waits until it has ended."""
        return b"the head answers\n"

    def place(self, path: str) -> tuple[str, str, str]:
        """apiVersion, the type's name in URLs and its kind. Raises KeyError for an unknown type."""
        parts = path.strip("/").split("/")
        version = parts[1] if parts[0] == "api" else "/".join(parts[1:3])
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        name = rest[2] if rest[0] == "namespaces" and len(rest) > 2 else rest[0]
        return version, name, self.types[version][name][0]

    def is_item(self, path: str) -> bool:
        parts = path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        return len(rest) in (2, 4)

    def listed(self, path: str, selector: str) -> list[Resource]:
        labels = dict(part.split("=", 1) for part in selector.split(",") if "=" in part)
        return [
            resource
            for key, resource in self.resources.items()
            if key.rpartition("/")[0] == path
            and labels.items() <= resource["metadata"].get("labels", {}).items()
        ]


def _deployment(resource: Resource) -> Resource:
    count = resource["spec"].get("replicas", 1)
    return {
        **dict.fromkeys(
            ("replicas", "readyReplicas", "updatedReplicas", "availableReplicas"), count
        ),
        "conditions": [{"type": "Available", "status": "True"}],
    }


READY: dict[str, Callable[[Resource], Resource]] = {
    "Deployment": _deployment,
    "Job": lambda _: {"succeeded": 1, "conditions": [{"type": "Complete", "status": "True"}]},
    "Namespace": lambda _: {"phase": "Active"},
    "PersistentVolumeClaim": lambda _: {"phase": "Bound"},
    "Pod": lambda _: {"phase": "Succeeded", "conditions": [{"type": "Ready", "status": "True"}]},
    "PodDisruptionBudget": lambda _: {"currentHealthy": 3, "desiredHealthy": 1},
}


def merged(old: Any, patch: Any) -> Any:
    """A JSON merge patch (RFC 7396)."""
    if not isinstance(patch, dict):
        return patch
    old = old if isinstance(old, dict) else {}
    return {
        key: merged(old.get(key), patch[key]) if key in patch else old[key]
        for key in {**old, **patch}
        if patch.get(key, "") is not None
    }


def _groups(versions: Iterable[str]) -> list[Resource]:
    return [
        {"name": name.partition("/")[0], "versions": [entry], "preferredVersion": entry}
        for name in sorted(versions)
        for entry in [{"groupVersion": name, "version": name.partition("/")[2]}]
    ]


def _resources(version: str, types: Types) -> Resource:
    verbs = ["create", "delete", "get", "list", "patch", "update", "watch"]
    resources = [
        {"name": name, "singularName": kind.lower(), "namespaced": namespaced, "kind": kind}
        for name, (kind, namespaced) in types.items()
    ]
    return {
        "kind": "APIResourceList",
        "groupVersion": version,
        "resources": [{**resource, "verbs": verbs} for resource in resources],
    }


def _openapi_addresses(versions: Iterable[str]) -> Resource:
    paths = [f"apis/{version}" if "/" in version else f"api/{version}" for version in versions]
    return {path: {"serverRelativeURL": f"/openapi/v3/{path}"} for path in paths}


def _openapi(version: str, types: Types) -> Resource:
    """That a patch of each kind may be tried (dryRun), and is validated by the server."""
    group, _, name = version.rpartition("/")
    parameters = [{"name": name, "in": "query"} for name in ("dryRun", "fieldValidation")]
    paths = {
        f"/{kind}": {
            "patch": {
                "parameters": parameters,
                "x-kubernetes-action": "patch",
                "x-kubernetes-group-version-kind": {"group": group, "version": name, "kind": kind},
            }
        }
        for kind, _ in types.values()
    }
    return {"openapi": "3.0.0", "info": {"title": "Kubernetes", "version": "v1"}, "paths": paths}


class _Handler(BaseHTTPRequestHandler):
    cluster: Cluster
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        cluster, path = self.cluster, url.path
        if discovered := self._discovery(path):
            self._answer(discovered)
        elif path.endswith("/log"):
            self._send(200, cluster.log(path.split("/")[-2]), "text/plain")
        elif not self._known(path):
            self._status(404, "NotFound", "the server could not find the requested resource")
        elif cluster.is_item(path):
            if path in cluster.resources:
                self._answer(cluster.resources[path])
            else:
                self._not_found(path)
        else:
            self._list(path, query)

    def _list(self, path: str, query: dict[str, str]) -> None:
        items = self.cluster.listed(path, query.get("labelSelector", ""))
        if name := query.get("fieldSelector", "").removeprefix("metadata.name="):
            items = [item for item in items if item["metadata"]["name"] == name]
        version, _, kind = self.cluster.place(path)
        if "watch" in query:
            self._watch(items if query.get("sendInitialEvents") == "true" else [], version, kind)
        else:
            kinds = {"kind": f"{kind}List", "apiVersion": version}
            self._answer({**kinds, "metadata": {"resourceVersion": "1"}, "items": items})

    def do_POST(self) -> None:
        if self.path == SWITCH_ON:
            self.cluster.switch_on_gateway_api()
            self._answer({})
            return
        body = self._body()
        path = f"{urlsplit(self.path).path}/{body.get('metadata', {}).get('name', '')}"
        if not self._known(path):
            self._status(404, "NotFound", "the server could not find the requested resource")
        elif path in self.cluster.resources:
            self._status(409, "AlreadyExists", f"{path} already exists")
        elif self._namespace_is_there(path):
            self._store(path, body, 201)

    def do_PUT(self) -> None:
        self._store(urlsplit(self.path).path, self._body())

    def do_PATCH(self) -> None:
        path, body = urlsplit(self.path).path, self._body()
        if self._namespace_is_there(path):
            created = path not in self.cluster.resources
            old = json.loads(json.dumps(self.cluster.resources.get(path, {})))
            self._store(path, merged(old, body), 201 if created else 200)

    def do_DELETE(self) -> None:
        path = urlsplit(self.path).path
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if path not in self.cluster.resources:
            self._not_found(path)
        else:
            self.cluster.changes.append(f"DELETE {path}")
            self._answer(self.cluster.remove(path))

    def _body(self) -> Any:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        return read_secret(body) if body.startswith(MAGIC) else yaml.safe_load(body)

    def _known(self, path: str) -> bool:
        try:
            self.cluster.place(path)
        except (KeyError, IndexError):
            return False
        return True

    def _store(self, path: str, resource: Resource, status: int = 200) -> None:
        if "dryRun=All" in self.path:
            self._answer(resource, status)
            return
        with self.cluster.lock:
            self.cluster.changes.append(f"{self.command} {path}")
            self._answer(self.cluster.put(path, resource), status)

    def _namespace_is_there(self, path: str) -> bool:
        parts = path.split("/namespaces/")
        if len(parts) == 1 or "/" not in parts[1]:
            return True
        name = parts[1].split("/")[0]
        if f"/api/v1/namespaces/{name}" in self.cluster.resources:
            return True
        self._status(404, "NotFound", f'namespaces "{name}" not found')
        return False

    def _watch(self, items: list[Resource], version: str, kind: str) -> None:
        """The resources as they are; nothing changes later."""
        events = [{"type": "ADDED", "object": item} for item in items]
        bookmark = {"annotations": {"k8s.io/initial-events-end": "true"}, "resourceVersion": "1"}
        end = {"kind": kind, "apiVersion": version, "metadata": bookmark}
        events.append({"type": "BOOKMARK", "object": end})
        body = "".join(json.dumps(event) + "\n" for event in events).encode()
        self.close_connection = True
        self._send(200, body, "application/json")

    def _discovery(self, path: str) -> Resource | None:
        """What the cluster knows; None where the path is not about that."""
        versions = self.cluster.types
        version = path.removeprefix("/openapi/v3").removeprefix("/apis/").removeprefix("/api/")
        if version in versions:
            describe = _openapi if path.startswith("/openapi") else _resources
            return describe(version, versions[version])
        answers: dict[str, Resource] = {
            "/version": {"major": "1", "minor": "37", "gitVersion": "v1.37.0"},
            "/api": {"kind": "APIVersions", "versions": ["v1"]},
            "/apis": {"kind": "APIGroupList", "groups": _groups(versions.keys() - {"v1"})},
            "/openapi/v3": {"paths": _openapi_addresses(versions)},
        }
        return answers.get(path)

    def _not_found(self, path: str) -> None:
        _, name, _ = self.cluster.place(path)
        self._status(404, "NotFound", f'{name} "{path.rpartition("/")[2]}" not found')

    def _status(self, code: int, reason: str, message: str) -> None:
        status = {"status": "Failure", "reason": reason, "message": message, "code": code}
        self._answer({"kind": "Status", "apiVersion": "v1", **status}, code)

    def _answer(self, value: Any, status: int = 200) -> None:
        self._send(status, json.dumps(value).encode(), "application/json")

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def api_server(cluster: Cluster) -> Iterator[str]:
    """Serve it at a free port of this machine until the end of the block; yields the URL."""
    handler = type("Handler", (_Handler,), {"cluster": cluster})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def kubeconfig(url: str, current: str = "fraud") -> str:
    """The text of a kubeconfig with the context `fraud`, which is this server as some user."""
    named = {"name": "fraud"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": current,
        "clusters": [{**named, "cluster": {"server": url}}],
        "users": [{**named, "user": {"token": "a token"}}],
        "contexts": [{**named, "context": {"cluster": "fraud", "user": "fraud"}}],
    }
    return yaml.safe_dump(config)
