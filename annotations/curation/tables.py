"""Figures as tables for the terminal, one set of files or two side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from rich.table import Table

from aqwal.annotations.curation.figures import Figures, Spread, Tally
from aqwal.annotations.curation.plan import Group, Outcome, Seen

WORDS_SHOWN = 30

# The name of a set of files and what it is.
Named = Mapping[str, Figures]


def figure_tables(sets: Named) -> list[Table]:
    """Return the tables of one or more sets, a column (of lengths: a row) for each."""
    return [
        _sizes(sets),
        _shares("quotes by kind", sets, lambda figures: figures.kinds, _of_quotes),
        _shares("quotes with", sets, lambda one: {"speaker": one.with_speaker, "topic": one.with_topic}, _of_quotes),
        _spreads(sets),
        _shares("the speaker of a quote stands", sets, lambda figures: figures.positions, _of_quotes),
        _tallies("quotation marks", "found (in share of articles)", sets, lambda figures: figures.marks),
        _tallies("spelling", "found (in share of articles)", sets, lambda figures: figures.spelling),
        _tallies("ways of reporting, roughly", "quotes (in share of articles)", sets, lambda figures: figures.ways),
        _reporting_words(sets),
    ]


def outcome_tables(outcome: Outcome) -> list[Table]:
    """Return the tables of planned beside written."""
    return [
        *(_groups(field, groups) for field, groups in outcome.groups.items() if groups),
        _lengths(outcome),
        _seen("quotes as planned", outcome.quotes),
        _seen("way of reporting as planned", outcome.reporting),
        _seen("spelling as planned", outcome.spelling),
        _seen("what looks like a quote and is none, as planned", outcome.not_quotes),
        _seen("country as planned", outcome.country),
    ]


def _table(title: str, columns: Iterable[str]) -> Table:
    table = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _share(count: int, of: int) -> str:
    return f"{count:,} ({100 * count / of:.1f} %)" if of else f"{count:,}"


def _of_quotes(figures: Figures) -> int:
    return figures.quotes


def _sizes(sets: Named) -> Table:
    table = _table("size", ["", *sets])
    each = sets.values()
    table.add_row("articles", *(f"{one.articles:,}" for one in each))
    table.add_row("words", *(f"{one.words:,}" for one in each))
    table.add_row("quotes", *(f"{one.quotes:,}" for one in each))
    table.add_row("quotes per 100 words", *(f"{100 * one.quotes / max(one.words, 1):.2f}" for one in each))
    table.add_row("articles without quote", *(_share(one.without_quote, one.articles) for one in each))
    return table


def _shares(
    title: str, sets: Named, counts: Callable[[Figures], Mapping[str, int]], total: Callable[[Figures], int]
) -> Table:
    table = _table(title, ["", *sets])
    for name in _names(counts(figures) for figures in sets.values()):
        table.add_row(name, *(_share(counts(figures).get(name, 0), total(figures)) for figures in sets.values()))
    return table


def _tallies(title: str, what: str, sets: Named, tallies: Callable[[Figures], Mapping[str, Tally]]) -> Table:
    table = _table(f"{title}: {what}", ["", *sets])
    for name in _names(tallies(figures) for figures in sets.values()):
        cells = (_tally(tallies(figures).get(name, Tally(0, 0)), figures.articles) for figures in sets.values())
        table.add_row(name, *cells)
    return table


def _tally(tally: Tally, articles: int) -> str:
    return f"{tally.found:,} ({100 * tally.articles / articles:.1f} %)" if articles else f"{tally.found:,}"


def _spreads(sets: Named) -> Table:
    table = _table(
        "length in words: mean and deciles", ["", "files", "mean", *(f"{tenth}0 %" for tenth in range(1, 10))]
    )
    for name in _names(figures.lengths for figures in sets.values()):
        for set_name, figures in sets.items():
            table.add_row(name, set_name, *_spread(figures.lengths[name]))
    return table


def _spread(spread: Spread) -> list[str]:
    return [f"{spread.mean:.1f}", *map(str, spread.deciles)]


def _reporting_words(sets: Named) -> Table:
    """Show the most frequent words of the first set beside their share in the others."""
    table = _table(f"the {WORDS_SHOWN} most frequent reporting words, roughly", ["", *sets])
    first = next(iter(sets.values()))
    for word in list(first.reporting_words)[:WORDS_SHOWN]:
        table.add_row(word, *(_share(one.reporting_words.get(word, 0), one.quotes) for one in sets.values()))
    return table


def _names(each: Iterable[Mapping[str, object]]) -> list[str]:
    return list(dict.fromkeys(name for names in each for name in names))


def _groups(field: str, groups: Mapping[str, Group]) -> Table:
    columns = ["planned", "written", "words", "quotes", "without", "direct", "mixed", "quote words", "sentence words"]
    table = _table(f"by {field}", [field, *columns])
    for name, group in groups.items():
        table.add_row(name, *_group(group))
    return table


def _group(group: Group) -> Sequence[str]:
    kinds = (f"{100 * group.kinds[kind] / max(group.quotes, 1):.0f} %" for kind in ("direct", "mixed"))
    counts = (group.planned, group.written, group.words, group.quotes, group.without_quote)
    return [*(f"{count:,}" for count in counts), *kinds, f"{group.quote_words:.1f}", f"{group.sentence_words:.1f}"]


def _lengths(outcome: Outcome) -> Table:
    table = _table("length as planned", ["length", "words", "shorter", "within", "longer"])
    for name, kept in outcome.lengths.items():
        table.add_row(name, f"{kept.fewest}-{kept.most}", str(kept.shorter), str(kept.within), str(kept.longer))
    return table


def _seen(title: str, things: Mapping[str, Seen]) -> Table:
    table = _table(title, ["", "planned", "written", "seen in"])
    for name, thing in things.items():
        table.add_row(name, str(thing.planned), str(thing.written), "—" if thing.seen is None else str(thing.seen))
    return table
