"""The page as people use it: pictures chosen, dropped and pasted, the camera, mistakes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from archc.diagnostics.reporter import Failed, Reporter
from archc.runtime.image_tensor import to_tensor
from archc.runtime.model import open_model
from archc.runtime.predict import predict, top_k
from tests.deploy.packing import HELD_OUT
from tests.web.browsing import Browser, FolderServer

pytestmark = pytest.mark.web

SEVEN = next(path for path in HELD_OUT if path.name.startswith("7_"))
THREE = next(path for path in HELD_OUT if path.name.startswith("3_"))
READY = "!document.getElementById('choose').disabled"
ANSWERED = "document.querySelectorAll('#bars li').length"


@pytest.fixture
def server(digits: Path) -> Iterator[FolderServer]:
    with FolderServer(digits) as running:
        yield running


@pytest.fixture
def page(browser: Browser, server: FolderServer) -> Browser:
    browser.do("open", url=server.url)
    browser.do("until", expression=READY)
    return browser


def wanted_bars(digits: Path, picture: Path) -> list[tuple[str, str]]:
    """Labels and percentages by archc itself."""
    reporter = Reporter()
    model = open_model(digits / "model.onnx", reporter)
    assert not isinstance(model, Failed)
    assert model.record.preprocess is not None
    entry = model.inputs[0]
    tensor = to_tensor(picture, model.record.preprocess, entry, reporter)
    assert not isinstance(tensor, Failed)
    outputs = predict(model, {entry.name: tensor[None]}, reporter)
    assert not isinstance(outputs, Failed)
    classes = top_k(outputs["logits"][0], 10, model.record.labels)
    return [(found.label, f"{100 * found.probability:.1f}%") for found in classes]


def bars(page: Browser) -> list[tuple[str, str]]:
    labels, shares = page.texts("#bars .label"), page.texts("#bars .share")
    return list(zip(labels, shares, strict=True))


def answer_is(page: Browser, label: str) -> None:
    page.do(
        "until", expression=f"document.querySelector('#bars .label')?.textContent === '{label}'"
    )


def hand(page: Browser, path: Path, event: str = "drop", kind: str = "image/png") -> None:
    page.do("hand", event=event, path=str(path), type=kind)


@pytest.mark.parametrize("way", ["choose", "drop", "paste"])
def test_a_picture_becomes_bars(page: Browser, digits: Path, way: str) -> None:
    if way == "choose":
        page.do("choose", path=str(SEVEN))
    else:
        hand(page, SEVEN, way)
    page.do("until", expression=ANSWERED)
    wanted = wanted_bars(digits, SEVEN)
    assert wanted[0][0] == "7"
    assert bars(page)[0] == wanted[0]
    # Shares that are as good as equal may change places.
    assert sorted(bars(page)) == sorted(wanted)
    assert page.texts("#told") == [", ".join(wanted[0])]
    assert page.do("complaints") == []


def test_bars_are_as_long_as_their_shares(page: Browser) -> None:
    page.do("choose", path=str(SEVEN))
    page.do("until", expression=ANSWERED)
    page.do("value", expression="Promise.all(document.getAnimations().map((it) => it.finished))")
    lengths = page.do(
        "value",
        expression="[...document.querySelectorAll('.fill')].map((it) => 100"
        " * it.getBoundingClientRect().width / it.parentElement.getBoundingClientRect().width)",
    )
    shares = [float(share.rstrip("%")) for _, share in bars(page)]
    assert lengths == pytest.approx(shares, abs=0.3)


def test_the_last_picture_counts(page: Browser) -> None:
    hand(page, SEVEN)
    answer_is(page, "7")
    hand(page, SEVEN)
    hand(page, THREE)
    answer_is(page, "3")
    assert page.do("value", expression="document.getElementById('shown').alt") == (
        f"The picture {THREE.name}"
    )


def test_golden_pictures_can_be_tried(page: Browser) -> None:
    page.do("until", expression="document.querySelectorAll('#examples button').length === 4")
    page.do("click", selector="#examples li:nth-child(2) button")
    page.do("until", expression=ANSWERED)


def test_what_is_no_picture_is_told_and_the_page_goes_on(page: Browser, tmp_path: Path) -> None:
    hand(page, SEVEN)
    answer_is(page, "7")
    junk = tmp_path / "junk.png"
    junk.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    hand(page, junk)
    page.do("until", expression="document.getElementById('status').classList.contains('bad')")
    assert page.texts("#status") == ["This is no picture that the browser can decode."]
    assert page.texts("#told") == page.texts("#status")
    assert bars(page) == []
    hand(page, THREE)
    answer_is(page, "3")
    assert page.texts("#status") == [""]


def test_a_file_of_another_kind_is_refused(page: Browser, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("dear page")
    hand(page, tmp_path / "letter.txt", kind="text/plain")
    assert page.texts("#status") == ["This is no picture that the browser can decode."]


def test_the_camera_answers_until_it_is_stopped(page: Browser) -> None:
    page.do("click", selector="#camera")
    page.do("until", expression=ANSWERED)
    assert page.texts("#camera") == ["Stop camera"]
    page.do("value", expression="window.track = video.srcObject.getTracks()[0]; null")
    assert page.do("value", expression="track.readyState") == "live"
    page.do("value", expression="window.first = seen.toDataURL(); null")
    page.do("until", expression="seen.toDataURL() !== first")
    page.do("click", selector="#camera")
    assert page.do("value", expression="track.readyState") == "ended"
    assert page.do("value", expression="video.hidden && video.srcObject === null")
    assert page.texts("#camera") == ["Use camera"]
    assert page.do("complaints") == []


def test_a_picture_stops_the_camera(page: Browser) -> None:
    page.do("click", selector="#camera")
    page.do("until", expression=ANSWERED)
    hand(page, SEVEN)
    answer_is(page, "7")
    assert page.do("value", expression="video.srcObject === null && !shown.hidden")


def test_a_camera_that_may_not_be_used_is_told(page: Browser) -> None:
    page.do(
        "value",
        expression="navigator.mediaDevices.getUserMedia = () =>"
        " Promise.reject(new DOMException('no', 'NotAllowedError')); null",
    )
    page.do("click", selector="#camera")
    page.do("until", expression="document.getElementById('status').classList.contains('bad')")
    assert "allow it" in page.texts("#status")[0]
    assert page.texts("#camera") == ["Use camera"]


def test_the_keyboard_reaches_everything(page: Browser) -> None:
    page.do("until", expression="document.querySelectorAll('#examples button').length === 4")
    reached = []
    for _ in range(7):
        page.do("press", key="Tab")
        reached.append(
            page.do(
                "value",
                expression="document.activeElement.textContent.trim()"
                " || document.activeElement.querySelector('img').alt",
            )
        )
    examples = [f"Example {number}" for number in range(1, 5)]
    assert reached == ["Choose picture", "Use camera", *examples, "Check this page's answers"]
    page.do("value", expression="document.querySelector('#examples button').focus()")
    page.do("press", key="Enter")
    page.do("until", expression=ANSWERED)


@pytest.mark.parametrize("width", [320, 390, 1100])
def test_nothing_is_wider_than_the_window(
    browser: Browser, server: FolderServer, width: int
) -> None:
    browser.do("open", url=f"{server.url}?golden", width=width)
    browser.do("until", expression="window.archcResult")
    hand(browser, SEVEN)
    browser.do("until", expression=ANSWERED)
    assert browser.do("value", expression="document.documentElement.scrollWidth") <= width


def test_dark_windows_get_a_dark_page(browser: Browser, server: FolderServer) -> None:
    colours = []
    for dark in (False, True):
        browser.do("open", url=server.url, dark=dark)
        colours.append(
            browser.do("value", expression="getComputedStyle(document.body).backgroundColor")
        )
    light, dark_colour = (sum(map(int, c[4:-1].split(","))) for c in colours)
    assert light > 600
    assert dark_colour < 150


def test_without_scripts_the_page_says_what_to_do(browser: Browser, server: FolderServer) -> None:
    browser.do("open", url=server.url, scripts=False)
    assert "python -m http.server" in browser.texts("#status")[0]


def test_nothing_is_asked_of_others(page: Browser, server: FolderServer) -> None:
    hand(page, SEVEN)
    answer_is(page, "7")
    asked = page.do(
        "value", expression="performance.getEntriesByType('resource').map((entry) => entry.name)"
    )
    assert [url for url in asked if not url.startswith((server.url, "blob:"))] == []
    assert server.posted == []
