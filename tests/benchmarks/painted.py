"""From a scan to the new fragment painted, in a real Chromium at tablet size."""

import time
from collections.abc import Sequence

from playwright.sync_api import Page, sync_playwright

from tests.benchmarks.databases import Hood
from tests.benchmarks.results import Limit, Row, spread
from tests.benchmarks.scans import scans_of_a_dose
from tests.benchmarks.tablets import Tablet, signed_in
from tests.browser.chromium import launch
from tests.browser.sizes import TABLET

PERCEIVED_MS, MUST = 100.0, 1.5

# A keyboard wedge's keys; the clock runs from Enter until the frame with the new step is on the screen. The step's
# tone names the record that it shows, so it changes with every scan; a message behind an animation frame comes after
# that frame was painted.
SCAN = """keys => new Promise(done => {
    const shown = () => document.querySelector('#step [data-tone-key]')?.dataset.toneKey ?? '';
    const press = key => {
        const about = {key, bubbles: true, cancelable: true};
        if (key === '\\u001d') Object.assign(about, {key: ']', code: 'BracketRight', ctrlKey: true});
        (document.activeElement ?? document.body).dispatchEvent(new KeyboardEvent('keydown', about));
    };
    const before = shown();
    const watch = new MutationObserver(() => {
        if (shown() === before || shown() === '') return;
        watch.disconnect();
        performance.mark('swapped');
        requestAnimationFrame(() => {
            const behind = new MessageChannel();
            behind.port1.onmessage = () => {
                performance.mark('painted');
                done([performance.measure('a', 'scanned', 'swapped').duration,
                      performance.measure('b', 'scanned', 'painted').duration]);
            };
            behind.port2.postMessage(0);
        });
    });
    watch.observe(document.documentElement, {childList: true, subtree: true, attributes: true});
    for (const key of keys) press(key);
    performance.mark('scanned');
    press('Enter');
})"""
QUIET_MS = 120  # between two scans: the page's own news of the scan before has come and gone


def paint(port: int, hood: Hood, doses: Sequence[int], most_s: float) -> tuple[list[float], list[float]]:
    """Scan through some doses; the seconds from Enter to the fragment in the page, and to the frame that shows it."""
    tablet = signed_in(port, hood)
    swapped, painted = [], []
    until = time.perf_counter() + most_s
    with sync_playwright() as running:
        browser = launch(running)
        try:
            context = browser.new_context(viewport=TABLET, has_touch=True, reduced_motion="reduce")
            name, _, value = tablet.cookie.partition("=")
            context.add_cookies([{"name": name, "value": value, "url": f"http://{hood.host}:{port}"}])
            page = context.new_page()
            for number, dose in enumerate(doses):
                if painted and time.perf_counter() > until:
                    break
                for swap, frame in _one_dose(page, tablet, hood, port, dose):
                    if number:  # the first dose warms up
                        swapped.append(swap / 1000)
                        painted.append(frame / 1000)
        finally:
            browser.close()
            tablet.close()
    return swapped, painted


def _one_dose(page: Page, tablet: Tablet, hood: Hood, port: int, dose: int) -> list[tuple[float, float]]:
    at = tablet.post("/hood/scan", scan=hood.tray, dose=str(dose)).location
    page.goto(f"http://{hood.host}:{port}{at}")
    page.wait_for_selector("form[data-scan]", state="attached")
    page.wait_for_timeout(QUIET_MS)
    found = []
    for scan in scans_of_a_dose():
        found.append(tuple(page.evaluate(SCAN, list(scan))))
        page.wait_for_timeout(QUIET_MS)
    tablet.post(f"{at}/drop", reason="Contaminated")
    return found  # type: ignore[return-value]


def rows(swapped: list[float], painted: list[float]) -> list[Row]:
    """The lines: the fragment in the page, and painted."""
    times = spread(painted)
    limit = Limit("100 ms, the limit of perception (p99)", times.p99 / PERCEIVED_MS, MUST)
    return [
        Row("wedge scan → new fragment in the page, Chromium, SQLite", spread(swapped)),
        Row("wedge scan → new fragment painted, Chromium, SQLite", times, limit=limit),
    ]
