"""A seal on each message between master and worker: who does not know the secret can neither write nor repeat one.

Layout: number (8 bytes, growing), HMAC-SHA256 (32 bytes) of number, address and content, content. The address is the
worker's identity and the direction, so that a message sent to one is of no use to another.
"""

from __future__ import annotations

import hmac
import time

NUMBER_BYTES = 8
MAC_BYTES = 32
TO_MASTER, TO_WORKER = b"m", b"w"


class BrokenSealError(Exception):
    """A message that nobody with the secret has written, or one that came before."""


class Seal:
    """Seals what this process sends and opens what it receives."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._number = time.time_ns()  # larger than any that an earlier process of the same name has used
        self._highest: dict[bytes, int] = {}

    def close(self, address: bytes, content: bytes) -> bytes:
        """Give `content` with a seal."""
        self._number += 1
        number = self._number.to_bytes(NUMBER_BYTES, "big")
        return number + self._mac(number, address, content) + content

    def open(self, address: bytes, data: bytes) -> bytes:
        """Give the content. Raises BrokenSealError."""
        number, mac = data[:NUMBER_BYTES], data[NUMBER_BYTES : NUMBER_BYTES + MAC_BYTES]
        content = data[NUMBER_BYTES + MAC_BYTES :]
        if not hmac.compare_digest(mac, self._mac(number, address, content)):
            raise BrokenSealError("it bears no seal of ours")
        value = int.from_bytes(number, "big")
        if value <= self._highest.get(address, 0):
            raise BrokenSealError("it came before")
        self._highest[address] = value
        return content

    def _mac(self, number: bytes, address: bytes, content: bytes) -> bytes:
        return hmac.digest(self._key, b"%s%d:%s%s" % (number, len(address), address, content), "sha256")
