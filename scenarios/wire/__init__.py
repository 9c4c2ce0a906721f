"""How each API speaks: requests in, bytes fed, replies out. Pure: no sockets, no clocks."""

from __future__ import annotations

from scenarios.wire.generic import Generic
from scenarios.wire.openai_chat import OpenAiChat
from scenarios.wire.protocol import Api, ApiError, Decoder, Message, Reply, Usage

API: dict[str, Api] = {api.name: api for api in (OpenAiChat(), Generic())}
"""By the name that stands in a scenario file."""

__all__ = ["API", "Api", "ApiError", "Decoder", "Message", "Reply", "Usage"]
