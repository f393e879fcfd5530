"""The ledger: "the source says X, this run gives Y ± tolerance", checked whenever the chapter runs."""

from __future__ import annotations

import html
import math
from collections.abc import Mapping, Sequence
from typing import Any

from book.display import json_script, number_text, rich_text, show_html

REQUIRED = {"source", "says", "value", "gives"}
OPTIONAL = {"cite", "at", "tolerance", "relation"}
COLUMNS = ("source", "quantity", "this run gives", "expected")
RELATIONS = {"=": "", "<=": "≤ ", ">=": "≥ "}


def ledger(rows: Sequence[Mapping[str, Any]]) -> None:
    """Check every row and show the table.

    Args:
        rows: dicts with `source` (whose claim), `says` (the claim in words), `value` (its number), `gives` (what this
            run measured), `tolerance` (needed for `=`, else 0), `relation` (`=`, `<=` or `>=`), `cite` (a key of
            references.bib, where the source is a publication; the book links it) and `at` (the label of the chapter's section
            that reproduces it, such as `kl_divergence-pinsker`). `source` and `says` may hold `$…$`.

    Raises:
        ValueError: a row has missing or unknown keys, or something that isn't a number.
        AssertionError: a row does not hold; the message says which.
    """
    if not rows:
        raise ValueError("ledger: give at least one row")
    entries = [_entry(number, row) for number, row in enumerate(rows, start=1)]
    failures = [failure for entry in entries if (failure := _failure(entry))]
    if failures:
        raise AssertionError("ledger: " + "; ".join(failures))
    show_html(_table(entries))


def _entry(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """One row with its defaults, checked for form."""
    where = f"ledger row {number} ({row.get('says', 'no `says`')!r})"
    if missing := REQUIRED - set(row):
        raise ValueError(f"{where}: add {', '.join(sorted(missing))}")
    if unknown := set(row) - REQUIRED - OPTIONAL:
        raise ValueError(f"{where}: unknown {', '.join(sorted(unknown))}; a row has {', '.join(sorted(REQUIRED | OPTIONAL))}")
    entry = {"relation": "=", "tolerance": None, "cite": None, "at": None, **row}
    if entry["relation"] not in RELATIONS:
        raise ValueError(f"{where}: relation {entry['relation']!r} is none of {', '.join(RELATIONS)}")
    if entry["tolerance"] is None:
        if entry["relation"] == "=":
            raise ValueError(f"{where}: add a tolerance (0 if it must be exact)")
        entry["tolerance"] = 0.0
    for key in ("value", "gives", "tolerance"):
        entry[key] = _number(where, key, entry[key])
    if not entry["tolerance"] >= 0 or math.isinf(entry["tolerance"]):
        raise ValueError(f"{where}: tolerance is {entry['tolerance']}; it must be finite and not negative")
    return entry


def _number(where: str, key: str, value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{where}: {key} must be one number, not {value!r}") from error


def _failure(entry: Mapping[str, Any]) -> str:
    """What is wrong with a row; the empty string if it holds. NaN never holds."""
    gives, value, tolerance = entry["gives"], entry["value"], entry["tolerance"]
    holds = {
        "=": abs(gives - value) <= tolerance,
        "<=": gives <= value + tolerance,
        ">=": gives >= value - tolerance,
    }[entry["relation"]]
    if holds:
        return ""
    return (
        f"{entry['source']} says {entry['says']!r}, so {entry['relation']} {value:.10g} within {tolerance:.3g}, "
        f"but this run gives {gives:.10g}"
    )


def _table(entries: Sequence[Mapping[str, Any]]) -> str:
    head = "".join(f'<th scope="col" role="columnheader">{name}</th>' for name in COLUMNS)
    body = "".join(_table_row(entry) for entry in entries)
    # On a narrow screen each row is a card; the roles keep the table one for those who hear it. tabindex: it may scroll sideways.
    return (
        '<div class="ledger" role="region" aria-label="Ledger: what the sources say and what this run gives" tabindex="0">'
        f'<table role="table"><thead role="rowgroup"><tr role="row">{head}</tr></thead><tbody role="rowgroup">{body}</tbody></table>'
        f"{json_script('ledger-data', list(entries))}</div>"
    )


def _table_row(entry: Mapping[str, Any]) -> str:
    data = "".join(f' data-{key}="{html.escape(entry[key])}"' for key in ("cite", "at") if entry[key])
    return (
        f'<tr{data} role="row"><th scope="row" role="rowheader">{rich_text(entry["source"])}</th>'
        f'<td role="cell">{rich_text(entry["says"])}</td>'
        f'<td role="cell" class="ledger-number" data-label="{COLUMNS[2]}">{_given(entry)}</td>'
        f'<td role="cell" class="ledger-number" data-label="{COLUMNS[3]}">{_allowed(entry)}</td></tr>'
    )


def _given(entry: Mapping[str, Any]) -> str:
    """The measured number, with one digit more than its tolerance can tell apart (three to ten significant ones)."""
    gives, tolerance = entry["gives"], entry["tolerance"]
    digits = 6
    if tolerance > 0 and gives != 0 and math.isfinite(gives):
        digits = math.floor(math.log10(abs(gives))) - math.floor(math.log10(tolerance)) + 2
    return number_text(gives, min(max(digits, 3), 10))


def _allowed(entry: Mapping[str, Any]) -> str:
    """The claimed number with its tolerance, such as `20 ± 1` or `≤ 0.5`."""
    claim = RELATIONS[entry["relation"]] + number_text(entry["value"], 10)
    if entry["tolerance"] == 0:
        return claim if entry["relation"] != "=" else f"{claim} exactly"
    sign = {"=": "±", "<=": "+", ">=": "−"}[entry["relation"]]
    return f"{claim} {sign} {number_text(entry['tolerance'], 3)}"
