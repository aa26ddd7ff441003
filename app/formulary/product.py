"""What the pharmacy knows about a product it uses, as frozen values, and what is plausible to know."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from app.core.quantity import Quantity
from app.core.wording import strength

AS_SUPPLIED = "as supplied"
RECONSTITUTED = "reconstituted"

# Injectable products lie between an ether and a heavy contrast medium; ten times too much or too little lies outside.
DENSITY_MIN, DENSITY_MAX = Decimal("0.6"), Decimal("1.9")
# A density this uncertain can judge nothing: at 10 % every dose would answer 'cannot tell'.
DENSITY_U_MAX = Decimal("0.1")


@dataclass(frozen=True, slots=True)
class DrugFacts:
    """An ingredient as orders and recipes name it. `kind` is 'drug' or 'diluent'."""

    drug_id: int
    code: str
    name: str
    kind: str
    high_alert: bool


@dataclass(frozen=True, slots=True)
class Displacement:
    """The volume that a powder adds to its diluent, in mL, with its expanded uncertainty (k = 2) and source."""

    ml: Decimal
    u_ml: Decimal
    source: str


@dataclass(frozen=True, slots=True)
class ApprovedDensity:
    """A density that two people stand for, in g/mL, with its expanded uncertainty (k = 2) and source."""

    density_id: int
    state: str
    g_per_ml: Decimal
    u_g_per_ml: Decimal
    source: str
    entered_by: int
    approved_by: int
    approved_at: datetime
    ends_on: date | None


@dataclass(frozen=True, slots=True)
class PackageInUse:
    """A container that the pharmacy uses: one package of a product. `content` is the amount of the drug in it, None
    for a plain diluent.

    `ndc` is the package's, `name` the product's. `volume_ml` is the volume as supplied (0 for a powder); the gross
    bounds are the mass of a full container in g. The densities are the product's: every size holds the same liquid.
    A density is None when none is approved and valid: then no verdict may be given by weight.
    """

    package_id: int
    product_id: int
    ndc: str
    name: str
    labeler: str
    strength: str
    drug: DrugFacts
    container: str
    content: Quantity | None
    volume_ml: Decimal
    displacement: Displacement | None
    gross_min_g: Decimal | None
    gross_max_g: Decimal | None
    as_supplied: ApprovedDensity | None
    reconstituted: ApprovedDensity | None

    @property
    def sized(self) -> str:
        """Its name with its size, as a stop and a record say it: 'Sodium Chloride 0.9 % 1,000 mL'."""
        return f"{self.name} {self.size}"

    @property
    def size(self) -> str:
        """How much one container holds: '1,000 mg' (a powder), '250 mL' (a plain diluent), '40 mEq in 20 mL'."""
        return size_in_words(self.content, self.volume_ml)

    @property
    def words(self) -> str:
        """The container as a list offers it: 'Sodium Chloride 0.9 % 250 mL bag, Baxter (0338-0049-02)'."""
        return f"{self.sized} {self.container}, {self.labeler} ({self.ndc})"


def size_in_words(content: Quantity | None, volume_ml: Decimal) -> str:
    """How much one container holds: '1,000 mg' (a powder), '250 mL' (a plain diluent), '40 mEq in 20 mL'."""
    said = [] if content is None else [str(content)]
    if volume_ml > 0:
        said.append(str(Quantity(volume_ml, "mL")))
    return " in ".join(said)


@dataclass(frozen=True, slots=True)
class FoundPackage:
    """The one package that a barcode names, and its product; `drug_id` is None when the pharmacy uses no size of it.

    `container` is None when the pharmacy does not use this very package: the carton round the vials, another size.
    """

    package_id: int
    product_id: int
    ndc: str
    description: str
    product_name: str
    strength: str
    drug_id: int | None
    container: str | None

    @property
    def words(self) -> str:
        """What it is, for whoever holds it: 'Methotrexate 2.5 mg'."""
        return f"{self.product_name} {strength(self.strength)}"


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """A barcode that more than one package answers to; `why` says it in words, and nothing may be assumed."""

    why: str


def use_faults(
    kind: str,
    container: str,
    content: Quantity | None,
    volume_ml: Decimal,
    displacement: Displacement | None,
    gross: tuple[Decimal | None, Decimal | None],
) -> dict[str, str]:
    """Say, field by field, what cannot be true of a package that is taken into use; empty when all can be.

    `kind` is the drug's; `gross` are the bounds of a full container's mass in g.
    """
    wrong: dict[str, str] = {}
    powder = container == "powder vial"
    if powder and volume_ml != 0:
        wrong["volume_ml"] = "A powder has no volume as supplied: enter 0 mL."
    if not powder and volume_ml <= 0:
        wrong["volume_ml"] = f"A {container} holds some volume: enter it in mL."
    if content is None and kind == "drug":
        wrong["content"] = "Enter how much of the drug one container holds."
    if content is not None and content.value <= 0:
        wrong["content"] = "The content of a container is above zero."
    if displacement is not None:
        wrong |= _displacement_faults(powder, displacement)
    low, high = gross
    if (low is None) != (high is None):
        wrong["gross"] = "Give both bounds of the full container's mass, or neither."
    elif low is not None and high is not None and not 0 < low < high:
        wrong["gross"] = "The lower bound of the full container's mass is above zero and below the upper one."
    return wrong


def _displacement_faults(powder: bool, displacement: Displacement) -> dict[str, str]:
    if not powder:
        return {"displacement": "Only a powder displaces its diluent: leave the displacement empty."}
    if displacement.ml < 0 or displacement.u_ml < 0:
        return {"displacement": "A displacement and its uncertainty are not below zero."}
    if not displacement.source.strip():
        return {"displacement": "Say where the displacement was read or measured."}
    return {}


def density_faults(g_per_ml: Decimal, u_g_per_ml: Decimal, source: str) -> dict[str, str]:
    """Say, field by field, why a density cannot be right (0.6 to 1.9 g/mL); empty when it can be."""
    wrong: dict[str, str] = {}
    if not g_per_ml.is_finite() or not DENSITY_MIN <= g_per_ml <= DENSITY_MAX:
        wrong["g_per_ml"] = f"{g_per_ml} g/mL is not plausible: densities lie from {DENSITY_MIN} to {DENSITY_MAX}."
    if not u_g_per_ml.is_finite() or not 0 < u_g_per_ml <= DENSITY_U_MAX:
        wrong["u_g_per_ml"] = f"The uncertainty lies above 0 and up to {DENSITY_U_MAX} g/mL."
    if not source.strip():
        wrong["source"] = "Say where the density was read or how it was measured."
    return wrong
