"""How the tests are shared out among workers, and in which order: none is left alone with a long file at the end.

A worker takes a whole file at once, because its tests share what the file has set up; where they share nothing but
what lasts a session, each test goes by itself. What takes longest is begun first.
"""

from typing import Any

import pytest

LONGEST = ("tests/scenarios/test_a_real_day.py", "tests/browser/test_story.py", "tests/browser/test_cart_ward.py")
FOLDERS = ("browser", "faults", "scenarios", "unitdose", "devices", "app", "compounding", "core")
BY_TEST = ("tests/faults/", "tests/unitdose/", "tests/scenarios/test_a_real_day.py")


def taken_at_once(nodeid: str) -> str:
    """What a worker takes together with this test: its file, or the test alone."""
    return nodeid if nodeid.startswith(BY_TEST) else nodeid.split("::")[0]


def _place(item: pytest.Item) -> tuple[int, int]:
    file = item.nodeid.split("::")[0]
    folder = file.split("/")[1]
    longest = LONGEST.index(file) if file in LONGEST else len(LONGEST)
    return longest, FOLDERS.index(folder) if folder in FOLDERS else len(FOLDERS)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put what takes longest first; all else keeps its order."""
    items.sort(key=_place)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Share out by file and, where that is safe, by test: a refined `--dist loadfile`."""
    if config.getvalue("dist") != "loadfile":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class SharedOut(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return taken_at_once(nodeid)

    config.option.loadscopereorder = False  # it would put the files with few and long tests last
    return SharedOut(config, log)
