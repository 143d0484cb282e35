"""What went wrong with Redis, in words that say what to do, and never hold a password."""

from __future__ import annotations

from redis import exceptions as errors


class NoTokenError(errors.AuthenticationError):
    """Microsoft Entra ID gave no token that says who it is for."""

    def __init__(self) -> None:
        super().__init__("Microsoft Entra ID gave no token for Redis")


LOST = (
    errors.ConnectionError,
    errors.TimeoutError,
    errors.ClusterDownError,
    errors.ReadOnlyError,
    TimeoutError,
)
"""After one of these, another node of a cluster may have what was asked for."""
FAILED = (
    errors.RedisError,
    errors.RedisClusterException,
    OSError,
    TimeoutError,
    # redis-py 8.1, in a cluster, where it closes a connection that a request has just taken.
    AttributeError,
)
"""All that redis-py raises, or that a request may end with."""
_RIGHTS = "Redis has not given the user of the store's URL all rights that it needs"

_REASONS: tuple[tuple[tuple[type[BaseException], ...], str], ...] = (
    (
        (errors.AuthenticationError, errors.AuthenticationWrongNumberOfArgsError),
        "Redis refused the user name, password or token of the store's URL",
    ),
    ((errors.NoPermissionError,), _RIGHTS),
    ((errors.OutOfMemoryError,), "Redis is out of memory: its maxmemory is reached"),
    ((errors.BusyLoadingError,), "Redis is reading its data after a start"),
    ((errors.ReadOnlyError,), "this Redis is a replica, which cannot be written to"),
    ((errors.ConnectionError, OSError, AttributeError), "no connection to Redis"),
)


def reason(error: BaseException, *, is_cluster: bool, timeout_ms: int) -> str:
    if isinstance(error, (errors.TimeoutError, TimeoutError)):
        return f"Redis did not answer within {timeout_ms} ms"
    if isinstance(error, NoTokenError):
        return str(error)
    if isinstance(error, errors.MovedError) and not is_cluster:
        return "Redis is a cluster: add cluster=true to the query of the store's URL"
    if "user executing the script can't run" in str(error):
        return _RIGHTS
    known = (text for kinds, text in _REASONS if isinstance(error, kinds))
    return next(known, f"Redis: {error}")
