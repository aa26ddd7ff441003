"""Every test of faults ends with the same question: do all promises of the whole record still hold?"""

from collections.abc import Iterator

import pytest

from compounding.invariant_queries import broken_promises
from tests.hospital import Hospital


@pytest.fixture
def house(house: Hospital) -> Iterator[Hospital]:
    """The pretend hospital; whatever a test did to it, nothing that must always hold may be broken afterwards."""
    yield house
    with house.db.read() as session:
        assert broken_promises(session) == []
