"""A transport that writes once per iteration of the event loop, and knows how much it wrote."""

from __future__ import annotations

import asyncio
from typing import Any

LINGER_SECONDS = 1.0
MAX_LINGER_BYTES = 1024 * 1024


class CoalescingTransport:
    """Buffers writes until the event loop's next iteration."""

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()
        self._buffer: list[bytes] = []
        self._written_bytes = 0
        # Called once per response: found here, not by __getattr__, which takes longer.
        self.is_closing = transport.is_closing

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the operating system has not taken yet, because the client does not read."""
        return self._transport.get_write_buffer_size()

    @property
    def sent_bytes(self) -> int:
        """Bytes that the operating system has taken since the connection was made."""
        return self._written_bytes - self.unsent_bytes

    def write(self, data: bytes) -> None:
        if not self._buffer:
            self._loop.call_soon(self._flush)
        self._buffer.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def close_gently(self, protocol: asyncio.BaseProtocol) -> None:
        """Close once the client has, within LINGER_SECONDS: it may still be sending.

        To close with unread bytes would reset the connection, and could lose the last response.
        `protocol` receives nothing more but `connection_lost`.
        """
        self._flush()
        self._transport.write_eof()
        self._transport.set_protocol(_Lingering(protocol, self._transport))

    def _flush(self) -> None:
        if self._buffer:
            data = b"".join(self._buffer)
            self._buffer.clear()
            if self.is_closing():  # lost since `write`; uvloop would raise
                return
            self._written_bytes += len(data)
            self._transport.write(data)


class _Lingering(asyncio.Protocol):
    """Discards what a client sends until it closes the connection."""

    def __init__(self, protocol: asyncio.BaseProtocol, transport: asyncio.Transport) -> None:
        self._protocol, self._transport = protocol, transport
        self._left_bytes = MAX_LINGER_BYTES
        self._timer = asyncio.get_running_loop().call_later(LINGER_SECONDS, transport.abort)

    def data_received(self, data: bytes) -> None:
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._timer.cancel()
        self._protocol.connection_lost(exc)
