"""What people decide about drugs and products: what is in use, how dense it is, and what a sender's code means."""

from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.audit.actions import record
from app.core.errors import Invalid, Missing, Refused
from app.core.permissions import May, allowed
from app.core.quantity import Quantity
from app.db.session import Tx
from app.formulary.models import CONTAINERS, DENSITY_STATES, DRUG_KINDS, Density, Drug, Package, Product, SiteCode
from app.formulary.ndc import PackageNdc, read_gtin, read_package_ndc, read_product_ndc
from app.formulary.product import Displacement, density_faults, use_faults
from app.formulary.queries import as_sent

ENTERED_HERE = "entered here"


def add_drug(tx: Tx, code: str, name: str, kind: str, *, high_alert: bool = False) -> int:
    """Add an ingredient ('drug' or 'diluent') as orders and recipes will name it, and return its number.

    For a pharmacist. Raises Refused and Invalid.
    """
    tx.who.require(May.KEEP_FORMULARY)
    wrong = {}
    if not code.strip():
        wrong["code"] = "Give the drug a code."
    if not name.strip():
        wrong["name"] = "Give the drug its name."
    if kind not in DRUG_KINDS:
        wrong["kind"] = f"'{kind}' is neither a drug nor a diluent."
    if not wrong and tx.session.scalar(select(Drug.id).where(Drug.code == code.strip())) is not None:
        wrong["code"] = f"There is a drug with the code '{code.strip()}' already."
    if wrong:
        raise Invalid(wrong)
    drug = Drug(code=code.strip(), name=name.strip(), kind=kind, high_alert=high_alert)
    tx.session.add(drug)
    tx.session.flush()
    facts = {"code": drug.code, "name": drug.name, "kind": kind, "high alert": high_alert}
    record(tx, "added", f"drug {drug.id}", facts)
    tx.tell("formulary")
    return drug.id


def add_product(
    tx: Tx,
    ndc: str,
    name: str,
    *,
    nonproprietary: str,
    labeler: str,
    form: str,
    route: str,
    strength: str,
    schedule: str = "",
    packages: Mapping[str, str] | None = None,
) -> int:
    """Enter a product that no imported directory lists, with its packages (NDC → description); return its number.

    A later import of a directory that lists it takes over its words. For a pharmacist. Raises Refused and Invalid.
    """
    tx.who.require(May.KEEP_FORMULARY)
    code = read_product_ndc(ndc)
    if tx.session.scalar(select(Product.id).where(Product.ndc == code)) is not None:
        raise Invalid({"ndc": f"There is a product with the NDC {code} already: take that one into use."})
    words = {
        "name": name,
        "nonproprietary": nonproprietary,
        "labeler": labeler,
        "form": form,
        "route": route,
        "strength": strength,
        "schedule": schedule,
    }
    product = Product(ndc=code, source=ENTERED_HERE, **words)
    tx.session.add(product)
    tx.session.flush()
    for text, description in (packages or {}).items():
        _package(tx.session, product, _package_of(product, text), description)
    record(tx, "entered", f"product {product.id}", {"ndc": code, **words, "packages": dict(packages or {})})
    tx.tell("formulary")
    return product.id


def take_into_use(
    tx: Tx,
    package: int | str,
    drug_id: int,
    *,
    container: str,
    content: Quantity | None,
    volume_ml: Decimal,
    displacement: Displacement | None = None,
    gross_min_g: Decimal | None = None,
    gross_max_g: Decimal | None = None,
    gtin: str | None = None,
) -> int:
    """Let the pharmacy use a package (the container in the hand) for a drug, or correct what is known about it.

    `package` is its number or its NDC with hyphens; an NDC that the directory does not list (the vial inside a tray)
    is added to its product. Each size is a package of its own. `content` is the amount in one container (None for a
    plain diluent), `volume_ml` the volume as supplied (0 for a powder), the gross bounds the mass of a full container
    in g; `gtin` binds the GTIN-14 on it. For a pharmacist. Worksheets that were frozen before keep what they say.
    Returns the package's number. Raises Refused, Missing and Invalid.
    """
    tx.who.require(May.KEEP_FORMULARY)
    drug = tx.session.get(Drug, drug_id)
    if drug is None:
        raise Missing(f"There is no drug {drug_id}.")
    taken, product = package_in_hand(tx.session, package)
    if product.drug_id not in (None, drug_id):
        raise Refused(f"{product.name} ({product.ndc}) is in use for another drug. It cannot change what it is.")
    wrong = use_faults(drug.kind, container, content, volume_ml, displacement, (gross_min_g, gross_max_g))
    if container not in CONTAINERS:
        wrong = {"container": f"'{container}' is no container: choose {', '.join(CONTAINERS)}."}
    if wrong:
        raise Invalid(wrong)
    product.drug_id = drug_id
    taken.container = container
    taken.content = None if content is None else content.value
    taken.content_unit = None if content is None else content.unit
    taken.volume_ml = volume_ml
    taken.displacement_ml = None if displacement is None else displacement.ml
    taken.displacement_u_ml = None if displacement is None else displacement.u_ml
    taken.displacement_source = None if displacement is None else displacement.source.strip()
    taken.gross_min_g, taken.gross_max_g = gross_min_g, gross_max_g
    if gtin is not None:
        _bind(tx.session, taken, gtin)
    tx.session.flush()
    facts = {
        "ndc": taken.ndc,
        "drug": drug.code,
        "container": container,
        "content": None if content is None else str(content),
        "volume_ml": volume_ml,
        "displacement": displacement,
        "gross_g": [gross_min_g, gross_max_g],
        "gtin": taken.gtin14,
    }
    record(tx, "taken into use", f"product {product.id}", facts)
    tx.tell("formulary")
    return taken.id


def enter_density(
    tx: Tx,
    product_id: int,
    state: str,
    g_per_ml: Decimal,
    u_g_per_ml: Decimal,
    source: str,
    ends_on: date | None = None,
) -> int:
    """Enter a product's density 'as supplied' or 'reconstituted' (g/mL, U with k = 2) and return its number.

    It judges nothing until another person approves it. `ends_on` is its last day. Raises Refused, Missing, Invalid.
    """
    tx.who.require(May.ENTER_DENSITY)
    if tx.who.person_id is None:
        raise Refused("A density is entered by a person who stands for it.")
    wrong = density_faults(g_per_ml, u_g_per_ml, source)
    if state not in DENSITY_STATES:
        wrong["state"] = f"'{state}' is no state of a product: choose {' or '.join(DENSITY_STATES)}."
    if wrong:
        raise Invalid(wrong)
    if tx.session.get(Product, product_id) is None:
        raise Missing(f"There is no product {product_id}.")
    density = Density(
        product_id=product_id,
        state=state,
        g_per_ml=g_per_ml,
        u_g_per_ml=u_g_per_ml,
        source=source.strip(),
        entered_by=tx.who.person_id,
        entered_at=tx.now,
        ends_on=ends_on,
    )
    tx.session.add(density)
    tx.session.flush()
    record(tx, "entered", f"density {density.id}", _density_facts(density))
    tx.tell("formulary")
    return density.id


def approve_density(tx: Tx, density_id: int) -> None:
    """Stand, as a pharmacist who did not enter it, for a density; from now on it may judge doses.

    Raises Refused (own entry, approved before, not a pharmacist, implausible) and Missing.
    """
    tx.who.require(May.APPROVE_DENSITY)
    density = tx.session.get(Density, density_id)
    if density is None:
        raise Missing(f"There is no density {density_id}.")
    if tx.who.person_id is None or density.entered_by == tx.who.person_id:
        raise Refused("You entered this density, so another pharmacist must approve it.")
    wrong = density_faults(density.g_per_ml, density.u_g_per_ml, density.source)
    if wrong:
        raise Refused("This density can not be approved: " + " ".join(wrong.values()))
    waiting = update(Density).where(Density.id == density_id, Density.approved_by.is_(None))
    done = tx.session.execute(
        waiting.values(approved_by=tx.who.person_id, approved_at=tx.now).returning(Density.id)
    ).first()
    if done is None:
        raise Refused("Somebody has approved this density already. There is nothing left to do.")
    record(tx, "approved", f"density {density_id}", _density_facts(density))
    tx.tell("formulary")


def withdraw_density(tx: Tx, density_id: int, reason: str) -> None:
    """Take a density that still waits for its second person away; the trail keeps what it said and the reason.

    For whoever entered it, and for a pharmacist. Raises Refused (approved, another's), Missing, Invalid.
    """
    tx.who.require(May.ENTER_DENSITY)
    density = tx.session.scalar(select(Density).where(Density.id == density_id).with_for_update())
    if density is None:
        raise Missing("This density does not exist, or was withdrawn already.")
    if density.approved_by is not None:
        raise Refused("This density is approved and judges doses. Enter the right one: once approved, it counts.")
    if density.entered_by != tx.who.person_id and not allowed(tx.who.roles, May.APPROVE_DENSITY):
        raise Refused("Somebody else entered this density. They withdraw it, or a pharmacist does.")
    if len(reason.strip()) < 3:
        raise Invalid({"reason": "Say what is wrong with this density."})
    facts = {"density": density_id, **_density_facts(density), "reason": reason.strip()}
    record(tx, "density withdrawn", f"product {density.product_id}", facts)
    tx.session.delete(density)
    tx.session.flush()
    tx.tell("formulary")


def map_code(tx: Tx, sender: str, code: str, text: str, drug_id: int) -> None:
    """Decide what a sender's code together with its text means here; deciding again replaces it, on the record.

    Raises Refused, Missing and Invalid.
    """
    tx.who.require(May.MAP)
    drug = tx.session.get(Drug, drug_id)
    if drug is None:
        raise Missing(f"There is no drug {drug_id}.")
    said = {"sender": sender.strip(), "code": as_sent(code), "text": as_sent(text)}
    if not said["sender"] or not (said["code"] or said["text"]):
        raise Invalid({"code": "A meaning needs a sender and a code or a text."})
    known = tx.session.scalars(select(SiteCode).filter_by(**said).with_for_update()).one_or_none()
    before = None if known is None else known.drug_id
    if before == drug_id:
        return
    if known is None:
        known = SiteCode(**said)
        tx.session.add(known)
    known.drug_id, known.decided_by, known.decided_at = drug_id, tx.who.person_id, tx.now
    tx.session.flush()
    record(tx, "mapped", f"code {known.id}", {**said, "drug": drug.code, "drug_id": drug_id, "before": before})
    tx.tell("formulary")


def _density_facts(density: Density) -> dict[str, object]:
    return {
        "product_id": density.product_id,
        "state": density.state,
        "g_per_ml": density.g_per_ml,
        "u_g_per_ml": density.u_g_per_ml,
        "source": density.source,
        "entered_by": density.entered_by,
        "ends_on": density.ends_on,
    }


def _package_of(product: Product, text: str) -> PackageNdc:
    code = read_package_ndc(text)
    if code.product_ndc != product.ndc:
        raise Invalid({"ndc": f"Package {code.text} is not a package of {product.name} ({product.ndc})."})
    return code


def _package(session: Session, product: Product, code: PackageNdc, description: str) -> Package:
    package = Package(product_id=product.id, ndc=code.text, ndc10=code.ndc10, description=description)
    rivals = _same_digits(session, code)
    if not rivals:
        package.gtin14 = code.gtin14
    for other, in_use in rivals:
        # Neither may answer to these digits until a pharmacist binds one; what is in use keeps its barcode.
        if not in_use:
            other.gtin14 = None
    session.add(package)
    session.flush()
    return package


def _same_digits(session: Session, code: PackageNdc) -> list[tuple[Package, bool]]:
    if code.ndc10 is None:
        return []
    others = select(Package).where(Package.ndc10 == code.ndc10, Package.ndc != code.text)
    return [(other, other.container is not None) for other in session.scalars(others)]


def package_in_hand(session: Session, package: int | str) -> tuple[Package, Product]:
    """The package by its number or NDC, and its product, locked: all sizes of one product are one and the same drug."""
    code = read_package_ndc(package) if isinstance(package, str) else None
    if code is None:
        found = session.get(Package, package)
        if found is None:
            raise Missing(f"There is no package {package}.")
        return found, session.scalars(select(Product).where(Product.id == found.product_id).with_for_update()).one()
    query = select(Product).where(Product.ndc == code.product_ndc).with_for_update()
    product = session.scalars(query).one_or_none()
    if product is None:
        raise Invalid(
            {"ndc": f"No product has the NDC {code.product_ndc}: enter it, or import a directory that lists it."}
        )
    found = session.scalars(select(Package).where(Package.ndc == code.text)).one_or_none()
    return found or _package(session, product, code, "entered when it was taken into use"), product


def _bind(session: Session, package: Package, gtin_text: str) -> None:
    gtin = read_gtin(gtin_text)
    if gtin[1:3] == "03" and gtin[3:13] != package.ndc10:
        raise Invalid({"gtin": f"{gtin} says the NDC digits {gtin[3:13]}, not those of {package.ndc}: scan it again."})
    holder = session.scalars(select(Package).where(Package.gtin14 == gtin)).one_or_none()
    if holder is not None and holder.ndc != package.ndc:
        raise Refused(f"GTIN {gtin} belongs to package {holder.ndc} already. Find out which is right first.")
    package.gtin14 = gtin
