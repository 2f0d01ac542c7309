"""Both themes: what can be clicked or typed into is outlined visibly."""

from __future__ import annotations

import re

import pytest
from PySide6.QtCore import QFile, QPoint, QRect, Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QSlider,
    QSpinBox,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)
from pytestqt.qtbot import QtBot

from pose_app.ui import theme

THEMES = ("dark", "light")


@pytest.fixture(autouse=True)
def colours_afterwards(qapp: QApplication):
    before = qapp.palette()
    yield
    qapp.setPalette(before)


def luminance(colour: QColor) -> float:
    """Relative luminance of WCAG 2.1."""
    linear = [
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4
        for c in (colour.redF(), colour.greenF(), colour.blueF())
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: QColor, other: QColor) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("kind", [QCheckBox, QLineEdit, QComboBox, QSpinBox])
def test_fields_are_outlined_on_the_window(
    qapp: QApplication, qtbot: QtBot, name: str, kind: type[QWidget]
) -> None:
    theme.apply(qapp, name)
    window = QWidget()
    qtbot.addWidget(window)
    window.setStyleSheet(theme.style_sheet(name))
    field = kind(window)
    field.setGeometry(20, 20, 120, 30)
    window.resize(200, 80)
    window.show()
    image = window.grab().toImage()
    # Across the left edge, in the middle of its height: the strongest step is the outline.
    behind = image.pixelColor(QPoint(10, 35))
    crossed = [image.pixelColor(QPoint(x, 35)) for x in range(16, 30)]
    assert behind == qapp.palette().color(QPalette.ColorRole.Window)
    assert max(contrast(pixel, behind) for pixel in crossed) >= 3


@pytest.mark.parametrize("name", THEMES)
def test_check_boxes_in_trees_are_outlined(qapp: QApplication, qtbot: QtBot, name: str) -> None:
    theme.apply(qapp, name)
    tree = QTreeWidget()
    qtbot.addWidget(tree)
    tree.setStyleSheet(theme.style_sheet(name))
    item = QTreeWidgetItem(tree, ["A joint"])
    item.setCheckState(0, Qt.CheckState.Unchecked)
    tree.resize(200, 100)
    tree.show()
    row = tree.visualItemRect(item)
    image = tree.viewport().grab(QRect(row.left(), row.center().y(), 24, 1)).toImage()
    behind = qapp.palette().color(QPalette.ColorRole.Base)
    outlined = [x for x in range(24) if contrast(image.pixelColor(x, 0), behind) >= 3]
    assert len(outlined) >= 2
    assert outlined[-1] - outlined[0] >= 10  # both sides of a box


@pytest.mark.parametrize("name", THEMES)
def test_text_can_be_read(qapp: QApplication, name: str) -> None:
    theme.apply(qapp, name)
    palette = qapp.palette()
    role = QPalette.ColorRole
    for text, behind in (
        (role.WindowText, role.Window),
        (role.Text, role.Base),
        (role.ButtonText, role.Button),
        (role.PlaceholderText, role.Window),
        (role.Link, role.Base),
    ):
        assert contrast(palette.color(text), palette.color(behind)) >= 4.5, (text, behind)


@pytest.mark.parametrize("name", THEMES)
def test_every_picture_of_the_style_sheet_is_there(qapp: QApplication, name: str) -> None:
    theme.apply(qapp, name)
    used = re.findall(r"url\((.*?)\)", theme.style_sheet(name))
    assert used
    for path in used:
        assert QFile.exists(path), path


@pytest.mark.parametrize("name", THEMES)
def test_the_handle_of_a_slider_stands_out(qapp: QApplication, qtbot: QtBot, name: str) -> None:
    theme.apply(qapp, name)
    window = QWidget()
    qtbot.addWidget(window)
    window.setStyleSheet(theme.style_sheet(name))
    slider = QSlider(Qt.Orientation.Horizontal, window)
    slider.setRange(0, 100)
    slider.setValue(50)
    slider.setGeometry(20, 20, 200, 30)
    window.resize(240, 80)
    window.show()
    image = window.grab().toImage()
    behind = qapp.palette().color(QPalette.ColorRole.Window)
    # Straight down through the handle: its outline or its face against the window.
    crossed = [image.pixelColor(QPoint(120, y)) for y in range(20, 50)]
    assert max(contrast(pixel, behind) for pixel in crossed) >= 3
    tall = [pixel for pixel in crossed if contrast(pixel, behind) >= 1.05]
    assert len(tall) >= 10  # not only the groove
