"""The FDA's real directory: read whole, taken in twice without doubling, in transactions that nobody waits for."""

import os
import time
from pathlib import Path

import pytest
from sqlalchemy import func, select

from app.audit import queries as audit
from app.db.session import SYSTEM, Db
from app.formulary.directory_actions import CHUNK, import_directory
from app.formulary.models import Package, Product
from app.formulary.queries import search

DATA = Path(os.environ.get("LAMINAR_DATA", Path(__file__).parents[4] / "shared" / "data")) / "ndc"
PRODUCTS = DATA / "ndc_products_2019-04-29.csv.gz"
PACKAGES = DATA / "ndc_packages_2019-04-29.csv.gz"

pytestmark = pytest.mark.skipif(not PRODUCTS.exists(), reason="the FDA extract (LAMINAR_DATA, ndc) is not here")


def test_the_whole_directory_is_taken_in_and_a_second_time_changes_nothing(db: Db) -> None:
    heard: list[tuple[int, int]] = []
    started = time.perf_counter()
    first = import_directory(db, SYSTEM, PRODUCTS, PACKAGES, lambda done, total: heard.append((done, total)))
    taken = time.perf_counter() - started
    print(f"{db.url.split(':')[0]}: {first.new} rows in {taken:.2f} s, {first.new / taken:.0f} rows/s")

    assert (first.product_lines, first.package_lines) == (15_083, 29_788)
    # 315 products are listed more than once, one package twice, and 3,614 packages only inside their cartons.
    assert first.products == 14_687
    assert first.bad == ()
    assert (first.new, first.changed, first.unchanged) == (first.products + first.packages, 0, 0)
    assert heard[0] == (0, first.new)
    assert heard[-1] == (first.new, first.new)
    assert max(later[0] - earlier[0] for earlier, later in zip(heard, heard[1:], strict=False)) <= CHUNK

    second = import_directory(db, SYSTEM, PRODUCTS, PACKAGES)

    assert (second.new, second.changed, second.unchanged) == (0, 0, first.new)
    with db.read() as session:
        assert session.scalar(select(func.count()).select_from(Product)) == first.products
        assert session.scalar(select(func.count()).select_from(Package)) == first.packages
        assert [each.action for each in audit.of_subject(session, "formulary")] == ["imported", "imported"]
        assert [each.ndc for each in search(session, "vancomycin fresenius 1 g 20")][:1] == ["63323-284"]
