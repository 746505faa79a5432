"""RD tables as CSV: our own columns, and those of tables measured elsewhere."""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path, PurePosixPath

from codec.errors import InputError
from codec.files import read_bytes, write_bytes
from codec.rd.rows import METRIC_FIELDS, RdRow

COLUMNS = tuple(field.name for field in fields(RdRow))
FOREIGN = {
    "image": "picture",
    "q": "quality",
    "psnr_rgb": "psnr_rgb_db",
    "psnr_y": "psnr_y_db",
    "msssim": "ms_ssim",
    "enc_s": "encode_s",
    "dec_s": "decode_s",
}
"""Columns of other tables, and what they are called here."""
NEEDED = ("codec", "picture", "bpp", "psnr_rgb_db")


def csv_text(rows: Sequence[RdRow]) -> str:
    """Rows as CSV with a header; unmeasured numbers are empty."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, COLUMNS, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _text(value) for name, value in asdict(row).items()})
    return buffer.getvalue()


def write_csv(rows: Sequence[RdRow], path: str | Path) -> None:
    """Write `csv_text` to a file, atomically."""
    write_bytes(path, csv_text(rows).encode())


def read_csv(path: str | Path) -> list[RdRow]:
    """Read a table written by `write_csv`, or one with the columns codec, settings, image, q, bytes, bpp, psnr_rgb ...

    Raises
    ------
    InputError
        If a column is missing or a number cannot be read; names file and line.
    """
    try:
        reader = csv.DictReader(io.StringIO(read_bytes(path).decode("utf-8-sig")), strict=True)
        names = {name: FOREIGN.get(name, name) for name in reader.fieldnames or []}
        if lacking := [name for name in NEEDED if name not in names.values()]:
            raise InputError(f"no RD table: column {', '.join(lacking)} is missing", where=str(path))
        rows = []
        for record in reader:
            where = f"{path}, line {reader.line_num}"
            values = {names[key]: text or "" for key, text in record.items() if key is not None}
            rows.append(_row(values, where))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"not a CSV table: {error}", where=str(path)) from error
    return rows


def join(rows: Sequence[RdRow], foreign: Sequence[RdRow]) -> list[RdRow]:
    """Append those foreign rows whose pictures occur in `rows`, under the names used there.

    "05.png" and "kodim05.png" are the same picture if no other name fits as well.
    """
    own = list(dict.fromkeys(row.picture for row in rows if row.picture))
    renamed = {name: _same_picture(name, own) for name in {row.picture for row in foreign}}
    return [*rows, *(replace(row, picture=name) for row in foreign if (name := renamed[row.picture]))]


def _same_picture(name: str, candidates: Sequence[str]) -> str:
    stem = PurePosixPath(name).stem.lower()
    stems = {candidate: PurePosixPath(candidate).stem.lower() for candidate in candidates}
    exact = [candidate for candidate, other in stems.items() if other == stem]
    alike = [candidate for candidate, other in stems.items() if _differ_by_a_word(stem, other)]
    found = exact or alike
    return found[0] if len(found) == 1 else ""


def _differ_by_a_word(a: str, b: str) -> bool:
    """Whether both end in the same number and one of them has letters in front of it."""
    longer, shorter = sorted((a, b), key=len, reverse=True)
    return shorter.isdigit() and re.fullmatch(r"[a-z_-]+" + re.escape(shorter), longer) is not None


def _row(values: dict[str, str], where: str) -> RdRow:
    numbers: dict[str, float | None] = {}
    for name in METRIC_FIELDS:
        text = values.get(name, "")
        try:
            numbers[name] = float(text) if text else None
        except ValueError as error:
            raise InputError(f"{text!r} is not a number ({name})", where=where) from error
    if any(value is not None and math.isnan(value) for value in numbers.values()):
        raise InputError("a number is NaN", where=where)
    codec, settings = values["codec"], values.get("settings", "")
    return RdRow(
        codec, values.get("label") or codec, settings, values["picture"], **numbers, error=values.get("error", "")
    )


def _text(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return "" if value is None else value
