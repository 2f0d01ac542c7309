"""Names as people read them."""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication


def joint_label(joint: str) -> str:
    """`left elbow` of `left_elbow`, translated where the window is."""
    return QCoreApplication.translate("joint", joint.replace("_", " "))


def group_label(group: str) -> str:
    """`Right arm` of `right arm`, translated where the window is."""
    return QCoreApplication.translate("joint group", group.capitalize())
