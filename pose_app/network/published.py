"""The published stacked hourglass models that the app can download, or add from a file.

Accuracies are the authors' own figures and cannot be compared across metrics: see `METRICS`.
Parameters and GMAC are of the graph that runs, without the unused tensors of some files. Download
sizes are estimates.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

PCKH = "PCKh@0.5"
PCKH_ALL = "PCKh@0.5, all 16 joints"
AP = "COCO AP"
PCK_SPORT = "PCK@0.2, limbs"

METRICS = {
    PCKH: (
        "Percentage of joints within half a head length of the truth, MPII validation, without "
        "pelvis and thorax. FPD and mmpose average each picture with its mirror image (flip test), "
        "which helps a little."
    ),
    PCKH_ALL: (
        "The same percentage over all 16 joints, pelvis and thorax included: not comparable with "
        "figures that leave them out."
    ),
    AP: (
        "Mean average precision in percent over object keypoint similarity .50 to .95, COCO "
        "val2017, with a person detector's boxes and flip test: much stricter than PCKh, and for "
        "COCO's 17 joints."
    ),
    PCK_SPORT: (
        "Percentage of the 12 limb joints within a fifth of the torso of the truth, on 224 people "
        "of held-out sport images of MPII, without flip test. The published models were measured "
        "on other images and in another way, so their figures cannot be compared with it."
    ),
}

# The result of `pose-app evaluate mpii.npz --held-out` for the bundled model (weights/README.md).
DEFAULT_ACCURACY = "86.5"


@dataclass(frozen=True)
class ModelEntry:
    """One model that can be chosen, installed or not.

    Attributes:
        name: As on the command line.
        title: A short description.
        family: A key of `families.FAMILIES`, or `pose-app`.
        stacks: Their number.
        input_size: (height, width) in pixels.
        joints: The name of the skeleton.
        licence: SPDX identifier.
        parameters: In millions; None where unknown.
        gmac: 10**9 multiply-accumulates per image; None where unknown.
        accuracy: As reported, in `metric`.
        metric: A key of `METRICS`, or "".
        size: Of the download in bytes, roughly.
        page: The address of its description.
        url: The address of the file; None where only a browser can download it.
        sha256: The full hash, its first digits, or "" where none was published.
        file: The installed file; None where it is not installed.
        problem: Why the installed file cannot be used.
    """

    name: str
    title: str
    family: str
    stacks: int
    input_size: tuple[int, int]
    joints: str
    licence: str
    parameters: float | None = None
    gmac: float | None = None
    accuracy: str = ""
    metric: str = ""
    size: int | None = None
    page: str = ""
    url: str | None = None
    sha256: str = ""
    file: Path | None = None
    problem: str | None = None

    @property
    def installed(self) -> bool:
        return self.file is not None


_PRINCETON = "https://github.com/princeton-vl/pytorch_stacked_hourglass"
_ANIBALI = "https://github.com/anibali/pytorch-stacked-hourglass"
_BEARPAW_FILES = f"{_ANIBALI}/releases/download/v0.0.0"
_MMPOSE = "https://mmpose.readthedocs.io/en/latest/model_zoo_papers/backbones.html"
_MMPOSE_FILES = "https://download.openmmlab.com/mmpose/top_down/hourglass"
_FPD = "https://github.com/ilovepose/fast-human-pose-estimation.pytorch"
_MOBILE_FPD = "https://github.com/yuanyuanli85/Fast_Human_Pose_Estimation_Pytorch"


def _princeton(stacks: int, parameters: float, gmac: float, accuracy: str, size: int) -> ModelEntry:
    return ModelEntry(
        name=f"princeton-{stacks}hg",
        title=f"The original: {stacks} stacks x 256 channels, retrained by Newell's group",
        family="princeton",
        stacks=stacks,
        input_size=(256, 256),
        joints="mpii-16",
        licence="BSD-3-Clause",
        parameters=parameters,
        gmac=gmac,
        accuracy=accuracy,
        metric=PCKH_ALL,
        size=size,
        page=_PRINCETON,
        url=f"http://www-personal.umich.edu/~cnris/original_{stacks}hg/checkpoint.pt",
    )


def _bearpaw(stacks: int, prefix: str, cost: tuple[float, float], accuracy: str) -> ModelEntry:
    return ModelEntry(
        name=f"bearpaw-hg{stacks}",
        title=f"pytorch-pose: {stacks} {'stack' if stacks == 1 else 'stacks'} x 256 channels",
        family="bearpaw",
        stacks=stacks,
        input_size=(256, 256),
        joints="mpii-16",
        licence="GPL-3.0",
        parameters=cost[0],
        gmac=cost[1],
        accuracy=accuracy,
        metric=PCKH if accuracy else "",
        size=round(cost[0] * 4e6),
        page=_ANIBALI,
        url=f"{_BEARPAW_FILES}/bearpaw_hg{stacks}-{prefix}.pth",
        sha256=prefix,
    )


def _mmpose(data: str, side: int, prefix: str, date: str, accuracy: str) -> ModelEntry:
    return ModelEntry(
        name=f"mmpose-hg52-{data}-{side}",
        title=f"mmpose: CornerNet's Hourglass-52 at {side} pixels",
        family="mmpose",
        stacks=1,
        input_size=(side, side),
        joints="coco-17" if data == "coco" else "mpii-16",
        licence="Apache-2.0",
        parameters=93.67,
        gmac=28.62 if side == 256 else 64.39,
        accuracy=accuracy,
        metric=AP if data == "coco" else PCKH,
        size=379_000_000,
        page=_MMPOSE,
        url=f"{_MMPOSE_FILES}/hourglass52_{data}_{side}x{side}-{prefix}_{date}.pth",
        sha256=prefix,
    )


PUBLISHED = (
    _princeton(8, 25.43, 27.44, "90.2", 394_000_000),
    _princeton(2, 6.57, 8.33, "88.3", 101_000_000),
    _bearpaw(8, "90e5d470", (25.59, 28.09), "88.78"),
    _bearpaw(2, "15e342d9", (6.73, 8.99), "86.95"),
    _bearpaw(1, "ce125879", (3.59, 5.80), ""),
    _mmpose("coco", 256, "4ec713ba", "20200709", "72.6"),
    _mmpose("coco", 384, "be91ba2b", "20200812", "74.6"),
    _mmpose("mpii", 256, "ae358435", "20200812", "88.9"),
    _mmpose("mpii", 384, "04090bc3", "20200812", "89.4"),
    ModelEntry(
        name="fpd-4x128",
        title="Fast Pose Distillation: 4 stacks x 128 channels",
        family="fpd",
        stacks=4,
        input_size=(256, 256),
        joints="mpii-16",
        licence="MIT",
        parameters=3.29,
        gmac=3.91,
        accuracy="89.0",
        metric=PCKH,
        size=13_000_000,
        page=_FPD,
    ),
    ModelEntry(
        name="mobile-fpd-2x256",
        title="Fast Pose Distillation, depthwise: 2 stacks x 256 channels",
        family="mobile-fpd",
        stacks=2,
        input_size=(256, 256),
        joints="mpii-16",
        licence="Apache-2.0",
        parameters=2.31,
        gmac=3.60,
        accuracy="85.4",
        metric=PCKH,
        size=9_300_000,
        page=_MOBILE_FPD,
    ),
)

LICENCES = {
    "BSD-3-Clause": (
        "Use, change and pass on freely, with the copyright notice; the authors' names may not be "
        "used for advertising; no warranty.",
        "https://opensource.org/license/bsd-3-clause",
    ),
    "MIT": (
        "Use, change and pass on freely, with the copyright notice; no warranty.",
        "https://opensource.org/license/mit",
    ),
    "Apache-2.0": (
        "Use, change and pass on freely, with the licence and notes of changes; a patent grant is "
        "included; no warranty.",
        "https://www.apache.org/licenses/LICENSE-2.0",
    ),
    "GPL-3.0": (
        "Use freely; whoever passes on the weights, or a program built from them, must do so under "
        "the GPL as well, with its source; no warranty.",
        "https://www.gnu.org/licenses/gpl-3.0.html",
    ),
}


def licence_text(entry: ModelEntry) -> str:
    """What to show before the first download: the licence, its meaning and the training data."""
    meaning, address = LICENCES.get(entry.licence, ("The terms are on the source page.", ""))
    data = "COCO" if entry.joints == "coco-17" else "MPII Human Pose"
    lines = [
        f"{entry.title}",
        f"Licence of the repository that publishes the weights: {entry.licence}. {meaning}",
        f"Full text: {address or entry.page}",
        f"Trained on {data}, whose own terms are for research: read them before commercial use.",
        f"Source: {entry.page}",
    ]
    return "\n".join(lines)
