"""The TLS context of an endpoint: whom it trusts, and the certificate it shows."""

from __future__ import annotations

import os
import ssl
import tempfile
from typing import TYPE_CHECKING

import certifi

from scenarios.errors import TailgateError

if TYPE_CHECKING:
    from pathlib import Path

    from scenarios.endpoint import Endpoint

PEM = "-----BEGIN "


def context(endpoint: Endpoint) -> ssl.SSLContext:
    """Make the context that all users of an endpoint share: loading the trust store costs 20 ms of CPU.

    Raises TailgateError when the client certificate cannot be used.
    """
    made = ssl.create_default_context(cafile=None if endpoint.ca_pem else certifi.where(), cadata=endpoint.ca_pem)
    if endpoint.insecure:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if endpoint.client_cert_env:
        _show(made, endpoint.client_cert_env, endpoint.client_key_env)
    return made


def _show(made: ssl.SSLContext, cert_env: str, key_env: str | None) -> None:
    """Load the client certificate that the variables name; the messages name variables, never what they hold."""
    with tempfile.TemporaryDirectory() as folder:
        cert = _path(cert_env, folder)
        key = _path(key_env, folder) if key_env else None
        try:
            made.load_cert_chain(cert, key, password=_no_password)
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "no PEM"
            names = cert_env if key_env is None else f"{cert_env} and {key_env}"
            raise TailgateError(
                f"the client certificate in {names} cannot be used ({reason}): put the path of a PEM file, or the PEM "
                "text itself, with certificate and unencrypted private key into the variable"
            ) from None


def _path(variable: str, folder: str) -> str | Path:
    """Give the file that a variable names; PEM text goes to a file of ours alone, for OpenSSL reads files only."""
    value = os.environ.get(variable, "")
    if not value.lstrip().startswith(PEM):
        return value
    descriptor, path = tempfile.mkstemp(dir=folder)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(value)
    return path


def _no_password() -> str:
    raise ValueError("the private key is encrypted")
