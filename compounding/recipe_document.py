"""Reading a recipe document: a recipe, or all that is wrong with it, each fault under its place."""

import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any, cast, get_args

from app.core.canonical import canonical
from app.core.errors import Invalid
from app.core.quantity import Quantity, parse
from compounding.beyond_use import Category, Process, Storage
from compounding.recipe import (
    CONTAINERS,
    FORMAT,
    PROOFS,
    RECORD_TEXTS,
    Dating,
    Draw,
    Inject,
    Inspect,
    Judged,
    Mix,
    Recipe,
    Reconstitute,
    Scan,
    Served,
    Slot,
    Step,
    Weigh,
)
from compounding.recipe_logic import inconsistencies


def read_recipe(text: str) -> Recipe:
    """Read a recipe document (JSON, format 1). Raises Invalid with every fault found, each under its place."""
    try:
        document = json.loads(text, parse_float=_no_float, parse_constant=_no_float)
    except (ValueError, RecursionError) as error:
        raise Invalid({"document": f"This is not a readable document: {error}."}) from None
    reader = _Reader()
    recipe = reader.recipe(document)
    if reader.wrong:
        raise Invalid(reader.wrong)
    assert recipe is not None
    return recipe


def _no_float(text: str) -> Any:
    raise ValueError(f"write {text} as text in quotes, so that it stays exact")


class _Reader:
    """Collects every fault instead of stopping at the first."""

    def __init__(self) -> None:
        self.wrong: dict[str, str] = {}

    def fault(self, place: str, sentence: str) -> None:
        self.wrong.setdefault(place, sentence)

    def recipe(self, d: Any) -> Recipe | None:
        if not isinstance(d, dict) or d.get("format") != FORMAT:
            self.fault("format", f"This product reads recipe format {FORMAT}.")
            return None
        serves = self.part(d, "serves", dict)
        dating = self.part(d, "beyond_use", dict)
        label = self.part(d, "label", dict)
        record = self.part(d, "record", dict)
        additives = tuple(self.served(i, each) for i, each in enumerate(self.part(serves, "additives", list)))
        slots = tuple(self.slot(i, each) for i, each in enumerate(self.part(d, "containers", list)))
        steps = tuple(s for i, each in enumerate(self.part(d, "steps", list)) if (s := self.step(i, each)))
        for name in RECORD_TEXTS:
            self.words(record, name, "record.")
        version = d.get("version")
        if not isinstance(version, int) or isinstance(version, bool) or version < 1:
            self.fault("version", "The version is a whole number from 1.")
        recipe = Recipe(
            code=self.words(d, "code"),
            version=version if isinstance(version, int) else 0,
            name=self.words(d, "name"),
            additives=additives,
            base=self.words(serves, "base", "serves."),
            base_volume=self.quantity(serves, "base_volume", "volume", "serves."),
            routes=tuple(str(r) for r in self.part(serves, "routes", list)),
            slots=slots,
            steps=steps,
            proof=self.choice(d, "proof", PROOFS),
            tolerance_percent=self.decimal(d, "tolerance_percent", Decimal("0.1"), Decimal(15)),
            hard_limit_percent=self.decimal(d, "hard_limit_percent", Decimal(1), Decimal(20)),
            dating=Dating(
                category=cast(Category, self.choice(dating, "category", get_args(Category), "beyond_use.")),
                process=cast(Process, self.choice(dating, "process", get_args(Process), "beyond_use.")),
                sterile_start=self.yes_no(dating, "sterile_start", "beyond_use."),
                tested=self.yes_no(dating, "tested", "beyond_use."),
                storage=cast(Storage, self.choice(dating, "storage", get_args(Storage), "beyond_use.")),
                stability_hours=self.decimal(dating, "stability_hours", Decimal(1), Decimal(9000), "beyond_use."),
                source=self.words(dating, "source", "beyond_use."),
            ),
            label_storage=self.words(label, "storage", "label."),
            label_texts=tuple(str(t) for t in self.part(label, "texts", list)),
            high_alert=self.yes_no(label, "high_alert", "label."),
            record={k: str(v) for k, v in record.items()},
            text=canonical(d),
        )
        if recipe.tolerance_percent > recipe.hard_limit_percent:
            self.fault("tolerance_percent", "The tolerance may not be wider than the hard limit.")
        if not self.wrong:
            for place, sentence in inconsistencies(recipe):
                self.fault(place, sentence)
        return recipe

    def part(self, d: Any, name: str, kind: type) -> Any:
        value = d.get(name) if isinstance(d, dict) else None
        if not isinstance(value, kind) or (kind is list and not value):
            self.fault(name, f"'{name}' is missing.")
            return kind()
        return value

    def words(self, d: Any, name: str, where: str = "") -> str:
        value = d.get(name) if isinstance(d, dict) else None
        if not isinstance(value, str) or not value.strip():
            self.fault(where + name, f"'{where}{name}' must be filled in.")
            return ""
        return value.strip()

    def choice(self, d: Any, name: str, among: tuple[str, ...], where: str = "") -> str:
        value = self.words(d, name, where)
        if value and value not in among:
            self.fault(where + name, f"'{value}' is not one of: {', '.join(among)}.")
        return value

    def yes_no(self, d: Any, name: str, where: str) -> bool:
        value = d.get(name) if isinstance(d, dict) else None
        if not isinstance(value, bool):
            self.fault(where + name, f"'{where}{name}' must be true or false.")
        return value is True

    def decimal(self, d: Any, name: str, least: Decimal, most: Decimal, where: str = "") -> Decimal:
        text = self.words(d, name, where)
        try:
            value = parse(text, "each").value
        except Invalid as invalid:
            if text:
                self.fault(where + name, f"'{where}{name}': {invalid}")
            return least
        if not least <= value <= most:
            self.fault(where + name, f"'{where}{name}' must lie between {least} and {most}.")
        return value

    def quantity(self, d: Any, name: str, dimension: str | None, where: str) -> Quantity:
        text = self.words(d, name, where)
        value, _, unit = text.partition(" ")
        try:
            quantity = parse(value, unit)
        except Invalid as invalid:
            if text:
                self.fault(where + name, f"'{text}': {invalid}")
            return Quantity(Decimal(1), "mL")
        if dimension and quantity.dimension != dimension:
            self.fault(where + name, f"'{text}' is not a {dimension}.")
        if quantity.value <= 0:
            self.fault(where + name, f"'{text}' must be above zero.")
        return quantity

    def served(self, i: int, d: Any) -> Served:
        where = f"serves.additives.{i + 1}."
        if isinstance(d, dict) and "dose" in d:
            dose = self.quantity(d, "dose", None, where)
            return Served(self.words(d, "drug", where), dose, dose)
        least = self.quantity(d, "dose_from", None, where)
        most = self.quantity(d, "dose_to", None, where)
        if least.dimension != most.dimension or least > most:
            self.fault(where + "dose_from", "The smallest dose must not exceed the largest.")
        return Served(self.words(d, "drug", where), least, most)

    def slot(self, i: int, d: Any) -> Slot:
        where = f"containers.{i + 1}."
        return Slot(
            key=self.words(d, "key", where),
            drug=self.words(d, "drug", where),
            role=self.choice(d, "role", ("additive", "vehicle", "base"), where),
            container=self.choice(d, "container", CONTAINERS, where),
            content=self.quantity(d, "content", None, where) if isinstance(d, dict) and "content" in d else None,
            volume=self.quantity(d, "volume", "volume", where) if isinstance(d, dict) and "volume" in d else None,
        )

    def step(self, i: int, d: Any) -> Step | None:
        where = f"steps.{i + 1}."
        kind = self.words(d, "kind", where)
        key = str(d.get("key") or f"{kind}-{i + 1}") if isinstance(d, dict) else ""
        readers: dict[str, Callable[[], Step]] = {
            "scan": lambda: Scan(key, self.words(d, "container", where)),
            "reconstitute": lambda: Reconstitute(
                key,
                self.words(d, "container", where),
                self.words(d, "with", where),
                self.quantity(d, "volume", "volume", where),
                self.words(d, "say", where),
            ),
            "draw": lambda: Draw(
                key,
                self.words(d, "from", where),
                self.choice(d, "amount", ("all", "dose"), where),
                self.quantity(d, "syringe", "volume", where),
            ),
            "inject": lambda: Inject(key, self.words(d, "draw", where), self.words(d, "into", where)),
            "mix": lambda: Mix(key, self.words(d, "say", where)),
            "weigh": lambda: Weigh(
                key, self.words(d, "object", where), self.words(d, "state", where), self.judged(d, where)
            ),
            "inspect": lambda: Inspect(key, self.words(d, "say", where)),
        }
        if kind not in readers:
            if kind:
                self.fault(where + "kind", f"'{kind}' is not a step; steps are {', '.join(readers)}.")
            return None
        return readers[kind]()

    def judged(self, d: Any, where: str) -> Judged | None:
        if not isinstance(d, dict) or "judges" not in d:
            return None
        sense = self.choice(d["judges"], "by", ("gain", "loss"), where + "judges.")
        return Judged(
            self.words(d["judges"], "act", where + "judges."),
            self.words(d["judges"], "since", where + "judges."),
            "loss" if sense == "loss" else "gain",
        )
