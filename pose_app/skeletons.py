"""Joint names, limbs and left-right pairs of the skeletons that pose networks answer with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Skeleton:
    """One set of joints, in the order of a network's heatmaps.

    `limbs` are pairs of joint indices to draw; `flip[j]` is the joint that takes the place of
    joint j when the picture is mirrored.
    """

    name: str
    joints: tuple[str, ...]
    limbs: tuple[tuple[int, int], ...]
    flip: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.joints)

    def index(self, joint: str) -> int:
        """Index of a joint by its name. Raises ValueError if this skeleton has no such joint."""
        return self.joints.index(joint)

    def side(self, joint: int) -> str:
        """`left`, `right` or `centre` (the person's own sides)."""
        prefix = self.joints[joint].partition("_")[0]
        return prefix if prefix in ("left", "right") else "centre"

    @property
    def groups(self) -> dict[str, tuple[int, ...]]:
        """Joint indices by body part: head, torso, right/left arm, right/left leg."""
        parts: dict[str, list[int]] = {}
        for index, name in enumerate(self.joints):
            parts.setdefault(_part(name), []).append(index)
        return {part: tuple(parts[part]) for part in _PARTS if part in parts}


_PARTS = ("head", "torso", "right arm", "left arm", "right leg", "left leg")


def _part(joint: str) -> str:
    side, _, rest = joint.partition("_")
    if rest in ("shoulder", "elbow", "wrist"):
        return f"{side} arm"
    if rest in ("hip", "knee", "ankle"):
        return f"{side} leg"
    return "torso" if joint in ("pelvis", "thorax") else "head"


# Andriluka et al., CVPR 2014. Limbs as usually drawn; thorax lies on the pelvis-neck line.
MPII_16 = Skeleton(
    name="mpii-16",
    joints=(
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
    ),
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
)

# Lin et al., ECCV 2014.
COCO_17 = Skeleton(
    name="coco-17",
    joints=(
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
    ),
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
)

# Johnson and Everingham, CVPR 2011.
LSP_14 = Skeleton(
    name="lsp-14",
    joints=(
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
    ),
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
)

SKELETONS = {skeleton.name: skeleton for skeleton in (MPII_16, COCO_17, LSP_14)}


def by_joint_count(count: int) -> Skeleton | None:
    """The known skeleton with that many joints, or None."""
    return next((s for s in SKELETONS.values() if len(s) == count), None)


def from_parts(
    joints: Sequence[str], limbs: Sequence[Sequence[int]], flip: Sequence[int], name: str = "custom"
) -> Skeleton:
    """A skeleton from a model's own lists; the known one where all three agree."""
    made = Skeleton(
        name, tuple(joints), tuple((int(a), int(b)) for a, b in limbs), tuple(int(f) for f in flip)
    )
    for known in SKELETONS.values():
        if (known.joints, known.limbs, known.flip) == (made.joints, made.limbs, made.flip):
            return known
    return made
