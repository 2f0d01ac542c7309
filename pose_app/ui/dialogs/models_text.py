"""The texts of the Models dialog: table columns, details, the expected frame rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from html import escape
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QCoreApplication

if TYPE_CHECKING:
    from ...network.published import ModelEntry
    from ...pipeline.metrics import FrameMetrics


def tr(text: str) -> str:
    """The text in the language of the window."""
    return QCoreApplication.translate("ModelsDialog", text)


class Column(NamedTuple):
    """A column of the table: `value` is what it sorts by, `text` what it shows."""

    title: str
    help: str
    value: Callable[[ModelEntry], Any]
    text: Callable[[ModelEntry], str]


def state(entry: ModelEntry) -> str:
    """Whether a model can be used at once, in a word or two."""
    if entry.problem is not None:
        return tr("damaged")
    if entry.installed:
        return tr("installed")
    return tr("by hand") if entry.url is None else tr("to download")


def megabytes(size: int | None) -> str:
    """A size in bytes as text; empty where it is not known."""
    if size is None:
        return ""
    return f"{size / 1e6:.1f} MB" if size < 1e7 else f"{size / 1e6:.0f} MB"


def accuracy(entry: ModelEntry) -> str:
    """The accuracy with its metric; empty where it is not known."""
    return f"{entry.accuracy} {entry.metric}".strip() if entry.accuracy else ""


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


COLUMNS: tuple[Column, ...] = (
    Column("Name", "The name, also for the command line", lambda e: e.name, lambda e: e.name),
    Column("Status", "Whether it is installed", lambda e: (not e.installed, e.name), state),
    Column(
        "Stacks",
        "Hourglasses in a row: each corrects the one before",
        lambda e: e.stacks,
        lambda e: str(e.stacks or ""),
    ),
    Column(
        "Input",
        "Width x height in pixels that the network sees",
        lambda e: e.input_size,
        lambda e: f"{e.input_size[1]} x {e.input_size[0]}" if e.input_size[0] else "",
    ),
    Column(
        "Params (M)",
        "Millions of parameters: numbers that were learned",
        lambda e: e.parameters or 0.0,
        lambda e: _figure(e.parameters),
    ),
    Column(
        "GMAC",
        "Billions of multiplications per picture: twice as many take twice as long",
        lambda e: e.gmac or 0.0,
        lambda e: _figure(e.gmac),
    ),
    Column(
        "Accuracy",
        "As its authors report it; figures of different metrics cannot be compared",
        lambda e: (e.metric, e.accuracy),
        accuracy,
    ),
    Column("Size", "Size of the file", lambda e: e.size or 0, lambda e: megabytes(e.size)),
    Column("Licence", "Licence of the weights", lambda e: e.licence, lambda e: e.licence),
)


def expected_fps(
    entry: ModelEntry, running: ModelEntry | None, stats: FrameMetrics | None
) -> float | None:
    """The frame rate to expect of a model with all its stacks, from that of the running one.

    The cost of a network is nearly all multiplications; the other stages stay as they are. None
    where nothing runs or a figure is missing.
    """
    if running is None or stats is None or not running.gmac or not entry.gmac:
        return None
    network = stats.stages.get("network")
    if network is None or network.median <= 0:
        return None
    share = (stats.stacks_now or 1) / (stats.stacks_all or 1)
    others = sum(
        time.median
        for stage, time in stats.stages.items()
        if stage in ("find", "crop", "decode", "track")
    )
    return 1000.0 / (network.median * entry.gmac / (running.gmac * share) + others)


def about(entry: ModelEntry, metrics: Mapping[str, str], fps: float | None) -> str:
    """Rich text about a model."""
    parts = [f"<b>{escape(entry.title)}</b>"]
    if entry.problem is not None:
        parts.append(escape(entry.problem))
    if entry.accuracy:
        meaning = escape(metrics.get(entry.metric, ""))
        parts.append(f"<b>{escape(accuracy(entry))}</b>. {meaning}")
    if fps is not None:
        words = tr("Expected on this machine: up to {0} frames per second with all stacks, "
                   "estimated from the running model.")  # fmt: skip
        if entry.stacks > 1 and fps < 25:
            words += " " + tr("With fewer stacks it is faster.")
        parts.append(words.format(f"{fps:.0f}" if fps >= 10 else f"{fps:.1f}"))
    if not entry.installed and entry.url is None:
        parts.append(
            tr(
                "This file can only be downloaded by a browser: get it from the source page, then "
                "add it here."
            )
        )
    facts = tr("Family: {0}. Joints: {1}. Licence: {2}.").format(
        entry.family or "–", entry.joints, entry.licence or "–"
    )
    parts.append(escape(facts))
    if entry.page:
        parts.append(f"{tr('Source page')}: {_linked(entry.page)}")
    return "<br>".join(parts)


def _linked(page: str) -> str:
    """A web address as a link; any other text that a model file may hold as plain text."""
    text = escape(page, quote=True)
    web = page.lower().startswith(("http://", "https://"))
    return f"<a href='{text}'>{text}</a>" if web else text
