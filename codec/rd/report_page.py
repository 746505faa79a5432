"""The page around a report: one style sheet for screen (light and dark) and print, and tables."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from html import escape

from codec.rd.style import DARK, LIGHT

_CSS = f"""
:root {{ color-scheme: light dark; --ground: {LIGHT.ground}; --text: {LIGHT.text}; --line: {LIGHT.grid}; }}
body {{ font: 15px/1.5 system-ui, sans-serif; color: var(--text); background: var(--ground);
  max-width: 72rem; margin: 2rem auto; padding: 0 1.5rem; }}
h1 {{ font-size: 1.7rem; margin: 0; }}
h2 {{ font-size: 1.15rem; margin: 2.2rem 0 .6rem; }}
p {{ max-width: 52rem; }}
.plots {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(26rem, 1fr)); gap: 1rem; }}
figure {{ margin: 0; }}
img {{ width: 100%; height: auto; }}
img.dark {{ display: none; }}
.shots {{ display: grid; grid-template-columns: repeat(auto-fit, minmax(17rem, 1fr)); gap: 1rem; }}
.shots.crops {{ grid-template-columns: repeat(auto-fit, minmax(13rem, 1fr)); }}
.shots img {{ display: block; border: 1px solid var(--line); }}
.pixels {{ image-rendering: pixelated; }}
figcaption {{ font-size: .85rem; line-height: 1.35; margin-top: .3rem; }}
.bar {{ display: flex; align-items: center; white-space: nowrap; gap: .5rem; font-size: .85rem;
  font-variant-numeric: tabular-nums; }}
.bar img {{ height: .8rem; width: auto; min-width: 0; flex: 1; border: 1px solid var(--line); }}
.notes {{ white-space: pre-wrap; }}
h3 {{ font-size: 1rem; margin: 1.2rem 0 .4rem; }}
.wide {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-variant-numeric: tabular-nums; }}
th, td {{ padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); text-align: right; vertical-align: top; }}
th {{ font-weight: 600; }}
.text {{ text-align: left; }}
summary {{ cursor: pointer; padding: .3rem 0; }}
@media screen and (prefers-color-scheme: dark) {{
  :root {{ --ground: {DARK.ground}; --text: {DARK.text}; --line: {DARK.grid}; }}
  img.light {{ display: none; }}
  img.dark {{ display: inline; }}
}}
@media print {{
  body {{ margin: 0; max-width: none; font-size: 10pt; }}
  tr, figure, .shots {{ break-inside: avoid; }}
  h2, h3 {{ break-after: avoid; }}
}}
"""


def page(title: str, subtitle: str, parts: Sequence[tuple[str, str]]) -> str:
    """Whole document of headed parts; titles are escaped here, the parts' bodies are HTML already."""
    sections = "".join(f"<section><h2>{escape(head)}</h2>{body}</section>\n" for head, body in parts)
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_CSS}</style></head>\n'
        f"<body><h1>{escape(title)}</h1><p>{escape(subtitle)}</p>\n{sections}</body></html>\n"
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, text_columns: Collection[int] = (0,)) -> str:
    """Table of plain texts, escaped here; a head of empty texts is left out."""

    def line(tag: str, cells: Sequence[str]) -> str:
        marks = (' class="text"' if index in text_columns else "" for index in range(len(cells)))
        return (
            "<tr>"
            + "".join(f"<{tag}{mark}>{escape(c)}</{tag}>" for mark, c in zip(marks, cells, strict=True))
            + "</tr>"
        )

    top = f"<thead>{line('th', head)}</thead>" if any(head) else ""
    return f'<div class="wide"><table>{top}<tbody>{"".join(line("td", row) for row in rows)}</tbody></table></div>'
