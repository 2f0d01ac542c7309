"""How long messages live: errors until they are settled, facts once, states while they last."""

from __future__ import annotations

import pytest

from pose_app.ui.notices import Notice, Notices


def texts(notices: Notices) -> list[str]:
    return [error.text for error in notices.errors]


def test_an_error_stays_until_its_own_topic_is_settled() -> None:
    notices = Notices()
    notices.error("source", "No camera.")
    notices.settle("recording")
    notices.tell("recording", "Saved a.mp4")
    assert texts(notices) == ["No camera."]
    notices.settle("source")
    assert texts(notices) == []


def test_a_later_error_does_not_lose_the_one_before() -> None:
    notices = Notices()
    notices.error("model", "No model.")
    notices.error("recording", "The disk is full.")
    assert texts(notices) == ["The disk is full.", "No model."]
    notices.settle("recording")
    assert texts(notices) == ["No model."]
    notices.dismiss()
    assert texts(notices) == []


def test_a_topic_has_one_error_the_newest() -> None:
    notices = Notices()
    notices.error("source", "Lost.")
    notices.error("model", "No model.")
    notices.error("source", "Not found.")
    assert texts(notices) == ["Not found.", "No model."]


def test_without_a_topic_an_error_is_only_closed_by_hand() -> None:
    notices = Notices()
    notices.error("", "The settings were damaged.")
    notices.error("", "Another value makes no sense.")
    notices.error("", "The settings were damaged.")
    notices.settle("")
    assert texts(notices) == ["The settings were damaged.", "Another value makes no sense."]
    notices.dismiss()
    assert texts(notices) == ["Another value makes no sense."]


def test_the_newest_fact_is_told_once() -> None:
    notices = Notices()
    notices.tell("recording", "Saved a.mp4")
    notices.tell("cameras", "A camera was plugged in.")
    assert notices.fact is not None
    assert notices.fact.text == "A camera was plugged in."
    notices.forget()
    assert notices.fact is None


def test_states_end_one_by_one() -> None:
    notices = Notices()
    notices.begin("source", "Opening a.mp4…")
    notices.begin("cameras", "Finding out what the camera can do…")
    notices.begin("source", "Opening b.mp4…")
    assert notices.state == "Opening b.mp4…"
    notices.end("source")
    assert notices.state == "Finding out what the camera can do…"
    notices.settle("cameras")
    assert notices.state == ""


def test_an_error_ends_the_state_of_its_topic_and_a_state_no_error() -> None:
    notices = Notices()
    notices.begin("source", "Opening a.mp4…")
    notices.error("source", "a.mp4 is no video.")
    assert notices.state == ""
    notices.begin("source", "Opening b.mp4…")
    notices.end("source")
    assert texts(notices) == ["a.mp4 is no video."]


def test_listeners_hear_changes_and_nothing_else() -> None:
    notices = Notices()
    heard = []
    notices.listen(lambda: heard.append(texts(notices)))
    notices.settle("source")
    notices.end("source")
    notices.dismiss()
    notices.forget()
    assert heard == []
    notices.error("source", "Lost.")
    notices.settle("source")
    assert heard == [["Lost."], []]


def test_an_empty_notice_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="text"):
        Notices().show(Notice("source", "error", ""))
