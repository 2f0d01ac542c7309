"""The known skeletons: joints, limbs, left-right pairs, body parts, mappings to common formats.

Each is one table row; nothing is derived from the names of joints of a known skeleton.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

# How to get a joint of a common format from a skeleton: alternatives, the best one first; each is
# the indices of the joints whose mean it is. Empty: the skeleton does not have the joint.
Ways = tuple[tuple[int, ...], ...]

# Lin et al., ECCV 2014, in the order of its keypoints.
COCO_17_NAMES = (
    "nose",
    "left_eye",
    "right_eye",
    "left_ear",
    "right_ear",
    "left_shoulder",
    "right_shoulder",
    "left_elbow",
    "right_elbow",
    "left_wrist",
    "right_wrist",
    "left_hip",
    "right_hip",
    "left_knee",
    "right_knee",
    "left_ankle",
    "right_ankle",
)
FACE = COCO_17_NAMES[:5]

# OpenPose's BODY_25 (Cao et al., TPAMI 2019). Its neck lies between the shoulders.
BODY_25_NAMES = (
    "nose",
    "neck",
    "right_shoulder",
    "right_elbow",
    "right_wrist",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "mid_hip",
    "right_hip",
    "right_knee",
    "right_ankle",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_eye",
    "left_eye",
    "right_ear",
    "left_ear",
    "left_big_toe",
    "left_small_toe",
    "left_heel",
    "right_big_toe",
    "right_small_toe",
    "right_heel",
)


@dataclass(frozen=True)
class Skeleton:
    """One set of joints, in the order of a network's heatmaps.

    Attributes:
        name: Of the skeleton.
        joints: K names.
        limbs: Pairs of joint indices to draw.
        flip: `flip[j]` is the joint that joint j becomes in a mirrored image.
        left: Indices of the joints on the person's own left side.
        right: Indices of those on the right.
        parts: Body parts from head to foot with the indices of their joints; every joint is in
            exactly one.
        coco_17: How to get each of COCO_17_NAMES.
        body_25: How to get each of BODY_25_NAMES.
    """

    name: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    flip: tuple[int, ...]
    left: tuple[int, ...]
    right: tuple[int, ...]
    parts: tuple[tuple[str, tuple[int, ...]], ...]
    coco_17: tuple[Ways, ...]
    body_25: tuple[Ways, ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Index of a joint by its name. Raises ValueError where there is no such joint."""
        return self.joints.index(joint)

    def side(self, joint: int) -> str:
        """`left`, `right` or `centre` (the person's own sides)."""
        if joint in self.left:
            return "left"
        return "right" if joint in self.right else "centre"

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """Joint indices by body part: head, torso, right/left arm, right/left leg, other."""
        return dict(self.parts)


def _ways(joints: Sequence[str], names: Sequence[str], **more: Sequence[str]) -> tuple[Ways, ...]:
    """How to get each of `names` from `joints`.

    The joint of the same name comes first, then the alternatives in `more`, where `+` means the
    mean of two joints. Alternatives with missing joints are left out.
    """
    known = {joint: index for index, joint in enumerate(joints)}
    wanted = [[name, *more.get(name, ())] for name in names]
    return tuple(
        tuple(
            tuple(known[part] for part in way.split("+"))
            for way in ways
            if all(part in known for part in way.split("+"))
        )
        for ways in wanted
    )


def _body_25(joints: Sequence[str]) -> tuple[Ways, ...]:
    """As `_ways` for BODY_25: MPII's thorax is its neck, MPII's pelvis its mid-hip."""
    return _ways(
        joints,
        BODY_25_NAMES,
        neck=("thorax", "left_shoulder+right_shoulder"),
        mid_hip=("pelvis", "left_hip+right_hip"),
    )


# Andriluka et al., CVPR 2014. Limbs as usually drawn; thorax lies on the pelvis-neck line.
_MPII_JOINTS = (
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "pelvis",
    "thorax",
    "upper_neck",
    "head_top",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
)
MPII_16 = Skeleton(
    name="mpii-16",
    joints=_MPII_JOINTS,
    limbs=(
        (0, 1),
        (1, 2),
        (2, 6),
        (3, 6),
        (3, 4),
        (4, 5),
        (6, 8),
        (8, 9),
        (12, 8),
        (11, 12),
        (10, 11),
        (13, 8),
        (13, 14),
        (14, 15),
    ),
    flip=(5, 4, 3, 2, 1, 0, 6, 7, 8, 9, 15, 14, 13, 12, 11, 10),
    left=(3, 4, 5, 13, 14, 15),
    right=(0, 1, 2, 10, 11, 12),
    parts=(
        ("head", (8, 9)),
        ("torso", (6, 7)),
        ("right arm", (10, 11, 12)),
        ("left arm", (13, 14, 15)),
        ("right leg", (0, 1, 2)),
        ("left leg", (3, 4, 5)),
    ),
    coco_17=_ways(_MPII_JOINTS, COCO_17_NAMES),
    body_25=_body_25(_MPII_JOINTS),
)

# MPII's joints and COCO's five of the face, which are often all that is visible close to a camera.
# Limbs of the face: nose to eyes, eyes to ears.
_MPII_21_JOINTS = (*_MPII_JOINTS, *FACE)
MPII_21 = Skeleton(
    name="mpii-21",
    joints=_MPII_21_JOINTS,
    limbs=(*MPII_16.limbs, (16, 17), (16, 18), (17, 19), (18, 20)),
    flip=(*MPII_16.flip, 16, 18, 17, 20, 19),
    left=(*MPII_16.left, 17, 19),
    right=(*MPII_16.right, 18, 20),
    parts=(
        ("head", (8, 9, 16, 17, 18, 19, 20)),
        *MPII_16.parts[1:],
    ),
    coco_17=_ways(_MPII_21_JOINTS, COCO_17_NAMES),
    body_25=_body_25(_MPII_21_JOINTS),
)

COCO_17 = Skeleton(
    name="coco-17",
    joints=COCO_17_NAMES,
    limbs=(
        (15, 13),
        (13, 11),
        (16, 14),
        (14, 12),
        (11, 12),
        (5, 11),
        (6, 12),
        (5, 6),
        (5, 7),
        (7, 9),
        (6, 8),
        (8, 10),
        (1, 2),
        (0, 1),
        (0, 2),
        (1, 3),
        (2, 4),
    ),
    flip=(0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15),
    left=(1, 3, 5, 7, 9, 11, 13, 15),
    right=(2, 4, 6, 8, 10, 12, 14, 16),
    parts=(
        ("head", (0, 1, 2, 3, 4)),
        ("right arm", (6, 8, 10)),
        ("left arm", (5, 7, 9)),
        ("right leg", (12, 14, 16)),
        ("left leg", (11, 13, 15)),
    ),
    coco_17=_ways(COCO_17_NAMES, COCO_17_NAMES),
    body_25=_body_25(COCO_17_NAMES),
)

# Johnson and Everingham, CVPR 2011.
_LSP_JOINTS = (
    "right_ankle",
    "right_knee",
    "right_hip",
    "left_hip",
    "left_knee",
    "left_ankle",
    "right_wrist",
    "right_elbow",
    "right_shoulder",
    "left_shoulder",
    "left_elbow",
    "left_wrist",
    "upper_neck",
    "head_top",
)
LSP_14 = Skeleton(
    name="lsp-14",
    joints=_LSP_JOINTS,
    limbs=(
        (0, 1),
        (1, 2),
        (2, 3),
        (3, 4),
        (4, 5),
        (2, 8),
        (3, 9),
        (6, 7),
        (7, 8),
        (8, 12),
        (9, 12),
        (9, 10),
        (10, 11),
        (12, 13),
    ),
    flip=(5, 4, 3, 2, 1, 0, 11, 10, 9, 8, 7, 6, 12, 13),
    left=(3, 4, 5, 9, 10, 11),
    right=(0, 1, 2, 6, 7, 8),
    parts=(
        ("head", (12, 13)),
        ("right arm", (6, 7, 8)),
        ("left arm", (9, 10, 11)),
        ("right leg", (0, 1, 2)),
        ("left leg", (3, 4, 5)),
    ),
    coco_17=_ways(_LSP_JOINTS, COCO_17_NAMES),
    body_25=_body_25(_LSP_JOINTS),
)

OTHER = "other"  # the part of joints that no known skeleton has
SKELETONS = {skeleton.name: skeleton for skeleton in (MPII_16, MPII_21, COCO_17, LSP_14)}

_PARTS = ("head", "torso", "right arm", "left arm", "right leg", "left leg", OTHER)
_PART_OF = {
    skeleton.joints[index]: part
    for skeleton in SKELETONS.values()
    for part, members in skeleton.parts
    for index in members
}


def by_joint_count(count: int) -> Skeleton | None:
    """The known skeleton with that many joints, or None."""
    return next((s for s in SKELETONS.values() if len(s) == count), None)


def by_joints(joints: Sequence[str], limbs: Sequence[tuple[int, int]] = ()) -> Skeleton:
    """The known skeleton with these joints in this order, else a custom one.

    Args:
        joints: Names, in the order of a network's heatmaps or of a keypoint log.
        limbs: Pairs of indices, for a custom skeleton.
    """
    named = tuple(joints)
    known = next((s for s in SKELETONS.values() if s.joints == named), None)
    return known or custom(named, tuple(limbs), tuple(range(len(named))))


def custom(
    joints: tuple[str, ...],
    limbs: tuple[tuple[int, int], ...],
    flip: tuple[int, ...],
    name: str = "custom",
) -> Skeleton:
    """A skeleton that is not known, from a model file.

    Joints of known skeletons belong to the same body part as there, all others to `other`. Joints
    are mapped to the common formats, and to the sides, by their names.
    """
    members: dict[str, list[int]] = {}
    for index, joint in enumerate(joints):
        members.setdefault(_PART_OF.get(joint, OTHER), []).append(index)
    return Skeleton(
        name,
        joints,
        limbs,
        flip,
        left=tuple(
            index for index, joint in enumerate(joints) if joint.partition("_")[0] == "left"
        ),
        right=tuple(
            index for index, joint in enumerate(joints) if joint.partition("_")[0] == "right"
        ),
        parts=tuple((part, tuple(members[part])) for part in _PARTS if part in members),
        coco_17=_ways(joints, COCO_17_NAMES),
        body_25=_body_25(joints),
    )


def from_parts(
    joints: Sequence[str], limbs: Sequence[Sequence[int]], flip: Sequence[int], name: str = "custom"
) -> Skeleton:
    """The skeleton of a model file: the known one if all three lists agree, else a custom one."""
    lists = (
        tuple(joints),
        tuple((int(a), int(b)) for a, b in limbs),
        tuple(int(f) for f in flip),
    )
    for known in SKELETONS.values():
        if (known.joints, known.limbs, known.flip) == lists:
            return known
    return custom(*lists, name)
