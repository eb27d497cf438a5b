"""A summary as text for the terminal. rich is imported only when something is rendered."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from wit_builder.errors import many
from wit_builder.report.fetched import Fetched
from wit_builder.report.folder import plain
from wit_builder.report.queries import Queries
from wit_builder.report.tally import Count
from wit_builder.report.totals import HostFailures, StageRow, Summary

if TYPE_CHECKING:
    from rich.console import Group, RenderableType
    from rich.table import Table

REASONS = 12  # named per stage; the rest is added up
ROWS = 10  # of every other table
_BAR = 24  # columns


def render_text(shown: Summary) -> "Group":
    """The summary as one rich renderable; no foreign text in it is read as markup."""
    from rich.console import Group

    parts: list[RenderableType] = [_head(shown)]
    if shown.funnel:
        parts.append(_funnel_table(shown.funnel))
    if shown.samples:
        parts += [
            _counts_table(title, counts, shown.samples)
            for title, counts in (
                ("host", shown.hosts),
                ("language", shown.languages),
                ("text stood in", shown.text_sources),
                ("shorter side, pixels", shown.sizes),
            )
        ]
    if shown.queries:
        parts += _queries(shown.queries)
    if shown.failing_hosts:
        parts.append(_failures_table(shown.failing_hosts))
    if shown.diagnosis.sentences:
        parts.append(_diagnosis(shown.diagnosis.sentences))
    parts += [_note(sentence) for sentence in shown.notes]
    return Group(*parts)


def render_fetched(out: str, shown: Fetched) -> "Group":
    """The same of a folder that `wit fetch` wrote."""
    from rich.console import Group
    from rich.text import Text

    share = f", {percent(shown.pairs, shown.rows)}" if shown.rows else ""
    head = Text(
        f"{plain(out, 1000)}: {shown.pairs:,} of {shown.rows:,} rows became pairs{share}", style="bold"
    )
    parts: list[RenderableType] = [head]
    if shown.others:
        parts.append(Text(f"{many(shown.others, 'sidecar')} of another program beside them, not counted"))
    if shown.diagnosis.sentences:
        parts.append(_diagnosis(shown.diagnosis.sentences))
    return Group(*parts)


def bytes_text(n: int) -> str:
    """1234567 as "1.2 MB"; powers of 1000, as disks are sold."""
    size = float(n)
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "bytes" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def percent(n: int, of: int) -> str:
    """The share of n, "" of nothing; never 0 % or 100 % for what is not none or all."""
    if not of:
        return ""
    share = 100 * n / of
    if 0 < share < 0.1:
        return "<0.1 %"
    if 99.9 < share < 100:
        return ">99.9 %"
    return f"{share:.1f} %"


def _head(shown: Summary) -> "RenderableType":
    from rich.text import Text

    name = shown.name or shown.out
    text = Text(name, style="bold")
    if shown.state:
        text.append(f"  {shown.state}", style="green" if shown.state == "complete" else "yellow")
    text.append(
        f"\n{shown.samples:,} samples in {shown.shards:,} shards, {bytes_text(shown.shard_bytes)}\n",
        style="not bold",
    )
    return text


def _funnel_table(stages: Sequence[StageRow]) -> "Table":
    table = _table("stage", "seen", "kept", "dropped", "because")
    for row in stages:
        lost = row.seen - row.kept
        table.add_row(
            _cell(row.stage),
            f"{row.seen:,}",
            f"{row.kept:,}",
            f"{lost:,}  {percent(lost, row.seen)}",
            _cell("\n".join(_reasons(row.dropped, REASONS))),
        )
        table.add_section()
    return table


def _reasons(counts: Sequence[Count], n: int) -> list[str]:
    lines = [f"{count.name} {count.n:,}" for count in counts[:n]]
    rest = counts[n:]
    return [*lines, f"{len(rest)} more {sum(count.n for count in rest):,}"] if rest else lines


def _counts_table(title: str, counts: Sequence[Count], total: int) -> "Table":
    table = _table(title, "pairs", "share", "")
    most = max((count.n for count in counts), default=0)
    for count in counts[:ROWS]:
        bar = "━" * round(_BAR * count.n / most) if most else ""
        table.add_row(_cell(count.name or "–"), f"{count.n:,}", percent(count.n, total), _cell(bar, "cyan"))
    return table


def queries_text(shown: Queries) -> str:
    """How many there are, how many no pair holds, how many are full."""
    never = f"{shown.entries:,} queries, {shown.never:,} of them in no caption"
    return f"{never}, {shown.full:,} with more than {shown.per_query:,} pairs" if shown.rule else never


def _queries(shown: Queries) -> "list[RenderableType]":
    table = _table("query", "pairs", "kept", "")
    most = max((heavy.matched for heavy in shown.heaviest), default=1)
    for heavy in shown.heaviest:
        bar = "━" * round(_BAR * heavy.kept / most)
        table.add_row(_cell(heavy.entry), f"{heavy.matched:,}", f"{heavy.kept:,}", _cell(bar, "cyan"))
    return [_cell(queries_text(shown)), table]


def _failures_table(hosts: Iterable[HostFailures]) -> "Table":
    table = _table("host not had", "items", "because")
    for host in list(hosts)[:ROWS]:
        because = ", ".join(f"{count.name} {count.n:,}" for count in host.reasons[:3])
        table.add_row(_cell(host.host or "–"), f"{host.n:,}", _cell(because))
    return table


def _diagnosis(sentences: Iterable[str]) -> "Table":
    table = _table("why downloads failed")
    for sentence in sentences:
        table.add_row(_cell(sentence))
    return table


def _table(*columns: str) -> "Table":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for i, name in enumerate(columns):
        numeric = name in ("seen", "kept", "dropped", "pairs", "share", "items")
        table.add_column(name, justify="right" if numeric else "left", no_wrap=numeric, overflow="fold")
        table.columns[i].style = "" if i else "bold"
    return table


def _cell(text: str, style: str = "") -> "RenderableType":
    from rich.text import Text

    return Text(text, style=style)


def _note(sentence: str) -> "RenderableType":
    from rich.text import Text

    return Text(f"note: {sentence}", style="yellow")
