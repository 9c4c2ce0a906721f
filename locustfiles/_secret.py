"""The secret that a master and its workers share, and when there must be one."""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import os
import sys
from functools import cache
from typing import NoReturn

from scenarios.errors import ExitCode, TailgateError

VARIABLE = "TAILGATE_SECRET"
MIN_LENGTH = 16
"""Characters: what is captured on the wire can be tried against guesses for ever."""


def key_for(host: str, what: str) -> bytes | None:
    """Give the key of 32 bytes, None where none is set and `host` is this machine. Raises TailgateError.

    `what` says in the message who is at `host`, such as "--master-bind-host 10.0.0.1".
    """
    secret = os.environ.get(VARIABLE, "")
    if not secret and not is_loopback(host):
        raise TailgateError(
            f"{what}: {VARIABLE} is not set; give the master and its workers the same {VARIABLE} in their environment, "
            "for anyone who reaches the port could else take part in the run"
        )
    if secret and len(secret) < MIN_LENGTH:
        raise TailgateError(f"{VARIABLE} has {len(secret)} characters: use {MIN_LENGTH} or more, drawn at random")
    return _stretched(secret) if secret else None


def key_or_exit(host: str, what: str) -> bytes | None:
    """Give the key as `key_for` does; end the process with its complaint."""
    try:
        return key_for(host, what)
    except TailgateError as error:
        exit_with(str(error))


def exit_with(message: str) -> NoReturn:
    """End the process over a mistake that a person can mend."""
    sys.stderr.write(f"{message}\n")
    sys.exit(int(ExitCode.USAGE))


@cache
def _stretched(secret: str) -> bytes:
    """Make each guess at the secret cost 50 ms and 16 MB (scrypt, RFC 7914)."""
    return hashlib.scrypt(secret.encode(), salt=b"tailgate/1", n=2**14, r=8, p=1, dklen=32)


def derive(key: bytes, purpose: str) -> bytes:
    """Give 32 bytes for one purpose; those for another tell nothing of them."""
    return hmac.digest(key, purpose.encode(), "sha256")


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches `host`."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
