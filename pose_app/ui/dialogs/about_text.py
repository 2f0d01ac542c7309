"""The texts of the About dialog: papers, licences of the packages, the model card."""

from __future__ import annotations

import importlib.metadata
import re
from html import escape
from typing import NamedTuple

from ...doctor import PACKAGES
from ...errors import PoseAppError
from ...paths import bundled

_LONGEST = 60  # characters of a licence's name: some packages put its whole text in its place


class Paper(NamedTuple):
    """A paper; `use` is what the app takes from it."""

    authors: str
    title: str
    where: str
    address: str
    use: str


PAPERS = (
    Paper(
        "A. Newell, K. Yang and J. Deng",
        "Stacked Hourglass Networks for Human Pose Estimation",
        "ECCV 2016",
        "https://arxiv.org/abs/1603.06937",
        "the network: hourglasses in a row, each with heatmaps and a loss of its own",
    ),
    Paper(
        "X. Zhou, D. Wang and P. Krähenbühl",
        "Objects as Points",
        "2019",
        "https://arxiv.org/abs/1904.07850",
        "the person finder: a map of centres, with a size and an offset at each",
    ),
    Paper(
        "G. Casiez, N. Roussel and D. Vogel",
        "1€ Filter: A Simple Speed-based Low-pass Filter for Noisy Input in Interactive Systems",
        "CHI 2012",
        "https://doi.org/10.1145/2207676.2208639",
        "smooth movements: a still joint is calm, a fast one does not lag",
    ),
    Paper(
        "F. Zhang, X. Zhu, H. Dai, M. Ye and C. Zhu",
        "Distribution-Aware Coordinate Representation for Human Pose Estimation",
        "CVPR 2020",
        "https://arxiv.org/abs/1910.06278",
        "joints more exact than the heatmap's pixels, for models trained for it",
    ),
    Paper(
        "M. Andriluka, L. Pishchulin, P. Gehler and B. Schiele",
        "2D Human Pose Estimation: New Benchmark and State of the Art Analysis",
        "CVPR 2014",
        "https://doi.org/10.1109/CVPR.2014.471",
        "MPII: pictures the default model was trained on, and the measure PCKh",
    ),
    Paper(
        "S. Johnson and M. Everingham",
        "Learning Effective Human Pose Estimation from Inaccurate Annotation",
        "CVPR 2011",
        "https://doi.org/10.1109/CVPR.2011.5995318",
        "Leeds Sports Pose Extended: pictures the default model was trained on",
    ),
)


def papers() -> str:
    """Rich text: the papers and what the app takes from each."""
    return "".join(
        f"<p><b>{escape(paper.title)}</b><br>{escape(paper.authors)}, {escape(paper.where)}, "
        f"<a href='{escape(paper.address)}'>{escape(paper.address.removeprefix('https://'))}</a>"
        f"<br><i>{escape(paper.use)}</i></p>"
        for paper in PAPERS
    )


def licences() -> list[tuple[str, str, str]]:
    """(name, version, licence) of every package that the app uses, from their metadata."""
    return [(name, *_of_package(name)) for name in PACKAGES]


def model_card() -> str:
    """Markdown about the default models. Raises PoseAppError where the file is missing.

    Files that it shows or links to come with the source code, not with the app: they are named.
    """
    try:
        text = bundled("weights", "README.md").read_text(encoding="utf-8")
    except OSError as error:
        raise PoseAppError(f"The model card cannot be read: {error.strerror}.") from None
    text = re.sub(r"!\[([^]]*)\]\(([^)]*)\)", r"*\1: weights/\2 in the source code*", text)
    return re.sub(r"\[([^]]*)\]\((?!#|https?:)[^)]*\)", r"\1", text)


def _of_package(name: str) -> tuple[str, str]:
    try:
        about = importlib.metadata.metadata(name)
    except importlib.metadata.PackageNotFoundError:
        return "", "not installed"
    return about["Version"] or "", _licence(about)


def _licence(about: importlib.metadata.PackageMetadata) -> str:
    """The licence's name: an SPDX expression, a short text, or the classifiers."""
    for expression in about.get_all("License-Expression") or ():
        return str(expression)
    for text in about.get_all("License") or ():
        first = str(text).strip().partition("\n")[0].strip()
        if first and len(first) <= _LONGEST:
            return first
    named = [
        line.rpartition(" :: ")[2]
        for line in about.get_all("Classifier") or ()
        if line.startswith("License ::")
    ]
    return ", ".join(named) or "see its home page"
