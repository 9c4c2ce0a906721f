"""Rows of attempts.csv: the contract's columns, and empty for what was not measured."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from scenarios.records import COLUMNS, SCHEMA_VERSION, Attempt, Outcome, to_line, to_row, write_header

CONTRACT = (
    "schema run_id worker seq user_id conversation_id turn_id case_id endpoint arm phase attempt_no "
    "intended_s sent_s headers_s first_token_s first_output_s last_token_s end_s outcome http_status error_code "
    "wait_hint_s wait_source waited_s finish_reason input_tokens cached_input_tokens cache_write_tokens output_tokens "
    "reasoning_tokens usage_source chunks coalesced gap_max_s bytes_in connect_s client_lag_s"
)
OUTCOMES = (
    "ok ok_length filtered refused throttled overloaded quota_exhausted request_too_large stream_error "
    "stream_truncated timeout connect_error bad_response client_error gave_up in_flight"
)


def attempt() -> Attempt:
    """Give an attempt of which nothing is known but its plan."""
    return Attempt("run", "w1", 1, "u1", "c1", "t1", "case", "large", "", "steady", 1, 0.5)


def test_the_columns_are_the_contract() -> None:
    """Names and order are what others read."""
    assert tuple(CONTRACT.split()) == COLUMNS


def test_the_outcomes_are_the_contract() -> None:
    """No outcome more, none less."""
    assert OUTCOMES.split() == [str(outcome) for outcome in Outcome]


def test_the_unmeasured_is_empty_and_never_zero() -> None:
    """None is written as nothing."""
    row = dict(zip(COLUMNS, to_row(attempt()), strict=True))
    measured = {name: value for name, value in row.items() if value}
    assert measured["schema"] == str(SCHEMA_VERSION)
    assert measured["intended_s"] == "0.500000"
    assert [row[name] for name in ("sent_s", "first_token_s", "input_tokens", "http_status", "client_lag_s")] == [
        ""
    ] * 5
    assert measured["outcome"] == "in_flight"


def test_a_row_reads_back() -> None:
    """A csv reader finds each value under its column, whatever text it holds."""
    row = attempt()
    row.error_code, row.sent_s, row.outcome = 'a "b", c\nd', 1.25, Outcome.STREAM_ERROR
    file = io.StringIO(newline="")
    write_header(file)
    file.write(to_line(row))
    file.seek(0)
    (read,) = csv.DictReader(file)
    assert (read["error_code"], read["sent_s"], read["outcome"]) == ('a "b", c\nd', "1.250000", "stream_error")


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_line_is_what_the_csv_module_writes(text: str) -> None:
    """Quotes stand exactly where the csv module sets them."""
    row = attempt()
    row.case_id = text
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n").writerow(to_row(row))
    assert file.getvalue() == to_line(row)
