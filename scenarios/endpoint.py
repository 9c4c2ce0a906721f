"""One model behind one URL: where it is, how it speaks, which variable holds its key, what it costs."""

import ipaddress
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, WithJsonSchema
from pydantic import Strict as Exact

from scenarios.proxy import is_proxy_url
from scenarios.quantities import shown
from scenarios.simulated import Simulated
from scenarios.strict import Contradiction, Strict

_KEY_SHAPE = re.compile(
    r"sk-[A-Za-z0-9_-]{16,}|sk_(?:live|test)_\w{8,}|(?:gsk|hf|r8|xai|pplx|ghp|glpat|nvapi)[_-][A-Za-z0-9_-]{16,}"
    r"|AIza[0-9A-Za-z_-]{30,}|AKIA[0-9A-Z]{12,}|ey[JK][A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"
)
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_SECRET_HEADER = re.compile(r"authorization|cookie|secret|password|token|(?:^|[-_])(?:api)?key$|auth$", re.IGNORECASE)
_HEADER_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def looks_like_key(text: str) -> bool:
    """Say whether `text` holds what providers issue as API keys."""
    return _KEY_SHAPE.search(text) is not None


def is_loopback(url: str) -> bool:
    """Say whether `url` names this machine."""
    try:
        host = urlsplit(url).hostname or ""
        return host == "localhost" or host.endswith(".localhost") or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _url(text: str) -> str:
    try:
        parts = urlsplit(text)
        port_ok = parts.port is None or parts.port > 0
    except ValueError:
        raise ValueError("this is no URL: write one such as https://api.example.com/v1") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("a URL here carries no user or password: name the key's variable with key_env")
    if parts.scheme not in {"http", "https"} or not parts.hostname or not port_ok or re.search(r"\s", text):
        raise ValueError("this is no http or https URL: write one such as https://api.example.com/v1")
    if parts.query or parts.fragment:
        raise ValueError("a URL here ends with its path: leave out what follows '?' or '#'")
    return text.rstrip("/")


def _proxy_url(text: str) -> str:
    if "@" in text:
        raise ValueError("a password does not belong here: name the variable that holds the proxy's URL with proxy_env")
    if not is_proxy_url(text):
        raise ValueError("this is no HTTP proxy: write one such as http://proxy.example.com:3128")
    return text.rstrip("/")


def _variable_name(text: str) -> str:
    random_looking = len(text) >= 20 and re.search(r"[a-z]", text) and re.search(r"[0-9]", text)
    if looks_like_key(text) or re.match(r"(?i)sk[-_]", text) or random_looking:
        raise ValueError(
            "this looks like a key itself: put the key into an environment variable and write that variable's name, "
            "such as OPENAI_API_KEY (and replace the key: it was in a file)"
        )
    if not _NAME.fullmatch(text):
        raise ValueError("this is not the name of an environment variable: write one such as OPENAI_API_KEY")
    return text


def _header_name(name: str) -> str:
    if not _HEADER_NAME.fullmatch(name):
        raise ValueError("this is not a header's name: use letters, digits and '-'")
    if _SECRET_HEADER.search(name):
        raise ValueError(f"{name} carries a secret: remove it and name the key's variable with key_env")
    return name


def _header_value(value: str) -> str:
    if not value.isprintable() or not value.isascii():
        raise ValueError("a line break or a non-ASCII character stands here: use plain text on one line")
    return value


VariableName = Annotated[str, AfterValidator(_variable_name)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
HeaderValue = Annotated[str, AfterValidator(_header_value)]


def _price(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError(f"{shown(value)} is not a price: write USD per million tokens, such as 1.25")  # noqa: TRY004
    return str(value) if isinstance(value, int | float) else value


Usd = Annotated[
    Decimal,
    BeforeValidator(_price),
    Field(ge=0, le=1_000_000),
    WithJsonSchema(
        {"anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?$"}]}
    ),
]


class Prices(Strict):
    """USD per million tokens."""

    input: Usd
    """USD per million input tokens."""
    output: Usd
    """USD per million output tokens, reasoning included."""
    cached_input: Usd | None = None
    """USD per million input tokens read from the cache; left out = as `input`."""
    cache_write: Usd | None = None
    """USD per million input tokens written to the cache; left out = as `input`."""


def _single_shot() -> dict[str, object]:
    return {"prompt": "{prompt}", "max_tokens": "{max_tokens}"}


class Template(Strict):
    """The single-shot form of the `generic` API: what to send and where the text stands in the answer."""

    path: str = ""
    """Path after the endpoint's URL, such as /generate."""
    body: dict[str, object] = Field(default_factory=_single_shot)
    """JSON body; "{prompt}" and "{max_tokens}" are filled in."""
    text: Annotated[str, Field(min_length=1)] = "text"
    """Where the answer's text stands in the JSON answer; dots lead inwards."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield a body without a place for the prompt."""
        if isinstance(data.get("body"), dict) and "{prompt}" not in repr(data["body"]):
            yield "body", 'nothing says where the prompt goes: put "{prompt}" into a value'


def _says_something(template: object) -> bool:
    return template not in (None, Template(), Template().model_dump())


VARIABLES = ("key_env", "client_cert_env", "client_key_env", "proxy_env")
"""Keys of an endpoint that name environment variables."""


class Endpoint(Strict):
    """One model behind one URL, or a simulated one."""

    model_config = ConfigDict(json_schema_extra={"oneOf": [{"required": ["url"]}, {"required": ["simulated"]}]})

    other_names: ClassVar[Mapping[str, str]] = {
        **dict.fromkeys(("base_url", "host", "address", "uri", "endpoint"), "url"),
        **dict.fromkeys(("key", "api_key", "apikey", "token", "api_key_env"), "key_env"),
        **dict.fromkeys(("price", "pricing", "cost"), "prices"),
        **dict.fromkeys(("type", "kind", "provider", "protocol"), "api"),
        **dict.fromkeys(("verify", "verify_ssl", "tls_verify"), "insecure"),
        **dict.fromkeys(("ca", "ca_bundle", "ca_cert"), "ca_file"),
        **dict.fromkeys(("client_cert", "client_cert_file", "client_certificate", "cert"), "client_cert_env"),
        **dict.fromkeys(("client_key", "client_key_file"), "client_key_env"),
        **dict.fromkeys(("http_proxy", "https_proxy", "proxy_url"), "proxy"),
    }

    api: Literal["openai-chat", "generic"] = "openai-chat"
    """How the endpoint speaks."""
    url: Annotated[str, AfterValidator(_url)] | None = None
    """Base URL, such as https://api.example.com/v1."""
    model: str = ""
    """The model's name at this provider."""
    key_env: VariableName | None = None
    """NAME of the environment variable that holds the key."""
    prices: Prices | None = None
    """USD per million tokens; left out = known prices by model."""
    simulated: Simulated | None = None
    """A simulated model in place of a url."""
    headers: dict[HeaderName, HeaderValue] = Field(default_factory=dict)
    """Further request headers; no secrets."""
    template: Template = Template()
    """For api: generic, the request and where its answer stands."""
    insecure: Annotated[bool, Exact()] = False
    """Do not verify the server's TLS certificate."""
    ca_file: Path | None = None
    """PEM file with the certificate authority to trust."""
    ca_pem: str | None = None
    """Contents of `ca_file`, filled in when the file is read, so that workers need no file."""
    client_cert_env: VariableName | None = None
    """NAME of the environment variable that holds the client certificate: the path of a PEM file, or PEM text."""
    client_key_env: VariableName | None = None
    """NAME of the variable that holds its private key, likewise; left out = it stands with the certificate."""
    proxy: Annotated[str, AfterValidator(_proxy_url)] | None = None
    """HTTP proxy to go through, such as http://proxy.example.com:3128; it is measured, too."""
    proxy_env: VariableName | None = None
    """NAME of the variable that holds the proxy's URL, where it has a password; others are not looked at."""

    @classmethod
    def contradictions(cls, data: Mapping[str, Any]) -> Iterator[Contradiction]:
        """Yield an endpoint that is nowhere, or in two places, and settings that would do nothing."""
        real, simulated = data.get("url") is not None, data.get("simulated") is not None
        if real and simulated:
            yield "simulated", "url and simulated exclude each other: keep one"
        if not real and not simulated:
            yield "", "neither url nor simulated is given: add url: https://… or simulated: {}"
        if data.get("api", "openai-chat") == "openai-chat" and _says_something(data.get("template")):
            yield "template", "a template belongs to api: generic"
        for key in ("insecure", "ca_file", "client_cert_env", "client_key_env", "proxy", "proxy_env"):
            if data.get(key) and simulated:
                yield key, f"{key} does nothing for a simulated endpoint: remove it"
        if data.get("insecure") is True and data.get("ca_file"):
            yield "ca_file", "insecure: true would ignore ca_file: keep one"
        if data.get("client_key_env") and not data.get("client_cert_env"):
            yield "client_key_env", "a key without its certificate: add client_cert_env"
        if data.get("proxy") and data.get("proxy_env"):
            yield "proxy_env", "proxy and proxy_env exclude each other: keep one"

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the environment variables that whoever loads it needs."""
        return tuple(name for key in VARIABLES if (name := getattr(self, key)) is not None)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What whoever reads its figures must know of the way to it."""
        found = []
        if self.insecure:
            found.append("TLS certificates are not verified (insecure: true): whoever is on the way can read the key")
        if self.proxy is not None or self.proxy_env is not None:
            found.append("it is reached through a proxy, which is measured with it")
        return tuple(found)
