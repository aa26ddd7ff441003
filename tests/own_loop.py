"""Coroutines of tests in a thread of their own: a browser of another test may have left its loop in this one."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def alone(what: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end, with a loop and a thread of its own; what it raises is raised here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, what).result()
