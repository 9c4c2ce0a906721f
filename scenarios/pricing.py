"""What tokens cost: the scenario's own prices, or known list prices by model; unknown is None, never 0."""

from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from importlib.metadata import version
from typing import Any

from scenarios.endpoint import Endpoint, Usd
from scenarios.strict import Strict

_TOKENS_PER_PRICE = Decimal(1_000_000)


class Rates(Strict):
    """USD per million tokens."""

    input: Usd
    output: Usd
    cached_input: Usd | None = None
    cache_write: Usd | None = None


class Tier(Rates):
    """Rates for the whole of a request with more than `above_input_tokens` input tokens."""

    above_input_tokens: int


class PriceTable(Rates):
    """Rates of one endpoint, and where they come from."""

    source: str
    as_of: str = ""
    """Day on which a list price was looked up; "" = that of the run."""
    tiers: tuple[Tier, ...] = ()

    def rates(self, input_tokens: int) -> Rates:
        """Give the rates of a request of this size."""
        above = [tier for tier in self.tiers if input_tokens > tier.above_input_tokens]
        return max(above, key=lambda tier: tier.above_input_tokens, default=self)

    def to_document(self) -> dict[str, Any]:
        """Give the table as JSON values, prices as decimal text; `model_validate` reads it back."""
        return self.model_dump(mode="json")


def price(endpoint: Endpoint) -> PriceTable | None:
    """Give the endpoint's price table: its own prices, else genai-prices by model, else None."""
    if endpoint.prices is not None:
        return PriceTable(**endpoint.prices.model_dump(), source="scenario")
    return _list_price(endpoint.model, endpoint.url) if endpoint.model else None


def why_unpriced(endpoint: Endpoint) -> str:
    """Say why `price` gave None, and what would give a price; "" if there is one."""
    if price(endpoint) is not None:
        return ""
    remedy = "add prices: {input: …, output: …} (USD per million tokens)"
    if endpoint.model:
        return f"no list price is known for model {endpoint.model}: {remedy}"
    return f"neither prices nor a model is given: {remedy}"


def cost_usd(
    table: PriceTable | None,
    input_tokens: int | None,
    output_tokens: int | None,
    cached_input_tokens: int | None = None,
    cache_write_tokens: int | None = None,
) -> Decimal | None:
    """Sum tokens * rate / 1e6 over plain input (= input - cached - written), cached, written and output tokens.

    `input_tokens` includes cached and written ones, `output_tokens` includes reasoning. A rate left out is `input`'s.
    None when the table, the input or the output is unknown.
    """
    if table is None or input_tokens is None or output_tokens is None:
        return None
    rates = table.rates(input_tokens)
    cached, written = cached_input_tokens or 0, cache_write_tokens or 0
    plain = max(input_tokens - cached - written, 0)
    total = plain * rates.input + output_tokens * rates.output
    total += cached * (rates.input if rates.cached_input is None else rates.cached_input)
    total += written * (rates.input if rates.cache_write is None else rates.cache_write)
    return total / _TOKENS_PER_PRICE


@cache
def _list_price(model: str, url: str | None) -> PriceTable | None:
    # Half a second of import, and only for endpoints without prices of their own.
    from genai_prices.data_snapshot import get_snapshot  # noqa: PLC0415

    for address in dict.fromkeys((url, None)):
        try:
            provider, found = get_snapshot().find_provider_model(model, None, None, address)
        except LookupError:
            continue
        return _table(provider.id, found, by_url=address is not None)
    return None


def _table(provider: str, model: Any, *, by_url: bool) -> PriceTable | None:
    prices = model.get_prices(datetime.now(UTC))
    columns = {
        "input": getattr(prices, "input_mtok", None),
        "output": getattr(prices, "output_mtok", None),
        "cached_input": getattr(prices, "cache_read_mtok", None),
        "cache_write": getattr(prices, "cache_write_mtok", None),
    }
    if columns["input"] is None or columns["output"] is None:
        return None
    today = datetime.now(UTC).date().isoformat()
    how = "" if by_url else ", by model name"
    source = f"genai-prices {version('genai-prices')}: {provider}/{model.id}{how}"
    return PriceTable(**_rates(columns, 0), source=source, as_of=today, tiers=_tiers(columns))


def _tiers(columns: dict[str, Any]) -> tuple[Tier, ...]:
    starts = sorted({tier.start for column in columns.values() for tier in getattr(column, "tiers", ())})
    return tuple(Tier(**_rates(columns, start + 1), above_input_tokens=start) for start in starts)


def _rates(columns: dict[str, Any], input_tokens: int) -> dict[str, Any]:
    return {name: _rate(column, input_tokens) for name, column in columns.items()}


def _rate(column: Any, input_tokens: int) -> Any:
    """Give a plain price, or the one of the highest tier that `input_tokens` is above."""
    if column is None or not hasattr(column, "tiers"):
        return column
    above = [tier for tier in column.tiers if input_tokens > tier.start]
    return above[-1].price if above else column.base
