"""Taking in the FDA's directory: in small transactions, as often as one likes, never over what the pharmacy set."""

import gzip
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Table, bindparam, insert, or_, select, update
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.canonical import sha256
from app.core.errors import Invalid, Missing
from app.db.session import Db, Tx, Who
from app.formulary import ndc
from app.formulary.models import Package, Product
from app.formulary.ndc import BadLine, PackageNdc, PackageRow, ProductRow

# A nurse's scan waits for at most one of these transactions.
CHUNK = 500
SOURCE = "FDA NDC directory"
_PRODUCT: Table = Product.__table__  # type: ignore[assignment]
_PACKAGE: Table = Package.__table__  # type: ignore[assignment]
_COPIED = ("name", "nonproprietary", "labeler", "form", "route", "strength", "schedule", "source")

Progress = Callable[[int, int], None]
Row = TypeVar("Row")


@dataclass(frozen=True)
class Imported:
    """What one run found: lines read, distinct products and packages in them, and what they were to the database.

    `packages` includes the inner packages that have no line of their own. `bad` lines were left out or, where they
    say so, taken in without a barcode.
    """

    product_lines: int
    package_lines: int
    products: int
    packages: int
    new: int
    changed: int
    unchanged: int
    bad: tuple[BadLine, ...]


def import_directory(
    db: Db, who: Who, product_path: Path, package_path: Path, progress: Progress = lambda done, total: None
) -> Imported:
    """Take in product and package files (tab-separated or csv, plain or gzipped), at most 500 rows a transaction.

    A second run changes nothing but what the files say differently; the columns that the pharmacy set (drug,
    content, GTINs it bound) are never touched. `progress` hears (rows done, rows in all). One audit record a run.
    Raises Missing for a file that is not there and Invalid for one that is not the FDA's.
    """
    product_lines, product_hash = _lines_of(product_path, "product")
    package_lines, package_hash = _lines_of(package_path, "package")
    listings, bad_products = _parted(ndc.read_products(product_lines))
    rows, bad_packages = _parted(ndc.read_packages(package_lines))
    products = _distinct_products(listings)
    packages = _distinct_packages(rows)
    total, done = len(products) + len(packages), 0
    tally: Counter[str] = Counter()
    bad = [*bad_products, *bad_packages]
    progress(0, total)
    for product_chunk in _chunks(products):
        with db.write(who) as tx:
            tally += _store_products(tx.session, product_chunk)
        done += len(product_chunk)
        progress(done, total)
    shared = _shared_digits(packages)
    for package_chunk in _chunks(packages):
        with db.write(who) as tx:
            counted, refused = _store_packages(tx.session, package_chunk, shared)
        tally += counted
        bad += refused
        done += len(package_chunk)
        progress(done, total)
    imported = Imported(
        product_lines=len(listings) + len(bad_products),
        package_lines=len(rows) + len(bad_packages),
        products=len(products),
        packages=len(packages),
        new=tally["new"],
        changed=tally["changed"],
        unchanged=tally["unchanged"],
        bad=tuple(bad),
    )
    with db.write(who) as tx:
        _record(tx, imported, {"product file": product_hash, "package file": package_hash})
    return imported


def _record(tx: Tx, imported: Imported, hashes: dict[str, str]) -> None:
    counts = {name: value for name, value in vars(imported).items() if name != "bad"}
    record(tx, "imported", "formulary", {"counts": counts, "bad lines": len(imported.bad), "sha256": hashes})
    tx.tell("formulary")


def _lines_of(path: Path, file: str) -> tuple[list[bytes], str]:
    try:
        raw = path.read_bytes()
    except OSError as wrong:
        raise Missing(f"The {file} file {path} cannot be opened: {wrong.strerror}.") from wrong
    digest = sha256(raw)
    if raw[:2] == b"\x1f\x8b":
        try:
            raw = gzip.decompress(raw)
        except (OSError, EOFError, zlib.error) as wrong:
            raise Invalid({f"{file} file": f"The {file} file {path.name} is damaged: fetch it again."}) from wrong
    return raw.splitlines(), digest


def _parted(read: Iterable[Row | BadLine]) -> tuple[list[Row], list[BadLine]]:
    good: list[Row] = []
    bad: list[BadLine] = []
    for each in read:
        if isinstance(each, BadLine):
            bad.append(each)
        else:
            good.append(each)
    return good, bad


def _distinct_products(rows: Iterable[ProductRow]) -> list[ProductRow]:
    listings: dict[str, list[ProductRow]] = {}
    for row in rows:
        listings.setdefault(row.ndc, []).append(row)
    return [ndc.merged(same) for same in listings.values()]


def _distinct_packages(rows: Sequence[PackageRow]) -> list[PackageRow]:
    # A package's own line says more about it than the description of the carton around it.
    found = {row.ndc.text: row for row in reversed(rows)}
    for row in rows:
        for inner in ndc.inner_packages(row):
            found.setdefault(inner.ndc.text, inner)
    return sorted(found.values(), key=lambda row: row.line)


def _shared_digits(packages: Iterable[PackageRow]) -> frozenset[str]:
    counted = Counter(row.ndc.ndc10 for row in packages)
    return frozenset(digits for digits, times in counted.items() if digits is not None and times > 1)


def _chunks(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    for start in range(0, len(rows), CHUNK):
        yield rows[start : start + CHUNK]


def _store_products(session: Session, rows: Sequence[ProductRow]) -> Counter[str]:
    wanted = {row.ndc: {name: getattr(row, name, SOURCE) for name in _COPIED} for row in rows}
    columns = [_PRODUCT.c[name] for name in ("id", "ndc", *_COPIED)]
    found = session.execute(select(*columns).where(_PRODUCT.c.ndc.in_(list(wanted)))).mappings()
    stored = {row["ndc"]: row for row in found}
    new = [{"ndc": key} | values for key, values in wanted.items() if key not in stored]
    changed = [
        {"row_id": stored[key]["id"]} | values
        for key, values in wanted.items()
        if key in stored and any(stored[key][name] != value for name, value in values.items())
    ]
    return _written(session, _PRODUCT, new, changed, len(rows))


def _store_packages(
    session: Session, rows: Sequence[PackageRow], shared: frozenset[str]
) -> tuple[Counter[str], list[BadLine]]:
    owners = {row.ndc.product_ndc for row in rows}
    found = session.execute(select(Product.ndc, Product.id).where(Product.ndc.in_(owners)))
    owner_ids = {code: key for code, key in found}
    near, by_digits = _packages_near(session, rows)
    new: list[dict[str, Any]] = []
    changed: list[dict[str, Any]] = []
    bad: list[BadLine] = []
    taken = 0
    for row in rows:
        code, gtin = row.ndc, row.ndc.gtin14
        if code.product_ndc not in owner_ids:
            why = f"Package {code.text} was left out: its product {code.product_ndc} is not known."
            bad.append(BadLine("package", row.line, why))
            continue
        taken += 1
        rivals = [other for other in by_digits.get(code.ndc10, ()) if other["ndc"] != code.text]
        if code.ndc10 in shared or rivals:
            bad.append(BadLine("package", row.line, _told_apart(code)))
            gtin = None
            _unbind(session, rivals)
        there = near.get(code.text)
        if there is None:
            new.append(_package(code, gtin, row.description, owner_ids[code.product_ndc]))
        # A GTIN that stands there stays: it is the same, or the pharmacy bound it.
        elif (there["description"], there["gtin14"]) != (row.description, there["gtin14"] or gtin):
            values = {"description": row.description, "gtin14": there["gtin14"] or gtin}
            changed.append({"row_id": there["id"]} | values)
    return _written(session, _PACKAGE, new, changed, taken), bad


def _package(code: PackageNdc, gtin: str | None, description: str, product_id: int) -> dict[str, Any]:
    return {
        "product_id": product_id,
        "ndc": code.text,
        "ndc10": code.ndc10,
        "gtin14": gtin,
        "description": description,
    }


def _packages_near(session: Session, rows: Sequence[PackageRow]) -> tuple[dict[str, Any], dict[Any, list[Any]]]:
    codes = [row.ndc.text for row in rows]
    digits = [row.ndc.ndc10 for row in rows if row.ndc.ndc10]
    columns = [_PACKAGE.c[name] for name in ("id", "ndc", "ndc10", "gtin14", "description")]
    query = select(*columns).where(or_(_PACKAGE.c.ndc.in_(codes), _PACKAGE.c.ndc10.in_(digits)))
    near: dict[str, Any] = {}
    by_digits: dict[Any, list[Any]] = {}
    for row in session.execute(query).mappings():
        near[row["ndc"]] = row
        if row["ndc10"]:
            by_digits.setdefault(row["ndc10"], []).append(row)
    return near, by_digits


def _told_apart(code: PackageNdc) -> str:
    return (
        f"Package {code.text} was taken in without its barcode: another NDC has the same ten digits, so a scan could "
        "not tell them apart. Bind the GTIN of the one you use."
    )


def _unbind(session: Session, rivals: Sequence[Any]) -> None:
    # What the pharmacy uses keeps its barcode: a pharmacist bound it, or has used it under that barcode.
    ids = [other["id"] for other in rivals if other["gtin14"] is not None]
    if ids:
        unused = update(_PACKAGE).where(_PACKAGE.c.id.in_(ids), _PACKAGE.c.container.is_(None))
        session.execute(unused.values(gtin14=None))


def _written(
    session: Session, table: Table, new: list[dict[str, Any]], changed: list[dict[str, Any]], rows: int
) -> Counter[str]:
    connection = session.connection()
    if new:
        connection.execute(insert(table), new)
    if changed:
        names = [name for name in changed[0] if name != "row_id"]
        values: dict[str, Any] = {name: bindparam(name) for name in names}
        connection.execute(update(table).where(table.c.id == bindparam("row_id")).values(values), changed)
    return Counter(new=len(new), changed=len(changed), unchanged=rows - len(new) - len(changed))
