"""The Chromium of the tests: Debian's shell without windows. It reads and draws pages as the whole browser does, for a
fifth of its work, since it keeps no window, tabs and menus of its own beside them."""

from playwright.sync_api import Browser, Playwright

_PROGRAM = "/usr/bin/chromium-headless-shell"
_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--use-fake-ui-for-media-stream",
    "--use-fake-device-for-media-stream",
)


def launch(running: Playwright, *flags: str) -> Browser:
    """Start a browser whose camera is Chromium's own test picture, unless `flags` name another."""
    return running.chromium.launch(executable_path=_PROGRAM, args=[*_FLAGS, *flags])
