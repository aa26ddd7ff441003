"""What there is to give and to mix with: drugs, products, packages, and what is known about each product."""

from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.db.base import Base, Key, Ref, one_of

DRUG_KINDS = ("drug", "diluent")
CONTAINERS = ("powder vial", "liquid vial", "bag", "bottle")
DENSITY_STATES = ("as supplied", "reconstituted")
UNIT_DOSE_FORMS = (
    "tablet", "half tablet", "capsule", "cup", "oral syringe", "packet", "lozenge", "suppository", "patch", "vial",
    "syringe", "inhaler", "nasal spray", "pen", "drops", "cream", "bottle",
)  # fmt: skip
STORED = ("room", "refrigerator")


class Drug(Base):
    """An ingredient as orders and recipes name it: 'vancomycin', 'sodium chloride 0.9 %'."""

    __tablename__ = "drug"

    id: Mapped[Key]
    code: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    kind: Mapped[str]
    high_alert: Mapped[bool] = mapped_column(default=False)

    __table_args__ = (CheckConstraint(one_of("kind", DRUG_KINDS), name="kind_known"),)


class SiteCode(Base):
    """What a sender's code means here. Code and text together: a code that comes with a new text is asked again."""

    __tablename__ = "site_code"

    id: Mapped[Key]
    sender: Mapped[str]
    code: Mapped[str]
    text: Mapped[str]
    drug_id: Mapped[Ref] = mapped_column(ForeignKey("drug.id"))
    decided_by: Mapped[int | None]
    decided_at: Mapped[datetime]

    __table_args__ = (UniqueConstraint("sender", "code", "text"),)


class Product(Base):
    """A manufacturer's product (NDC labeler and product segments): one liquid or powder, in every size it is sold in.

    `drug_id` is set when the pharmacy takes the first of its packages into use.
    """

    __tablename__ = "product"

    id: Mapped[Key]
    ndc: Mapped[str] = mapped_column(unique=True)
    name: Mapped[str]
    nonproprietary: Mapped[str]
    labeler: Mapped[str]
    form: Mapped[str]
    route: Mapped[str]
    strength: Mapped[str]
    schedule: Mapped[str]
    source: Mapped[str]
    drug_id: Mapped[Ref | None] = mapped_column(ForeignKey("drug.id"))

    __table_args__ = (Index("ix_product_drug_id", "drug_id"),)


class Package(Base):
    """One package of a product, found by GTIN-14 or by the ten digits of its NDC, which carry no hyphens.

    The columns below `description` are set when the pharmacy takes it into use as a container in the hand; an imported
    directory leaves them empty. `content` is the amount in one container, `volume_ml` the volume in it as supplied
    (0 for a powder); `gross_min_g`/`gross_max_g` bound the mass of a full container. They belong to the package and
    not to its product: one maker's bags of 250 and 1,000 mL are two packages of one product.
    """

    __tablename__ = "package"

    id: Mapped[Key]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("product.id"))
    ndc: Mapped[str] = mapped_column(unique=True)
    ndc10: Mapped[str | None]
    gtin14: Mapped[str | None] = mapped_column(unique=True)
    description: Mapped[str]
    container: Mapped[str | None]
    content: Mapped[Decimal | None]
    content_unit: Mapped[str | None]
    volume_ml: Mapped[Decimal | None]
    displacement_ml: Mapped[Decimal | None]
    displacement_u_ml: Mapped[Decimal | None]
    displacement_source: Mapped[str | None]
    gross_min_g: Mapped[Decimal | None]
    gross_max_g: Mapped[Decimal | None]

    __table_args__ = (
        CheckConstraint("container IS NULL OR " + one_of("container", CONTAINERS), name="container_known"),
        CheckConstraint("(container IS NULL) = (volume_ml IS NULL)", name="in_use_is_complete"),
        CheckConstraint("(content IS NULL) = (content_unit IS NULL)", name="content_has_unit"),
        CheckConstraint(
            "displacement_ml IS NULL OR (displacement_u_ml IS NOT NULL AND displacement_source IS NOT NULL)",
            name="displacement_has_source",
        ),
        Index("ix_package_ndc10", "ndc10"),
        Index("ix_package_product_id", "product_id"),
    )


class Density(Base):
    """The density of one product in one state, with its expanded uncertainty (k = 2) and its source.

    No verdict is given on a density that nobody approved, or that its author approved.
    """

    __tablename__ = "density"

    id: Mapped[Key]
    product_id: Mapped[Ref] = mapped_column(ForeignKey("product.id"))
    state: Mapped[str]
    g_per_ml: Mapped[Decimal]
    u_g_per_ml: Mapped[Decimal]
    source: Mapped[str]
    entered_by: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    entered_at: Mapped[datetime]
    approved_by: Mapped[Ref | None] = mapped_column(ForeignKey("person.id"))
    approved_at: Mapped[datetime | None]
    ends_on: Mapped[date | None]

    __table_args__ = (
        CheckConstraint(one_of("state", DENSITY_STATES), name="state_known"),
        CheckConstraint("g_per_ml BETWEEN 600000 AND 1900000", name="plausible"),
        CheckConstraint("approved_by IS NULL OR approved_by != entered_by", name="two_people"),
        CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="approved_when"),
        Index("ix_density_product_id_state", "product_id", "state"),
    )


class UnitDose(Base):
    """A package that the cart room gives out: one tablet in its blister, a cup, an oral syringe, an inhaler.

    `content` of the drug is in one package; `volume_ml` for liquids. A `step` of 0.5 means that a pharmacist lets this
    tablet be split; `half_of_id` that the pharmacy made this half from that package. `uses` administrations are in a
    container that holds many, to be used up within `in_use_days` of opening.
    """

    __tablename__ = "unit_dose"

    package_id: Mapped[Ref] = mapped_column(ForeignKey("package.id"), primary_key=True)
    form: Mapped[str]
    content: Mapped[Decimal]
    content_unit: Mapped[str]
    volume_ml: Mapped[Decimal | None]
    step: Mapped[Decimal]
    half_of_id: Mapped[Ref | None] = mapped_column(ForeignKey("package.id"))
    uses: Mapped[Decimal | None]
    in_use_days: Mapped[int | None]
    stored: Mapped[str]
    hazardous: Mapped[bool]
    oversize: Mapped[bool]
    by_tube: Mapped[bool]
    approved_by: Mapped[Ref] = mapped_column(ForeignKey("person.id"))
    approved_at: Mapped[datetime]

    __table_args__ = (
        CheckConstraint(one_of("form", UNIT_DOSE_FORMS), name="form_known"),
        CheckConstraint(one_of("stored", STORED), name="stored_known"),
        CheckConstraint("content > 0", name="content"),
        CheckConstraint("volume_ml IS NULL OR volume_ml > 0", name="volume"),
        CheckConstraint("step IN (500000, 1000000)", name="step"),
        CheckConstraint("uses IS NULL OR uses > 0", name="uses"),
    )
