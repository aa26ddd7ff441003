"""What came from other projects is exactly what the manifest says, with its licence beside it."""

import hashlib
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "app/web/static/vendor"
PACKAGES = tomllib.loads((VENDOR / "MANIFEST.toml").read_text(encoding="utf-8"))["package"]


@pytest.mark.parametrize("package", PACKAGES, ids=[package["name"] for package in PACKAGES])
def test_a_vendored_file_is_the_one_that_was_taken(package: dict[str, str]) -> None:
    taken = (ROOT / package["file"]).read_bytes()
    assert hashlib.sha256(taken).hexdigest() == package["sha256"]
    assert package["version"] in package["file"] or package["file"].endswith(".woff2")
    assert len((ROOT / package["licence_file"]).read_text(encoding="utf-8")) > 500


def test_nothing_stands_among_the_vendored_files_without_being_named() -> None:
    named = {ROOT / package[key] for package in PACKAGES for key in ("file", "licence_file")}
    for folder in (VENDOR, ROOT / "tests/browser/vendor"):
        for path in folder.iterdir():
            if path.name == "MANIFEST.toml" or path.name.endswith(".LICENSE-3RD-PARTY.txt"):
                continue
            assert path in named, f"{path.name} is not in the manifest"


def test_no_page_and_no_script_of_ours_fetches_from_another_host() -> None:
    ours = [*(ROOT / "templates").rglob("*.html"), *(VENDOR.parent / "js").rglob("*.js"), VENDOR.parent / "app.css"]
    for path in ours:
        text = path.read_text(encoding="utf-8").replace("http://www.w3.org/2000/svg", "")
        assert "http://" not in text and "https://" not in text, f"{path.relative_to(ROOT)} names another host"
