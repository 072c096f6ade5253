"""Show who said what about what over the text, right to left: as HTML and in the terminal."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from string import Template
from typing import TYPE_CHECKING

from aqwal.annotations.stretches import printable, stretches

if TYPE_CHECKING:
    # Prediction shows itself in notebooks through this module, so it cannot be imported at run time.
    from rich.text import Text

    from aqwal.serving.prediction import Prediction

_STYLE = """
.aqwal {direction: rtl; text-align: right; font-family: "Noto Naskh Arabic", "Amiri", "Geeza Pro", "Arial", serif;
  font-size: 1.15rem; line-height: 2.2; color: #1c1917; background: #fff; max-width: 52rem; margin: 0 auto}
.aqwal .text {white-space: pre-wrap; overflow-wrap: anywhere}
.aqwal .quote {background: #fef3c7}
.aqwal .speaker {box-shadow: inset 0 -3px #1d4ed8; color: #1e3a8a; font-weight: 700}
.aqwal .topic {border-bottom: 3px dotted #047857; color: #065f46}
.aqwal sup {font: 700 .65rem/1 sans-serif; color: #92400e; padding: 0 .15em; user-select: none}
.aqwal .legend {font-size: .9rem; color: #57534e}
.aqwal table {border-collapse: collapse; width: 100%; font-size: 1rem; line-height: 1.7; margin-top: 1rem}
.aqwal th, .aqwal td {border-top: 1px solid #d6d3d1; padding: .35rem .5rem; vertical-align: top; text-align: right}
.aqwal th {font-size: .85rem; color: #57534e}
.aqwal td.number, .aqwal td.kind {font-variant-numeric: tabular-nums; color: #57534e; white-space: nowrap}
"""
_PAGE = Template("""<!doctype html>
<html lang="ar" dir="rtl">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title>
<style>body {margin: 2rem 1rem; background: #fff}</style>
</head>
<body>
$body
</body>
</html>
""")
_FRAGMENT = Template("""<style>$style</style>
<div class="aqwal" dir="rtl" lang="ar">
<p class="legend">$legend</p>
<div class="text">$text</div>
$table
</div>""")
_LEGEND = """<span class="speaker">المتحدث</span> · <span class="quote">القول</span> ·
<span class="topic">الموضوع</span>"""
# Lines under the labels of other schemes, told apart by people who see red and green alike (Okabe and Ito 2008).
_OTHER_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
_OTHER_TERMINAL_STYLES = ("bold blue", "bold yellow", "bold green", "bold magenta", "bold red", "bold cyan")
_KINDS = {"direct": "مباشر", "indirect": "غير مباشر", "mixed": "مختلط"}
# A terminal would obey them; a carriage return hides what stands before it, unless a line of Windows ends with it.
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)")
_TERMINAL_STYLES = {"SPEAKER": "bold blue", "QUOTE": "on grey23", "TOPIC": "underline green"}


def to_html_page(prediction: Prediction) -> str:
    """Return a page of its own with the text, its spans and a table of the quotes."""
    return _PAGE.substitute(title=_safe(prediction.id or "أقوال"), body=to_html_fragment(prediction))


def to_html_fragment(prediction: Prediction) -> str:
    """Return the same for the inside of another page, as notebooks take it."""
    others = _other_labels(prediction)
    rules = [f".aqwal .other-{n} {{box-shadow: inset 0 -3px {_turn(_OTHER_COLOURS, n)}}}\n" for n in others.values()]
    return _FRAGMENT.substitute(
        style=_STYLE + "".join(rules),
        legend=" · ".join(f'<span class="other-{n}">{_safe(label)}</span>' for label, n in others.items()) or _LEGEND,
        text=_marked_text(prediction, others),
        table=_table(prediction),
    )


def _other_labels(prediction: Prediction) -> dict[str, int]:
    """Number the labels that are none of this project's scheme, by name."""
    return {label: n for n, label in enumerate(sorted({one.label for one in prediction.spans} - {*_TERMINAL_STYLES}))}


def _turn(values: Sequence[str], number: int) -> str:
    return values[number % len(values)]


def _marked_text(prediction: Prediction, others: Mapping[str, int]) -> str:
    numbers = {prediction.spans[quote.quote].start: index for index, quote in enumerate(prediction.quotes, 1)}
    parts: list[str] = []
    for start, end, spans in stretches(0, len(prediction.text), prediction.spans):
        if start in numbers and any(span.label == "QUOTE" and span.start == start for span in spans):
            parts.append(f"<sup>{numbers[start]}</sup>")
        shown = _safe(prediction.text[start:end])
        names = {f"other-{others[span.label]}" if span.label in others else span.label.lower() for span in spans}
        classes = " ".join(sorted(names))
        parts.append(f'<span class="{escape(classes)}">{shown}</span>' if classes else shown)
    return "".join(parts)


def _table(prediction: Prediction) -> str:
    if not prediction.quotes:
        return ""
    heads = "".join(f"<th scope='col'>{name}</th>" for name in ("", "من قال", "ماذا قال", "عن ماذا", "النوع", "الثقة"))
    rows = []
    for number, quote in enumerate(prediction.quotes, 1):
        words = [_words(prediction, index) for index in (quote.speaker, quote.quote, quote.topic)]
        cells = "".join(f"<td>{word}</td>" for word in words) + f"<td class='kind'>{_KINDS[quote.kind]}</td>"
        rows.append(f"<tr><td class='number'>{number}</td>{cells}<td class='number'>{quote.score:.2f}</td></tr>")
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _words(prediction: Prediction, index: int | None) -> str:
    return "—" if index is None else _safe(prediction.spans[index].text)


def _safe(text: str) -> str:
    return escape(printable(text))


def to_terminal(prediction: Prediction) -> list[Text]:
    """Return the text with its spans in colours, then one paragraph a quote, for rich to print.

    `�` stands for each control character but tabulators and line ends.
    """
    from rich.text import Text

    shown, others = Text(), _other_labels(prediction)
    styles_of = _TERMINAL_STYLES | {label: _turn(_OTHER_TERMINAL_STYLES, n) for label, n in others.items()}
    for start, end, spans in stretches(0, len(prediction.text), prediction.spans):
        styles = sorted((styles_of[span.label] for span in spans), key=len, reverse=True)
        shown.append(_without_controls(prediction.text[start:end]), style=" ".join(styles))
    legend = [Text(" · ").join(Text(label, style=styles_of[label]) for label in others)] if others else []
    return [shown, *legend, *(_terminal_quote(prediction, number) for number in range(len(prediction.quotes)))]


def _without_controls(text: str) -> str:
    return _CONTROLS.sub("�", printable(text))


def _terminal_quote(prediction: Prediction, number: int) -> Text:
    from rich.text import Text

    quote = prediction.quotes[number]
    shown = Text(f"\n{number + 1}. ")
    for name, label, index in (
        ("", "SPEAKER", quote.speaker),
        (": ", "QUOTE", quote.quote),
        (" ← ", "TOPIC", quote.topic),
    ):
        words = "—" if index is None else _without_controls(prediction.spans[index].text)
        shown.append(name).append(words, style=_TERMINAL_STYLES[label])
    return shown.append(f" ({quote.kind}, {quote.score:.2f})", style="dim")
