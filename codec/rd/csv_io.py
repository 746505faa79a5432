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
from codec.metrics.measure import METRICS
from codec.rd.rows import NUMBERS, RdRow

COLUMNS = tuple(field.name for field in fields(RdRow))
FOREIGN = {
    "image": "picture",
    "clip": "picture",
    "preset": "settings",
    "q": "quality",
    "qp": "quality",
    "psnr_rgb": "psnr_rgb_db",
    "psnr_y": "psnr_y_db",
    "psnr_u": "psnr_u_db",
    "psnr_v": "psnr_v_db",
    "psnr_yuv611": "psnr_611_db",
    "msssim": "ms_ssim",
    "ssimu2": "ssimulacra2",
    "ssimulacra2_score": "ssimulacra2",
    "enc_s": "encode_s",
    "dec_s": "decode_s",
}
"""Columns of other tables, and what they are called here."""
NEEDED: tuple[tuple[str, ...], ...] = (("codec",), ("picture",), ("bpp", "bytes"), tuple(METRICS))
"""A table has at least one column of each group."""


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
    """Read a table written by `write_csv`, or one with the columns codec, picture, quality, bytes or bpp, and metrics.

    Columns go by our names or by those of `FOREIGN`; others are left out. The rows' `origin` is the file.

    Raises
    ------
    InputError
        If a column is missing or a number cannot be read; names file and line.
    """
    try:
        reader = csv.DictReader(io.StringIO(read_bytes(path).decode("utf-8-sig")), strict=True)
        names = {name: _column(name) for name in reader.fieldnames or []}
        if lacking := [" or ".join(group) for group in NEEDED if not set(group) & set(names.values())]:
            raise InputError(f"no RD table: column {', '.join(lacking)} is missing", where=str(path))
        rows = []
        for record in reader:
            where = f"{path}, line {reader.line_num}"
            values = {names[key]: text or "" for key, text in record.items() if key is not None}
            rows.append(_row(values, where, Path(path).name))
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"not a CSV table: {error}", where=str(path)) from error
    return rows


def join(rows: Sequence[RdRow], foreign: Sequence[RdRow]) -> list[RdRow]:
    """Append those foreign rows whose pictures occur in `rows`, under the names used there.

    "05.png" and "kodim05.png" are the same picture if no other name fits as well. Where a table has bytes without
    bits per pixel, or the other way round, the picture's own rows say how many pixels there are. Rows of a clip over
    another number of frames do not compare: one row with an `error` stands for those of a codec.
    """
    own = list(dict.fromkeys(row.picture for row in rows if row.picture))
    renamed = {name: _same_picture(name, own) for name in {row.picture for row in foreign}}
    pixels = {row.picture: 8 * row.bytes / row.bpp for row in rows if row.bytes and row.bpp}
    frames = {row.picture: row.frames for row in rows if row.frames}
    joined: list[RdRow] = []
    for row in foreign:
        if name := renamed[row.picture]:
            there = frames.get(name)
            if there and row.frames and row.frames != there:
                why = f"{row.origin} has {row.frames:g} frames, here are {there:g}"
                joined.append(RdRow(row.codec, row.label, row.settings, name, origin=row.origin, error=why))
            else:
                joined.append(with_rate(replace(row, picture=name), pixels.get(name)))
    return [*rows, *dict.fromkeys(joined)]


def with_rate(row: RdRow, pixels: float | None) -> RdRow:
    """Fill in whichever of bytes and bits per pixel is missing."""
    if not pixels:
        return row
    if row.bpp is None and row.bytes is not None:
        return replace(row, bpp=8 * row.bytes / pixels)
    if row.bytes is None and row.bpp is not None:
        return replace(row, bytes=round(row.bpp * pixels / 8))
    return row


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


def _column(name: str) -> str:
    plain = name.strip().lower().replace("-", "_").replace(" ", "_")
    return FOREIGN.get(plain, plain)


def _row(values: dict[str, str], where: str, origin: str) -> RdRow:
    numbers: dict[str, float | None] = {}
    for name in NUMBERS:
        text = values.get(name, "")
        try:
            numbers[name] = float(text) if text else None
        except ValueError as error:
            raise InputError(f"{text!r} is not a number ({name})", where=where) from error
    if any(value is not None and math.isnan(value) for value in numbers.values()):
        raise InputError("a number is NaN", where=where)
    codec, settings = values["codec"], values.get("settings", "")
    return RdRow(
        codec, values.get("label") or codec, settings, values["picture"], **numbers, key=values.get("key", ""),
        origin=values.get("origin") or ("" if values.get("key") else origin), error=values.get("error", ""),
    )  # fmt: skip


def _text(value: object) -> object:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return "" if value is None else value
