"""What a person should know about the picture when the pose is not as expected, in words."""

from __future__ import annotations

from ..types import Pose

_TOO_SMALL = 0.22  # region's side / shorter side of the frame


def describe(pose: Pose, frame_size: tuple[int, int]) -> str | None:
    """One short phrase, or None while all is well; `frame_size` is (width, height)."""
    if not pose.found:
        if pose.tracking == "manual":
            return "no person in the chosen region"
        return "no person in view" if pose.tracking == "search" else "person hardly visible"
    groups = pose.skeleton.groups
    parts = {part for part, joints in groups.items() if pose.present[list(joints)].any()}
    if not parts:
        return "person unclear: no joint is certain"
    if parts == {"head"}:
        return "person too close: only the head is visible"
    if pose.tracking == "track" and pose.region.side < _TOO_SMALL * min(frame_size):
        return "person far away: come closer"
    if "head" not in parts:
        return "head not visible"
    return None
