"""Prices and costs, worked by hand; unknown is None and a sentence, never 0."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scenarios.endpoint import Endpoint, Prices
from scenarios.pricing import PriceTable, Tier, cost_usd, price, why_unpriced
from scenarios.simulated import Simulated

TABLE = PriceTable(input=Decimal("1.25"), cached_input=Decimal("0.125"), output=Decimal(10), source="test")


def test_the_scenarios_own_prices_win() -> None:
    """A model with a list price costs what the scenario says."""
    endpoint = Endpoint(
        url="https://api.openai.com/v1", model="gpt-5", prices=Prices(input=Decimal(3), output=Decimal(4))
    )
    table = price(endpoint)
    assert table == PriceTable(input=Decimal(3), output=Decimal(4), source="scenario")


@pytest.mark.parametrize(
    ("url", "how"),
    [("https://api.openai.com/v1", "openai/gpt-5"), ("https://api.example.com/v1", "openai/gpt-5, by model name")],
)
def test_a_known_model_has_a_list_price(url: str, how: str) -> None:
    """The table says where it comes from, version included."""
    table = price(Endpoint(url=url, model="gpt-5"))
    assert table is not None
    assert (table.input, table.cached_input, table.output) == (Decimal("1.25"), Decimal("0.125"), Decimal(10))
    assert table.source.startswith("genai-prices ")
    assert table.source.endswith(how)


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        (Endpoint(simulated=Simulated()), "neither prices nor a model is given: add prices"),
        (Endpoint(simulated=Simulated(), model="no-such-model"), "no list price is known for model no-such-model: add"),
        (Endpoint(url="http://127.0.0.1:1/v1"), "neither prices nor a model is given: add prices"),
    ],
)
def test_an_unknown_price_is_none_and_a_sentence(endpoint: Endpoint, said: str) -> None:
    """Nothing is priced at 0 for want of a price."""
    assert price(endpoint) is None
    assert why_unpriced(endpoint).startswith(said)
    assert cost_usd(price(endpoint), 100, 100) is None


@pytest.mark.parametrize(
    ("tokens", "usd"),
    [
        ({"input_tokens": 1000, "output_tokens": 10}, "0.00135"),  # 1000*1.25 + 10*10 = 1350
        ({"input_tokens": 1000, "output_tokens": 10, "cached_input_tokens": 100}, "0.0012375"),  # 900*1.25+12.5+100
        ({"input_tokens": 1000, "output_tokens": 0, "cache_write_tokens": 400}, "0.00125"),  # written costs as input
        ({"input_tokens": 0, "output_tokens": 0}, "0"),
        ({"input_tokens": 10, "output_tokens": 0, "cached_input_tokens": 20}, "0.0000025"),  # more cached than input
    ],
)
def test_a_cost_is_worked_by_hand(tokens: dict[str, int], usd: str) -> None:
    """Cached tokens are part of the input and cost their own rate."""
    assert cost_usd(TABLE, **tokens) == Decimal(usd)


@pytest.mark.parametrize("tokens", [(None, 10), (10, None)])
def test_unknown_tokens_have_no_cost(tokens: tuple[int | None, int | None]) -> None:
    """A missing count is not a count of 0."""
    assert cost_usd(TABLE, *tokens) is None


def test_a_long_request_is_billed_at_its_tier() -> None:
    """Above the threshold the tier's rates apply to all tokens; at the threshold they do not."""
    tier = Tier(above_input_tokens=200_000, input=Decimal(2), output=Decimal(20))
    table = TABLE.model_copy(update={"tiers": (tier,)})
    assert cost_usd(table, 200_000, 0) == Decimal("0.25")
    assert cost_usd(table, 200_001, 1000) == Decimal("0.420002")


COUNTS = st.integers(min_value=0, max_value=500_000)


@given(COUNTS, COUNTS, COUNTS)
def test_list_prices_agree_with_the_library_they_come_from(plain: int, cached: int, output: int) -> None:
    """A tiered model costs what genai-prices itself would charge."""
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - only here

    table = price(Endpoint(url="https://generativelanguage.googleapis.com/v1beta/openai", model="gemini-2.5-pro"))
    usage = Usage(input_tokens=plain + cached, cache_read_tokens=cached, output_tokens=output)
    theirs = calc_price(usage, "gemini-2.5-pro", provider_id="google").total_price
    assert cost_usd(table, plain + cached, output, cached) == theirs


def test_a_table_travels_through_run_json() -> None:
    """Decimals survive as text."""
    assert TABLE.to_document()["input"] == "1.25"
    assert PriceTable.model_validate(TABLE.to_document()) == TABLE
