"""RD points on a Dask cluster: the optional extra "cluster" brings what is needed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from codec.errors import CodecError, SettingsError
from codec.jobs import CancelToken, Progress, check, no_progress
from codec.picture import Picture
from codec.rd.rows import RdRow

HOW_TO_GET = 'pip install "tnc-studio[cluster]" here and on the workers'
CONNECT_S = 20
POLL_S = 0.5


def run_rd_on_cluster(
    address: str,
    specs: Sequence[str],
    pictures: Sequence[Picture],
    qualities: Mapping[str, Sequence[float]] | None = None,
    *,
    metrics: Sequence[str] = (),
    device: str = "auto",
    progress: Progress = no_progress,
    cancel: CancelToken | None = None,
    on_row: Callable[[RdRow], None] | None = None,
) -> list[RdRow]:
    """Like `run_rd`, with every point computed by a worker of a cluster, which needs the same program and no files.

    Parameters
    ----------
    address : str
        Of the scheduler, such as "tcp://host:8786".
    specs : sequence of str
        Names of codecs, as on the command line. Whether they can run is found out on the workers.
    qualities : mapping of codec id to sequence of float, optional
        As in `run_rd`.

    Raises
    ------
    SettingsError
        If the extra is not installed, or no scheduler answers.
    """
    from codec.rd.engine import get_codecs, planned_points

    try:
        from distributed import Client, wait
    except ImportError as error:
        raise SettingsError("Dask is not installed", hint=HOW_TO_GET) from error
    codecs = get_codecs(specs, device=device)
    by_codec = {(codec.id, codec.settings_text): spec for spec, codec in zip(_unique_specs(specs), codecs, strict=True)}
    points = planned_points(codecs, pictures, qualities)
    try:
        client = Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, TimeoutError, ValueError) as error:
        raise SettingsError(f"no scheduler answers at {address}", hint="dask scheduler starts one") from error
    rows: dict[int, RdRow] = {}
    with client, client.as_current():
        sent = client.scatter(list(pictures), broadcast=False, hash=False)
        places = {id(picture): future for picture, future in zip(pictures, sent, strict=True)}
        futures = {
            client.submit(
                _point, by_codec[codec.id, codec.settings_text], places[id(picture)], quality, name, tuple(metrics),
                device, pure=False,
            ): index
            for index, (codec, picture, name, quality) in enumerate(points)
        }  # fmt: skip
        waiting = set(futures)
        try:
            while waiting:
                check(cancel)
                try:
                    wait(waiting, timeout=POLL_S, return_when="FIRST_COMPLETED")
                except TimeoutError:
                    continue
                for future in [future for future in waiting if future.done()]:
                    waiting.discard(future)
                    index = futures[future]
                    codec, _, name, quality = points[index]
                    row = _row_of(future, RdRow(codec.id, codec.label, codec.settings_text, name, quality))
                    rows[index] = row
                    progress(len(rows) / len(points), f"{row.label} {name} {quality:g}")
                    if on_row is not None:
                        on_row(row)
        finally:
            client.cancel(list(waiting))
    return [rows[index] for index in range(len(points))]


def _unique_specs(specs: Sequence[str]) -> list[str]:
    """Specs in the order of `get_codecs`, which keeps each setting once."""
    from codec.rd.engine import get_codec

    seen: dict[tuple[str, str], str] = {}
    for spec in specs:
        codec = get_codec(spec)
        seen.setdefault((codec.id, codec.settings_text), spec)
    return list(seen.values())


def _row_of(future: Any, blank: RdRow) -> RdRow:
    error = future.exception()
    if error is not None:
        return replace(blank, error=f"on the cluster: {type(error).__name__}: {error}".splitlines()[0])
    row: RdRow = future.result()
    return row


def _point(
    spec: str, picture: Picture, quality: float, name: str, metrics: Sequence[str], device: str
) -> RdRow:  # fmt: skip
    """Run on a worker."""
    from codec.rd.engine import get_codec, measure_point

    codec = get_codec(spec, device=device)
    try:
        if (reason := codec.availability()) is not None:
            return RdRow(codec.id, codec.label, codec.settings_text, name, quality, error=reason)
        return measure_point(codec, picture, quality, name, metrics=metrics)
    except CodecError as error:
        return RdRow(codec.id, codec.label, codec.settings_text, name, quality, error=str(error))
