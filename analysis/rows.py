"""Rows of attempts: one CSV file to typed frames, piece by piece, with torn and broken lines left out and counted."""

from __future__ import annotations

import csv
import io
from typing import IO, TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from scenarios.errors import TailgateError
from scenarios.records import SCHEMA_VERSION, Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IDS = ("user_id", "conversation_id", "turn_id")
"""Read as 64-bit hashes: they are only ever compared, and ten million strings would not fit."""

LABELS = ("worker", "case_id", "endpoint", "arm", "phase", "outcome", "error_code", "usage_source")
"""Read as categories."""

STAMPS = ("seq", "intended_s", "sent_s", "first_token_s", "first_output_s", "last_token_s", "end_s", "waited_s")
"""Read as 64-bit floats, for microseconds within hours."""

SMALL = (
    "schema",
    "attempt_no",
    "http_status",
    "wait_hint_s",
    "input_tokens",
    "cached_input_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "chunks",
    "connect_s",
    "client_lag_s",
)
"""Read as 32-bit floats: counts below 16.7 million are exact."""

USED = (*IDS, *LABELS, *STAMPS, *SMALL)
DTYPES = {
    **dict.fromkeys((*IDS, *LABELS), "category"),
    **dict.fromkeys(STAMPS, "float64"),
    **dict.fromkeys(SMALL, "float32"),
}
NUMBERS = (*STAMPS, *SMALL)
NEEDED = ("worker", "seq", "turn_id", "endpoint", "phase", "attempt_no", "intended_s", "sent_s", "end_s", "outcome")
"""Without these columns there is nothing to say; any other may be missing."""

IMPOSSIBLE = 1e9
"""Thirty years in seconds, or a billion tokens in one answer: such a number is no measurement but missing."""

PIECE_BYTES = 64 << 20


def empty_attempts() -> pd.DataFrame:
    """Give an attempts frame without rows."""
    return _finished(_no_rows())


def _no_rows() -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(dtype=DTYPES[name]) for name in USED})


def read_rows(path: Path, notes: list[str]) -> list[pd.DataFrame]:
    """Read one file of attempts. Raises TailgateError when it is no such file or of another schema."""
    frames: list[pd.DataFrame] = []
    left_out = 0
    with path.open("rb") as file:
        header = _header(path, file)
        for piece in _pieces(file) if header else ():
            frame, broken = _parse(piece, header)
            _check_schema(path, frame)
            frame = _finished(frame)
            whole = is_whole(frame)
            left_out += broken + int((~whole).sum())
            frames.append(frame if whole.all() else frame[whole].reset_index(drop=True))
    if left_out:
        notes.append(f"{path.name}: {left_out:,} torn or broken lines were left out")
    return [frame for frame in frames if len(frame)]


def is_whole(frame: pd.DataFrame) -> pd.Series[bool]:
    """Tell rows that say who did what when: without one of these no turn can be told."""
    known = frame["outcome"].isin([outcome.value for outcome in Outcome])
    for name in ("seq", "attempt_no", "intended_s"):
        known &= frame[name].notna()
    for name in ("worker", "endpoint", "phase"):
        known &= frame[name] != ""
    return known


def _header(path: Path, file: IO[bytes]) -> list[str]:
    line = file.readline().decode("utf-8-sig", errors="replace").strip()
    names = line.split(",") if line else []
    missing = [name for name in NEEDED if name not in names]
    if names and missing:
        raise TailgateError(f"{path}:1: not a file of attempts: the columns {', '.join(missing)} are missing")
    return names


def _pieces(file: IO[bytes]) -> Iterator[bytes]:
    """Give whole lines, some megabytes at a time; a last line without its line end comes as it is."""
    rest = b""
    while block := file.read(PIECE_BYTES):
        lines, end, tail = (rest + block).rpartition(b"\n")
        rest = tail
        if end:
            yield lines + end
    if rest:
        yield rest


def _parse(piece: bytes, header: list[str]) -> tuple[pd.DataFrame, int]:
    """Read whole lines; the fast path is for pieces in which each line has the right number of plain fields."""
    broken = 0
    if not _is_plain(piece, len(header)):
        piece, broken = mend(piece, len(header))
    if not piece:
        return _no_rows(), broken
    try:
        with np.errstate(over="ignore"):  # what no 32-bit float holds becomes infinite, and so missing
            return _typed(piece, header), broken
    except (ValueError, OverflowError, pd.errors.ParserError):
        frame, odd = _coerced(piece, header)
        return frame, broken + odd


def _is_plain(piece: bytes, width: int) -> bool:
    lines = piece.count(b"\n")
    whole = piece.endswith(b"\n") and b'"' not in piece and b"\n\n" not in piece and b"\r" not in piece
    return whole and piece.count(b",") == lines * (width - 1) and b"\0" not in piece


def mend(piece: bytes, width: int) -> tuple[bytes, int]:
    """Keep the lines that have `width` fields and a line end; give them and the number of the others."""
    kept, broken = [], 0
    for line in piece.splitlines(keepends=True):
        text = line.decode("utf-8", errors="replace").replace("\0", "")
        if not text.strip():
            continue
        fields = next(csv.reader([text]), [])
        if len(fields) == width and text.endswith("\n"):
            kept.append(line.replace(b"\0", b"").rstrip(b"\r\n") + b"\n")
        else:
            broken += 1
    return b"".join(kept), broken


def _typed(piece: bytes, header: list[str]) -> pd.DataFrame:
    present = [name for name in USED if name in header]
    return pd.read_csv(
        io.BytesIO(piece),
        names=header,
        usecols=present,
        dtype={name: DTYPES[name] for name in present},
        na_values={name: [""] for name in present if name in NUMBERS},
        keep_default_na=False,
        encoding_errors="replace",
    )


def _coerced(piece: bytes, header: list[str]) -> tuple[pd.DataFrame, int]:
    """Read as text, leave out lines with a word where a number belongs."""
    present = [name for name in USED if name in header]
    text = pd.read_csv(
        io.BytesIO(piece), names=header, usecols=present, dtype="str", keep_default_na=False, encoding_errors="replace"
    )
    frame = pd.DataFrame(index=text.index)
    odd = pd.Series(data=False, index=text.index)
    for name in present:
        if name in NUMBERS:
            number = pd.to_numeric(text[name], errors="coerce")
            odd |= number.isna() & (text[name].str.strip() != "")
            with np.errstate(over="ignore"):
                frame[name] = number.to_numpy(dtype=DTYPES[name])
        else:
            frame[name] = text[name].astype("category")
    return frame[~odd].reset_index(drop=True), int(odd.sum())


def _check_schema(path: Path, frame: pd.DataFrame) -> None:
    if "schema" not in frame:
        return
    versions = frame["schema"].dropna().unique()
    odd = [float(version) for version in versions if version != SCHEMA_VERSION]
    if odd:
        raise TailgateError(f"{path}: rows of schema {odd[0]:g}, this Tailgate reads {SCHEMA_VERSION}")


def _finished(frame: pd.DataFrame) -> pd.DataFrame:
    """Hash the ids, make non-finite numbers missing, and add the columns that the file lacks."""
    columns: dict[str, Any] = {}
    for name in USED:
        if name == "schema":
            continue
        if name in IDS:
            columns[name] = _hashed(frame[name]) if name in frame else np.zeros(len(frame), dtype="uint64")
        elif name in frame:
            columns[name] = frame[name].where(frame[name].abs() < IMPOSSIBLE) if name in NUMBERS else frame[name]
        else:
            columns[name] = _absent(name, len(frame))
    return pd.DataFrame(columns)


def _absent(name: str, rows: int) -> pd.Series[Any]:
    if name in LABELS:
        return pd.Series([""] * rows, dtype="category")
    return pd.Series(np.full(rows, np.nan), dtype=DTYPES[name])


def _hashed(ids: pd.Series[Any]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    categories = np.asarray(ids.cat.categories, dtype=object)
    return pd.util.hash_array(categories, categorize=False)[ids.cat.codes.to_numpy()]
