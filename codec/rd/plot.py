"""RD plots as PNG or SVG, drawn by matplotlib without a window or global state: safe in any thread."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from codec.errors import InputError
from codec.files import write_bytes
from codec.metrics.measure import METRICS
from codec.rd.curves import RATE_NAMES, Curve, Rate, main_metric, short_names, what_of
from codec.rd.style import DARK, LIGHT, CodecStyle, family_of, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SIZE_IN = (7.6, 5.6)
DPI = 150
FORMATS = {".png": "png", ".svg": "svg"}


def render_rd(
    curves: Sequence[Curve],
    *,
    metric: str = "",
    rate: Rate = "bpp",
    picture: str = "",
    current: Sequence[tuple[str, float, float]] = (),
    title: str = "",
    dark: bool = False,
    image_format: Literal["png", "svg"] = "png",
) -> bytes:
    """Draw RD curves.

    Parameters
    ----------
    curves : sequence of Curve
        From `curves_of`.
    metric : str
        Vertical axis, one of `METRICS`; the main one if empty.
    rate : {"bpp", "bytes"}
        Horizontal axis.
    picture : str
        One picture; "" draws the curves averaged over the pictures that all curves have.
    current : sequence of (codec, rate, quality)
        Points to ring, such as where a slider stands.
    title : str
        Above the plot; made from the pictures if empty.
    dark : bool
        Ground and colours.
    image_format : {"png", "svg"}
        Of the bytes returned.
    """
    import matplotlib as mpl
    from matplotlib.figure import Figure

    theme = DARK if dark else LIGHT
    metric = metric or main_metric(curves)
    points, about = _points(curves, metric, rate, picture)
    # A fixed salt and no date: the same curves give the same file.
    with mpl.rc_context({"svg.hashsalt": "rd", "svg.fonttype": "path", "font.size": 10}):
        figure = Figure(figsize=SIZE_IN, dpi=DPI, facecolor=theme.ground, layout="constrained")
        axes = figure.add_subplot(facecolor=theme.ground)
        turns: Counter[str] = Counter()
        styles: dict[str, CodecStyle] = {}
        for curve, name, line in zip(curves, short_names(curves), points, strict=True):
            if not line:
                continue
            style = style_of(curve.codec, turns[family_of(curve.codec)])
            turns[family_of(curve.codec)] += 1
            styles.setdefault(curve.codec, style)
            axes.plot(
                [x for x, _ in line],
                [value for _, value in line],
                color=style.color(dark=dark),
                marker=style.marker,
                linestyle=style.dash,
                linewidth=style.width_pt,
                markersize=4.5,
                label=name,
                zorder=3 if family_of(curve.codec) == "tnc" else 2,
            )
        for codec, bpp, value in current:
            color = styles.get(codec, style_of(codec)).color(dark=dark)
            axes.plot([bpp], [value], "o", color=color, markersize=12, fillstyle="none", markeredgewidth=2)
        _dress(axes, theme.text, theme.grid)
        axes.set_xlabel(RATE_NAMES[rate])
        axes.set_ylabel(METRICS[metric].axis)
        axes.set_title(title or about, color=theme.text, fontsize=11, loc="left")
        if any(points):
            # Below the plot: settings make long entries, which would cover curves.
            figure.legend(
                loc="outside lower left", frameon=False, labelcolor=theme.text, fontsize=8.5, ncols=1, handlelength=3
            )
        buffer = io.BytesIO()
        metadata = {"Date": None} if image_format == "svg" else {"Software": None}
        figure.savefig(buffer, format=image_format, facecolor=theme.ground, metadata=metadata)
    return buffer.getvalue()


def write_plot(
    curves: Sequence[Curve],
    path: str | Path,
    *,
    metric: str = "",
    rate: Rate = "bpp",
    picture: str = "",
    title: str = "",
    dark: bool = False,
) -> None:
    """Write a plot; the suffix (.png or .svg) chooses the format."""
    suffix = Path(path).suffix.lower()
    if suffix not in FORMATS:
        raise InputError(f"plots are PNG or SVG, not {suffix or 'without suffix'}", where=str(path))
    image_format: Literal["png", "svg"] = "svg" if suffix == ".svg" else "png"
    data = render_rd(
        curves, metric=metric, rate=rate, picture=picture, title=title, dark=dark, image_format=image_format
    )
    write_bytes(path, data)


def _points(
    curves: Sequence[Curve], metric: str, rate: Rate, picture: str
) -> tuple[list[list[tuple[float, float]]], str]:
    """Points of each curve, and what they are of."""
    if picture:
        return [curve.points(picture, metric, rate) for curve in curves], picture
    common = common_pictures(curves)
    if len(common) == 1:
        return [curve.points(common[0], metric, rate) for curve in curves], common[0]
    return [
        curve.average(metric, common, rate) for curve in curves
    ], f"mean of {len(common)} {what_of(curves)}s per setting"


def common_pictures(curves: Sequence[Curve]) -> list[str]:
    """Pictures that every curve has: what averages are taken over."""
    return [name for name in (curves[0].rows if curves else []) if all(name in curve.rows for curve in curves)]


def _dress(axes: Axes, text: str, grid: str) -> None:
    axes.grid(visible=True, color=grid, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(colors=text, which="both", length=3)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(text)
    axes.xaxis.label.set_color(text)
    axes.yaxis.label.set_color(text)
    axes.set_xlim(left=0)
