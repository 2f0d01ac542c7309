"""`pose-app evaluate --task people`: finder and pose network together on whole pictures.

It measures how many people with enough labelled joints are found (from OKS 0.5), how well the
person with the largest face is (face, visible wrists and shoulders), and how many skeletons are
drawn where nobody is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..skeletons import Skeleton
from ..types import Floats, Image, Pose
from .augment import face_joints
from .metrics import percent
from .oks import AREA_OF_BOX, average_precision, similarity, to_coco
from .scenes import SceneData

FOUND = 0.5  # OKS from which somebody is found
NOWHERE = -1e5  # where joints that are absent are put: far away from everything
_ENOUGH = 6  # labelled joints (COCO's) of a person who should be found
_TALL = 0.25  # height of a person / of the picture
_FACE_WIDTHS = 0.5  # a face or a wrist is right within so many widths of the face
_SHOULDER_WIDTHS = 0.75

Estimate = Callable[[Image], Sequence[Pose]]


@dataclass(frozen=True)
class Verdict:
    """What is right and wrong on one picture.

    Attributes:
        image: The picture.
        poses: The poses found.
        boxes: (n, 4) x, y, width, height of its labelled people.
        truth: (n, 17, 3) their joints in COCO's order.
        missed: Rows of people who should be found and are not.
        nobodys: Indices of poses where nobody is; empty where not everybody has a box.
        face_missed: Whether the person with the largest face is not found.
    """

    image: Image
    poses: Sequence[Pose]
    boxes: Floats
    truth: Floats
    missed: tuple[int, ...] = ()
    nobodys: tuple[int, ...] = ()
    face_missed: bool = False

    @property
    def failed(self) -> bool:
        return bool(self.missed or self.nobodys or self.face_missed)


def evaluate_people(
    estimate: Estimate,
    sets: Sequence[SceneData],
    precision: bool = True,
    judged: Callable[[Verdict], None] = lambda verdict: None,
) -> dict[str, Any]:
    """Evaluate poses on whole pictures. Raises DataError.

    Args:
        estimate: `PoseEstimator.estimate`, with enough people.
        sets: The pictures.
        precision: Whether to compute COCO's average precision, which needs pycocotools.
        judged: Called for each picture.

    Returns:
        Counts and shares; a share is None where there are no such pictures or labels.
    """
    found: list[tuple[bool, bool]] = []  # of everybody: tall, found
    drawn = wrong = 0
    nobody: list[bool] = []
    faces: list[tuple[bool, list[bool], list[bool]]] = []
    truths, answers, sizes = [], [], []
    for scenes in sets:
        for index in range(len(scenes)):
            image = scenes.read(index)
            people = scenes.people(index)
            boxes, labels = scenes.boxes[people], scenes.keypoints[people]
            poses = [pose for pose in estimate(image) if pose.present.any()]
            joints = [shown_joints(pose.joints, pose.scores, pose.present) for pose in poses]
            skeleton = poses[0].skeleton if poses else scenes.skeleton
            if not len(boxes):
                if scenes.complete[index]:
                    nobody.append(bool(poses))
                nothing = np.zeros((0, 17, 3), np.float32)
                ghosts = range(len(poses)) if scenes.complete[index] else ()
                judged(Verdict(image, poses, boxes, nothing, nobodys=tuple(ghosts)))
                continue
            truth = to_coco(visible(labels), scenes.skeleton)
            estimated = found_in_coco(
                np.stack(joints) if poses else np.zeros((0, len(skeleton), 3), np.float32), skeleton
            )
            similarities = np.array(
                [
                    similarity(estimated, one, AREA_OF_BOX * float(box[2] * box[3]))
                    for one, box in zip(truth, boxes, strict=True)
                ]
            ).reshape(len(boxes), len(poses))
            taken = _pairs(similarities)
            missed, nobodys = [], []
            for row, (one, box) in enumerate(zip(truth, boxes, strict=True)):
                if (one[:, 2] > 0).sum() >= _ENOUGH:
                    hit = row in taken.values()
                    found.append((bool(box[3] > _TALL * image.shape[0]), hit))
                    missed += [] if hit else [row]
            if scenes.complete[index]:
                drawn += len(poses)
                nobodys = [
                    number
                    for number in range(len(poses))
                    if number not in taken and not on_somebody(estimated[number], boxes)
                ]
                wrong += len(nobodys)
            face = _largest_face(labels, scenes.skeleton, estimated)
            if face is not None:
                faces.append(face)
            lost = face is not None and not face[0]
            judged(Verdict(image, poses, boxes, truth, tuple(missed), tuple(nobodys), lost))
            truths.append(list(zip(boxes, truth, strict=True)))
            answers.append([(one, pose.score) for one, pose in zip(estimated, poses, strict=True)])
            sizes.append((image.shape[1], image.shape[0]))

    def share(values: Sequence[bool]) -> dict[str, Any]:
        return {"n": len(values), "share": sum(values) / len(values) if values else None}

    return {
        "people": share([hit for _, hit in found]),
        "tall_people": share([hit for tall, hit in found if tall]),
        "largest_face": share([hit for hit, _, _ in faces]),
        "wrists": share([hit for _, wrists, _ in faces for hit in wrists]),
        "both_shoulders": share([all(both) for _, _, both in faces if len(both) == 2]),
        "drawn_where_nobody_is": {"n": drawn, "share": wrong / drawn if drawn else None},
        "nobody_drawn_upon": share(nobody),
        "coco": average_precision(truths, answers, sizes) if precision and truths else None,
    }


def table(result: Mapping[str, Any]) -> str:
    """The text that `pose-app evaluate --task people` prints."""
    rows = {
        "people with 6 or more labelled joints": "people",
        "of them taller than a quarter of the picture": "tall_people",
        "person with the largest face": "largest_face",
        "their labelled wrists": "wrists",
        "both their labelled shoulders": "both_shoulders",
        "pictures of nobody with somebody drawn": "nobody_drawn_upon",
        "skeletons drawn where nobody is": "drawn_where_nobody_is",
    }
    lines = [
        f"{result['model']} on {result['data']}: {result['pictures']} pictures, {result['engine']}",
        f"score from which a joint is present: {result['threshold']:.3f}",
        "found (OKS 0.5; of faces and wrists half a face's width, of shoulders three quarters):",
    ]
    for label, name in rows.items():
        row = result[name]
        lines.append(f"  {label:46}{percent(row['share']):>8} of {row['n']}")
    if result["coco"] is not None:
        lines.append(
            f"COCO average precision: {percent(result['coco']['ap'])}, at OKS 0.5 "
            f"{percent(result['coco']['ap_50'])}"
        )
    return "\n".join(lines)


def shown_joints(joints: Floats, scores: Floats, present: NDArray[np.bool_]) -> Floats:
    """(K, 3) of a pose: x, y, score; absent joints are far away from everything."""
    where = np.where(present[:, None], joints, np.float32(NOWHERE))
    made: Floats = np.concatenate((where, scores[:, None]), axis=1).astype(np.float32)
    return made


def found_in_coco(joints: Floats, skeleton: Skeleton) -> Floats:
    """`to_coco` of joints found: those that the skeleton lacks are far away from everything."""
    made = to_coco(joints, skeleton)
    made[..., np.array([not ways for ways in skeleton.coco_17]), :2] = NOWHERE
    return made


def visible(labels: Floats) -> Floats:
    """Labels with v = 0 for joints outside the picture, as in COCO."""
    made: Floats = labels.copy()
    made[made[..., 2] < 0] = 0
    return made


def _pairs(similarities: np.ndarray) -> dict[int, int]:
    """{pose: person} by similarities (people, poses), the highest first, each once."""
    pairs: dict[int, int] = {}
    for flat in np.argsort(-similarities, axis=None):
        person, pose = np.unravel_index(flat, similarities.shape)
        if similarities[person, pose] < FOUND:
            break
        if int(pose) not in pairs and int(person) not in pairs.values():
            pairs[int(pose)] = int(person)
    return pairs


def on_somebody(joints: Floats, boxes: Floats) -> bool:
    """Whether the mean of the joints (17, 3) is in a person's box: a bad pose of a real person."""
    near = _shown(joints)
    if not near.any():
        return False
    middle = joints[near, :2].mean(axis=0)
    low, high = boxes[:, :2], boxes[:, :2] + boxes[:, 2:]
    return bool(((middle >= low) & (middle <= high)).all(axis=1).any())


def _shown(joints: Floats) -> NDArray[np.bool_]:
    """Which joints (n, 3) are somewhere."""
    near: NDArray[np.bool_] = joints[:, 0] > NOWHERE / 10
    return near


def _largest_face(
    labels: Floats, skeleton: Skeleton, poses: Floats
) -> tuple[bool, list[bool], list[bool]] | None:
    """How well the person with the largest face is found by `poses` (n, 17, 3) in COCO's order.

    Returns:
        (found, whether each labelled wrist is right, whether each labelled shoulder is right);
        None where no face is labelled.
    """
    columns = face_joints(skeleton)
    best, width = -1, 0.0
    for row, person in enumerate(labels):
        face = person[columns]
        points = face[face[:, 2] > 0, :2]
        if len(points) >= 2 and (extent := _face_width(face)) > width:
            best, width = row, extent
    if best < 0:
        return None
    truth = to_coco(visible(labels[best : best + 1]), skeleton)[0]
    seen = truth[:5, 2] > 0
    middle = truth[:5][seen, :2].mean(axis=0)
    away = [np.inf] * len(poses)
    for number, pose in enumerate(poses):
        both = seen & _shown(pose[:5])
        if both.any():
            away[number] = float(np.linalg.norm(pose[:5][both, :2].mean(axis=0) - middle))
    found = bool(away) and min(away) <= _FACE_WIDTHS * width
    pose = poses[int(np.argmin(away))] if found else np.full((17, 3), NOWHERE, np.float32)

    def right(joints: tuple[int, int], widths: float) -> list[bool]:
        return [
            bool(np.linalg.norm(pose[k, :2] - truth[k, :2]) <= widths * width)
            for k in joints
            if truth[k, 2] > 0
        ]

    return found, right((9, 10), _FACE_WIDTHS), right((5, 6), _SHOULDER_WIDTHS)


def _face_width(face: Floats) -> float:
    """The width of a face from its labelled joints (5, 3).

    The largest of ear to ear, 2.2 x eye to eye and the extent of all of them (for profiles).
    """
    labelled = face[:, 2] > 0
    width = float(np.ptp(face[labelled, :2], axis=0).max())
    for (a, b), times in (((3, 4), 1.0), ((1, 2), 2.2)):
        if labelled[a] and labelled[b]:
            width = max(width, times * float(np.linalg.norm(face[a, :2] - face[b, :2])))
    return width
