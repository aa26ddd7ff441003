"""The FDA's National Drug Code directory as it is published, and an NDC's digits as a scanner sees them."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal, InvalidOperation

from app.core.errors import Invalid
from app.core.wording import number

PRODUCT_SHAPES = frozenset({(4, 4), (5, 3), (5, 4), (6, 4)})
PACKAGE_SHAPES = frozenset({(4, 4, 2), (5, 3, 2), (5, 4, 1), (6, 4, 2)})
SCHEDULES = ("CI", "CII", "CIII", "CIV", "CV")

PRODUCT_COLUMNS = (
    "PRODUCTNDC", "PROPRIETARYNAME", "PROPRIETARYNAMESUFFIX", "NONPROPRIETARYNAME", "DOSAGEFORMNAME", "ROUTENAME",
    "LABELERNAME", "SUBSTANCENAME", "ACTIVE_NUMERATOR_STRENGTH", "ACTIVE_INGRED_UNIT", "DEASCHEDULE",
)  # fmt: skip
PACKAGE_COLUMNS = ("PRODUCTNDC", "NDCPACKAGECODE", "PACKAGEDESCRIPTION")

# What Windows-1252 means by the bytes that Latin-1 leaves without a letter (the directory says Latin-1 and uses both).
_WINDOWS = {code: bytes([code]).decode("cp1252", "ignore") or chr(code) for code in range(0x80, 0xA0)}
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_INNER = re.compile(r"([^>*()]+)\(([0-9]+-[0-9]+-[0-9]+)\)")
_STRENGTH = re.compile(r"([0-9]*\.?[0-9]*)(.*)", re.ASCII)
_UNIT_WORDS = {
    "ug": "mcg",
    "meq": "mEq",
    "ng": "nanograms",
    "U": "units",
    "[iU]": "units",
    "[USP'U]": "USP units",
}


@dataclass(frozen=True, slots=True)
class PackageNdc:
    """The NDC of one package as its three segments; their lengths are part of it and are never guessed."""

    labeler: str
    product: str
    package: str

    @property
    def text(self) -> str:
        """The NDC with its hyphens: 63323-284-20."""
        return f"{self.labeler}-{self.product}-{self.package}"

    @property
    def product_ndc(self) -> str:
        """The NDC of the product: 63323-284."""
        return f"{self.labeler}-{self.product}"

    @property
    def ndc10(self) -> str | None:
        """The ten digits that barcodes carry; None for the 12-digit NDC (6-4-2), which no GTIN can hold."""
        digits = self.labeler + self.product + self.package
        return digits if len(digits) == 10 else None

    @property
    def gtin14(self) -> str | None:
        """The GTIN-14 of this package itself (indicator 0): 003, the ten digits, the check digit; None for 6-4-2."""
        return None if self.ndc10 is None else gtin_of_ndc10(self.ndc10)


@dataclass(frozen=True, slots=True)
class ProductRow:
    """One line of the product file. `strength` is worded for people: '50 mg per mL'."""

    line: int
    ndc: str
    name: str
    nonproprietary: str
    labeler: str
    form: str
    route: str
    strength: str
    schedule: str


@dataclass(frozen=True, slots=True)
class PackageRow:
    """One line of the package file, or one inner package that such a line describes."""

    line: int
    ndc: PackageNdc
    description: str


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that was left out: which file ('product' or 'package'), its number, and why in words."""

    file: str
    line: int
    why: str


def check_digit(digits: str) -> str:
    """The GS1 check digit of a GTIN's other digits. Source: GS1 General Specifications, modulo 10, weights 3 and 1."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(digits)))
    return str(-total % 10)


def gtin_of_ndc10(ndc10: str) -> str:
    """The GTIN-14 that says this NDC of ten digits, with indicator 0."""
    return f"003{ndc10}{check_digit('003' + ndc10)}"


def read_gtin(text: str) -> str:
    """Read a GTIN-14 and prove its check digit. Raises Invalid under `gtin`."""
    digits = text.strip()
    if not re.fullmatch(r"[0-9]{14}", digits):
        raise Invalid({"gtin": f"'{text}' is not a GTIN: enter its 14 digits."})
    if check_digit(digits[:13]) != digits[13]:
        raise Invalid({"gtin": f"{digits} fails its check digit: scan the package again."})
    return digits


def read_product_ndc(text: str) -> str:
    """Read the NDC of a product (labeler and product segments, with the hyphen). Raises Invalid under `ndc`."""
    _segments(text, PRODUCT_SHAPES, "4-4, 5-3, 5-4 or 6-4")
    return text.strip()


def read_package_ndc(text: str) -> PackageNdc:
    """Read the NDC of a package with its hyphens; without them the split can not be known.

    Shapes 4-4-2, 5-3-2, 5-4-1, and 6-4-2 (FDA final rule of March 2026). Raises Invalid under `ndc`.
    """
    return PackageNdc(*_segments(text, PACKAGE_SHAPES, "4-4-2, 5-3-2, 5-4-1 or 6-4-2"))


def _segments(text: str, shapes: frozenset[tuple[int, ...]], named: str) -> list[str]:
    written = text.strip()
    if not written:
        raise Invalid({"ndc": "The NDC is missing."})
    segments = written.split("-")
    if tuple(map(len, segments)) not in shapes or not all(s.isascii() and s.isdigit() for s in segments):
        shown = written if len(written) <= 30 else written[:30] + "…"
        raise Invalid({"ndc": f"'{shown}' is no NDC: its digits must stand as {named}."})
    return segments


def read_products(lines: Iterable[bytes]) -> Iterator[ProductRow | BadLine]:
    """Read product.txt (tabs) or its csv extract by header name, a row or a bad line at a time.

    Raises Invalid under `product file` when the header lacks a column.
    """
    for record in _records(lines, "product", PRODUCT_COLUMNS):
        if isinstance(record, BadLine):
            yield record
            continue
        line, (ndc, name, suffix, nonproprietary, form, route, labeler, substances, amounts, units, dea) = record
        try:
            if not name and not nonproprietary:
                raise Invalid({"name": "The product has no name."})
            if dea and dea not in SCHEDULES:
                raise Invalid({"schedule": f"'{dea}' is no DEA schedule."})
            yield ProductRow(
                line=line,
                ndc=read_product_ndc(ndc),
                name=" ".join(f"{name or nonproprietary} {suffix}".split()),
                nonproprietary=nonproprietary,
                labeler=labeler,
                form=form,
                route=route,
                strength=strength_text(substances, amounts, units),
                schedule=dea,
            )
        except Invalid as invalid:
            yield BadLine("product", line, str(invalid))


def read_packages(lines: Iterable[bytes]) -> Iterator[PackageRow | BadLine]:
    """Read package.txt (tabs) or its csv extract by header name, a row or a bad line at a time.

    Raises Invalid under `package file` when the header lacks a column.
    """
    for record in _records(lines, "package", PACKAGE_COLUMNS):
        if isinstance(record, BadLine):
            yield record
            continue
        line, (product, code, description) = record
        try:
            ndc = read_package_ndc(code)
            if ndc.product_ndc != product:
                raise Invalid({"ndc": f"Package {ndc.text} cannot belong to product '{product}', where it stands."})
            yield PackageRow(line, ndc, description)
        except Invalid as invalid:
            yield BadLine("package", line, str(invalid))


def inner_packages(row: PackageRow) -> tuple[PackageRow, ...]:
    """The packages inside this one that carry an NDC of their own: the vial in the hand rather than its tray.

    The directory has no line for them; it names them in the outer package's description. Codes of another product
    (a kit's parts) are left out.
    """
    found = []
    for text, code in _INNER.findall(row.description):
        try:
            ndc = read_package_ndc(code)
        except Invalid:
            continue
        if ndc.product_ndc == row.ndc.product_ndc and ndc != row.ndc:
            found.append(PackageRow(row.line, ndc, " ".join(text.split())))
    return tuple(found)


def merged(listings: Sequence[ProductRow]) -> ProductRow:
    """One product from the several lines under which the directory may list its NDC.

    What they say differently about strength and form is kept side by side; of two schedules the stricter counts.
    """
    first = listings[0]
    if len(listings) == 1:
        return first
    routes = dict.fromkeys(route.strip() for each in listings for route in each.route.split(";") if route.strip())
    return replace(
        first,
        form=_either(each.form for each in listings),
        strength=_either(each.strength for each in listings),
        route="; ".join(routes),
        schedule=min((each.schedule for each in listings if each.schedule), key=SCHEDULES.index, default=""),
    )


def _either(texts: Iterable[str]) -> str:
    return " or ".join({text.casefold(): text for text in texts if text}.values())


def strength_text(substances: str, amounts: str, units: str) -> str:
    """Word a strength for people: '1 g per 20 mL', with each substance named where there are several.

    Source: the directory's SUBSTANCENAME, ACTIVE_NUMERATOR_STRENGTH and ACTIVE_INGRED_UNIT, lists divided by ';'.
    Where the lists do not match, they are given as published: a pairing would be a guess.
    """
    names, values, per = (_listed(text) for text in (substances, amounts, units))
    if len(values) != len(per) or (len(values) > 1 and len(names) != len(values)):
        return " ".join(text for text in (substances, amounts, units) if text)
    strengths = [_one_strength(value, unit) for value, unit in zip(values, per, strict=True)]
    if len(strengths) <= 1:
        return "".join(strengths)
    return "; ".join(f"{name.lower()} {strength}" for name, strength in zip(names, strengths, strict=True))


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(";")] if text else []


def _one_strength(value: str, unit: str) -> str:
    amount, _, denominator = unit.partition("/")
    matched = _STRENGTH.fullmatch(denominator)
    count, per = matched.groups() if matched else ("", denominator)
    text = f"{_tidy(value)} {_UNIT_WORDS.get(amount, amount)}".strip()
    if not per:  # '/1' is 'in each': the tablet, the vial.
        return text if count in ("", "1") else f"{text} per {_tidy(count)}"
    return f"{text} per {_tidy(count)} {per}" if count not in ("", "1") else f"{text} per {per}"


def _tidy(value: str) -> str:
    try:
        return number(Decimal(value))
    except (InvalidOperation, ValueError):
        return value


def _records(
    lines: Iterable[bytes], file: str, wanted: tuple[str, ...]
) -> Iterator[tuple[int, tuple[str, ...]] | BadLine]:
    # Each line is read for itself: one quotation mark without its partner must not swallow the lines after it.
    header: list[str] = []
    places: list[int] = []
    tabs = False
    for count, raw in enumerate(lines, start=1):
        if not raw.strip():
            continue
        text = _decoded(raw)
        if not header:
            tabs = "\t" in text
            header = [name.strip().upper() for name in _fields(text.removeprefix("\ufeff"), tabs)]
            places = _places(header, file, wanted)
            continue
        try:
            _refuse_foreign(text)
            fields = _fields(text, tabs)
        except (ValueError, csv.Error) as wrong:
            yield BadLine(file, count, f"The line cannot be read: {wrong}.")
            continue
        if len(fields) < len(header) or any(fields[len(header) :]):
            yield BadLine(file, count, f"The line has {len(fields)} columns where the header has {len(header)}.")
            continue
        yield count, tuple(fields[place].strip() for place in places)
    if not header:
        raise Invalid({f"{file} file": f"The {file} file is empty."})


def _places(header: list[str], file: str, wanted: tuple[str, ...]) -> list[int]:
    missing = [name for name in wanted if name not in header]
    if missing:
        columns = ", ".join(missing)
        raise Invalid({f"{file} file": f"This is not the FDA's {file} file: its header lacks {columns}."})
    return [header.index(name) for name in wanted]


def _decoded(raw: bytes) -> str:
    line = raw.rstrip(b"\r\n")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    return text.translate(_WINDOWS)


def _refuse_foreign(text: str) -> None:
    if text.isascii() and not _CONTROL.search(text):
        return
    for place, sign in enumerate(text, start=1):
        if not sign.encode("cp1252", "ignore") or _CONTROL.match(sign):
            raise ValueError(f"place {place} holds U+{ord(sign):04X}, which the directory never uses")


def _fields(text: str, tabs: bool) -> list[str]:
    return text.split("\t") if tabs else next(csv.reader([text], strict=True), [])
