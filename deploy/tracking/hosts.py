"""The names under which the server answers, with and without the port, and its pages' origins."""

from __future__ import annotations

from deploy.tracking.settings import ServerSettings

LOOPBACK = ("localhost", "127.0.0.1")


def allowed_origins(settings: ServerSettings) -> str:
    """The value of MLFLOW_SERVER_CORS_ALLOWED_ORIGINS: the server's own pages, behind TLS.

    Browsers name the origin in each POST, also of a page to its own server, and MLflow refuses all
    but those of loopback.
    """
    return ",".join(f"https://{name}" for name in _names(settings))


def _names(settings: ServerSettings) -> list[str]:
    return [name.strip() for name in settings.hosts.split(",") if name.strip()]


def allowed_hosts(settings: ServerSettings) -> str:
    """The value of MLFLOW_SERVER_ALLOWED_HOSTS.

    It replaces MLflow's default, which lets every name pass that begins like a private address,
    such as `10.evil.example`; and it compares with the port, which a client sends unless it is the
    scheme's own.
    """
    names = _names(settings)
    if settings.pod_ip:
        names.append(f"[{settings.pod_ip}]" if ":" in settings.pod_ip else settings.pod_ip)
    allowed: list[str] = []
    for name in (*LOOPBACK, *names):
        has_port = ":" in name.rpartition("]")[2]
        allowed += [name] if has_port else [name, f"{name}:{settings.port}"]
    return ",".join(dict.fromkeys(allowed))
