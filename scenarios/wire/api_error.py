"""Error bodies, in the shapes that servers send them."""

from __future__ import annotations

import json
import re
from typing import Any

from scenarios.wire.json_value import parse
from scenarios.wire.protocol import ApiError

MESSAGE_CHARACTERS = 1000
_SECRET = re.compile(r"\b((?:sk|gsk|pk|xai|key)[-_]|Bearer\s+)[\w\-*.]{6,}")


def parse_error(body: bytes) -> ApiError:
    """Read an error body: JSON in any provider's shape, otherwise the start of its text. Keys in it are masked."""
    text = body.decode("utf-8", "replace").strip()
    value = parse(body)
    return find_error(value, certain=True) or ApiError(message=_shortened(text))


def find_error(value: object, *, certain: bool = False) -> ApiError | None:
    """Give the error that a JSON value states, or None.

    `certain`: the value is known to be an error, so a bare `message` or `detail` is enough.
    """
    if isinstance(value, list) and value:
        return find_error(value[0], certain=certain)  # Gemini wraps its error in an array
    if not isinstance(value, dict):
        return _from_text(value) if certain else None
    inner = value.get("error")
    if isinstance(inner, dict):
        return _from_object(inner)
    if inner:
        return _from_object({"message": inner, "type": value.get("error_type")})
    if certain or value.get("object") == "error" or value.get("type") == "error":
        return _from_object(value)
    return None


def _from_text(value: object) -> ApiError | None:
    return ApiError(message=_shortened(value)) if isinstance(value, str) else None


def _from_object(error: dict[str, Any]) -> ApiError:
    details = error.get("details")
    words = (_detail_code(details), error.get("code"), error.get("status"), error.get("type"), error.get("__type"))
    stated = [str(word) for word in words if isinstance(word, str | int) and not isinstance(word, bool) and word != ""]
    telling = [word for word in stated if not word.isdecimal()]
    message = next((error[key] for key in ("message", "Message", "detail", "msg") if error.get(key)), "")
    kind = _quota_names(details) or error.get("type") or error.get("status") or ""
    return ApiError(
        code=_shortened((telling or stated or [""])[0]),
        message=_shortened(message if isinstance(message, str) else json.dumps(message)),
        kind=_shortened(kind if isinstance(kind, str) else ""),
    )


def _detail_code(details: object) -> object:
    """Anthropic names a spend limit only in `details.error_code`."""
    return details.get("error_code") if isinstance(details, dict) else None


def _quota_names(details: object) -> str:
    """Google names the window of the exhausted quota only in `details[].violations[].quotaId`."""
    if not isinstance(details, list):
        return ""
    violations = [detail.get("violations") for detail in details if isinstance(detail, dict)]
    names = [
        item.get("quotaId")
        for group in violations
        if isinstance(group, list)
        for item in group
        if isinstance(item, dict)
    ]
    return " ".join(name for name in names if isinstance(name, str))


def _shortened(text: str) -> str:
    return _SECRET.sub(r"\1***", text)[:MESSAGE_CHARACTERS]
