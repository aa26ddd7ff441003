"""The camera takes what it sees and says in words when it cannot; the label is drawn from its own bytes."""

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
import zxingcpp
from fastapi import FastAPI
from PIL import Image

from tests.browser.styleguide_app import styleguide


@pytest.fixture(scope="module")
def app() -> FastAPI:
    return styleguide()


@pytest.fixture(scope="module")
def base(app: FastAPI, serve: Callable[..., str]) -> str:
    return serve(app)


@pytest.fixture
def posts(app: FastAPI) -> list[dict[str, Any]]:
    app.state.posts.clear()
    return app.state.posts


def labelled_bag() -> Image.Image:
    """A grey bag with a DataMatrix on it."""
    symbol = zxingcpp.create_barcode("L-000123", zxingcpp.BarcodeFormat.DataMatrix).to_image(scale=12)
    bag = Image.new("RGB", (1280, 720), (190, 195, 200))
    bag.paste(Image.fromarray(symbol), (440, 200))
    return bag


def test_the_card_yes_takes_the_picture_and_it_can_be_read(
    base: str, new_page: Any, fake_camera: Any, scan: Any, posts: list[dict[str, Any]]
) -> None:
    page = new_page(browser=fake_camera(labelled_bag()))
    page.goto(f"{base}/photo?kind=hood")
    page.wait_for_selector("[data-shutter]:enabled")
    scan(page, "CARD-YES")
    page.wait_for_selector("h1:has-text('Stored'), [data-photo-words]:not(:empty), .toast, #lost, #fault")
    assert page.locator("[data-photo-words], .toast, #lost, #fault").all_inner_texts() == []
    photo = posts[0]["photo"]
    assert photo[:3] == b"\xff\xd8\xff" and posts[0]["once"] and posts[0]["step"] == "9"
    read = zxingcpp.read_barcodes(Image.open(io.BytesIO(photo)))
    assert [code.text for code in read] == ["L-000123"]


def test_a_black_picture_is_refused(base: str, new_page: Any, fake_camera: Any, posts: list[dict[str, Any]]) -> None:
    page = new_page(browser=fake_camera(Image.new("RGB", (1280, 720), (3, 3, 3))))
    page.goto(f"{base}/photo?kind=hood")
    page.wait_for_selector("[data-shutter]:enabled")
    page.get_by_role("button", name="Take the picture").tap()
    page.wait_for_selector("[data-photo-words]:has-text('black')")
    assert posts == []


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("NotFoundError", "No camera was found"),
        ("NotAllowedError", "not allowed"),
        ("NotReadableError", "used by another program"),
        ("OverconstrainedError", "cannot give a usable picture"),
    ],
)
def test_a_camera_that_does_not_start_says_why(base: str, new_page: Any, error: str, words: str) -> None:
    page = new_page()
    page.add_init_script(
        f"navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('no', '{error}'); }}"
    )
    page.goto(f"{base}/photo?kind=hood")
    page.wait_for_selector(f"[data-photo-words]:has-text('{words}')")
    assert page.get_by_label("Picture", exact=True).is_visible(), "a file can be chosen instead"


def test_a_picture_file_serves_where_there_is_no_camera(
    base: str, new_page: Any, posts: list[dict[str, Any]]
) -> None:
    page = new_page()
    page.add_init_script(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('no', 'NotFoundError'); }"
    )
    page.goto(f"{base}/photo?kind=hood")
    page.get_by_role("button", name="Send this picture").tap()
    page.wait_for_selector("[data-photo-words]:has-text('Choose a picture first')")
    kept = io.BytesIO()
    labelled_bag().save(kept, "JPEG")
    page.set_input_files("input[name=photo]", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": kept.getvalue()})
    page.wait_for_timeout(450)
    page.get_by_role("button", name="Send this picture").tap()
    page.wait_for_selector("h1:has-text('Stored')")
    assert posts[0]["photo"] == kept.getvalue()


def test_the_label_is_drawn_in_the_page_from_the_bytes_that_print(base: str, new_page: Any) -> None:
    page = new_page()
    asked: list[str] = []
    page.context.on("request", lambda request: asked.append(request.url))
    page.goto(f"{base}/label?kind=desk")
    page.wait_for_selector("[data-zpl-src][data-drawn=ok] img")
    drawn = page.locator("[data-zpl-src] img").evaluate("i => i.src")
    read = zxingcpp.read_barcodes(Image.open(io.BytesIO(base64.b64decode(drawn.split(",", 1)[1]))))
    assert [code.text for code in read] == ["L-000123"]
    assert page.get_by_text("Preview, not printer output").is_visible()
    assert [url for url in asked if not url.startswith((base, "data:", "blob:"))] == [], "nothing comes from elsewhere"
