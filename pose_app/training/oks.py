"""Object keypoint similarity (OKS), and COCO's average precision by pycocotools.

OKS of a person (cocodataset.org, keypoint evaluation): the mean over labelled joints of
exp(-d^2 / (2 s^2 k^2)), d the distance, s^2 the area of the person, k twice the joint's sigma.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import DataError
from ..skeletons import COCO_17, Skeleton
from ..types import Floats

# COCO's, in the order of COCO_17.
SIGMAS = np.array(
    [0.26, 0.25, 0.25, 0.35, 0.35, 0.79, 0.79, 0.72, 0.72, 0.62, 0.62, 1.07, 1.07, 0.87, 0.87, 0.89,
     0.89]
) / 10  # fmt: skip
# Area of a person / area of their box, where only the box is known.
AREA_OF_BOX = 0.53


def to_coco(joints: Floats, skeleton: Skeleton) -> Floats:
    """Joints (..., K, 3) in COCO's order (..., 17, 3); zeros for joints the skeleton lacks."""
    made = np.zeros((*joints.shape[:-2], len(COCO_17), 3), dtype=np.float32)
    for index, ways in enumerate(skeleton.coco_17):
        for way in ways[:1]:
            made[..., index, :] = joints[..., list(way), :].mean(axis=-2)
    return made


def similarity(found: Floats, labels: Floats, area: float) -> NDArray[np.float64]:
    """OKS (n,) of poses found (n, 17, 2+) with one person's labels (17, 3) x, y, v.

    0 without labelled joints. `area` of the person is in square pixels.
    """
    labelled = labels[:, 2] > 0
    if not labelled.any() or not len(found):
        return np.zeros(len(found))
    distance = ((found[:, labelled, :2] - labels[labelled, :2]) ** 2).sum(axis=-1)
    spread = 2 * max(area, 1.0) * (2 * SIGMAS[labelled]) ** 2
    marks: NDArray[np.float64] = np.exp(-distance / spread).mean(axis=1)
    return marks


def average_precision(
    truths: Sequence[Sequence[tuple[Floats, Floats]]],
    answers: Sequence[Sequence[tuple[Floats, float]]],
    sizes: Sequence[tuple[int, int]],
) -> dict[str, float]:
    """COCO's average precision and recall of keypoints, by pycocotools.

    Args:
        truths: The people of each picture: box (4,) x, y, width, height; labels (17, 3). A person
            without labelled joints is marked as a crowd, which COCO ignores.
        answers: The poses found in each picture: joints (17, 3) and a score.
        sizes: Width and height of each picture.

    Returns:
        ap, ap_50, ap_75, ar, 0..1.

    Raises:
        DataError: pycocotools is not installed.
    """
    try:
        from pycocotools.coco import COCO
        from pycocotools.cocoeval import COCOeval
    except ImportError:
        raise DataError(
            "COCO's average precision needs the package pycocotools: `pip install pycocotools`."
        ) from None
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    results: list[dict[str, Any]] = []
    for image, (people, poses, size) in enumerate(zip(truths, answers, sizes, strict=True), 1):
        images.append({"id": image, "width": size[0], "height": size[1]})
        for box, labels in people:
            count = int((labels[:, 2] > 0).sum())
            x, y, width, height = (float(v) for v in box)
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": image,
                    "category_id": 1,
                    "bbox": [x, y, width, height],
                    "area": AREA_OF_BOX * width * height,
                    "iscrowd": int(count == 0),
                    "keypoints": labels.astype(float).ravel().tolist(),
                    "num_keypoints": count,
                }
            )
        for joints, score in poses:
            results.append(
                {
                    "image_id": image,
                    "category_id": 1,
                    "keypoints": joints.astype(float).ravel().tolist(),
                    "score": float(score),
                }
            )
    if not results:
        return {"ap": 0.0, "ap_50": 0.0, "ap_75": 0.0, "ar": 0.0}
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints tables
        coco = COCO()
        coco.dataset = {
            "info": {},
            "images": images,
            "annotations": annotations,
            "categories": [{"id": 1, "name": "person", "keypoints": list(COCO_17.joints)}],
        }
        coco.createIndex()
        judge = COCOeval(coco, coco.loadRes(results), "keypoints")
        judge.evaluate()
        judge.accumulate()
        judge.summarize()
    ap, ap_50, ap_75, _, _, ar = judge.stats[:6]
    return {"ap": float(ap), "ap_50": float(ap_50), "ap_75": float(ap_75), "ar": float(ar)}
