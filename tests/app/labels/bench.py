"""What tests of labels share: one honest label, a renderer's picture of its bytes, and a scanner's reading of that."""

import re
import unicodedata
from dataclasses import dataclass, replace
from datetime import date

import zplkit
import zxingcpp
from PIL import Image, ImageOps

from app.formulary.ndc import gtin_of_ndc10
from app.labels.content import Content, DispenseLabel, DoseLabel, DrawerLabel, Ingredient, ToteLabel
from app.labels.kinds import AnyLabel, kind_of
from app.labels.media import DPI, DRAWER, Media, in_dots
from app.labels.render import lines, render
from app.labels.serial import new_serial

SERIAL = new_serial(bytes.fromhex("123456789abc"))
OLD_SERIAL = new_serial(bytes.fromhex("0a0b0c0d0e0f"))

LABEL = DispenseLabel(
    hospital="Laminar General Hospital",
    patient_name="ARMSTRONG, Jane",
    mrn="00123456",
    birth_date=date(1961, 2, 3),
    unit_bed="5W-512-A",
    ingredients=(Ingredient("vancomycin", "1,000 mg", "4 mg per mL"),),
    diluent="sodium chloride 0.9 % 250 mL",
    total_volume="250 mL",
    route="IV infusion",
    rate="250 mL per hour over 60 min",
    due="Fri 04-Dec-2026 08:00",
    beyond_use="Fri 04-Dec-2026 14:10 EST",
    storage="Refrigerate 2 to 8 °C",
    prepared_by="Tina Technician",
    made_at="04-Dec-2026 07:40",
    serial=SERIAL,
    order_number="RX00731942",
    auxiliary=("Protect from light", "Central line only"),
    bedside_code="RX00731942-1",
    bedside_kind="code128",
)

TWO = replace(
    LABEL,
    ingredients=(
        Ingredient("potassium chloride", "20 mEq", "0.02 mEq/mL"),
        Ingredient("magnesium sulfate", "2 g", "2 mg/mL"),
    ),
    diluent="sodium chloride 0.9 % 1,000 mL",
    total_volume="1,000 mL",
    high_alert=True,
)
THREE = replace(
    TWO,
    ingredients=(*TWO.ingredients, Ingredient("methylPREDNISolone", "1,000 mg", "about 0.978 mg/mL")),
    bedside_kind="datamatrix",
)


DOSE = DoseLabel(
    form="oral bag",
    hospital="Laminar General Hospital",
    patient_name="ARMSTRONG, Jane",
    mrn="00123456",
    birth_date=date(1961, 2, 3),
    unit_bed="7W-712-A",
    drug="metoprolol tartrate",
    dose="50 mg",
    give="Give 2 tablets of 25 mg",
    route="by mouth",
    due="04-Dec-2026 08:00",
    use_by="30-Jun-2027",
    prepared_by="Tina Technician",
    made_at="04-Dec-2026 07:40",
    serial=SERIAL,
    order_number="RX00731942",
    product="NDC 0093-7370-01, lot A7B3C",
    auxiliary=("Take with food",),
    bedside_code=f"01{gtin_of_ndc10('0093737001')}" + "17270630" + "10A7B3C",
    bedside_kind="gs1",
)
HALF = replace(DOSE, form="half tablet", dose="12.5 mg", give="Give half tablet of 25 mg")
SYRINGE = replace(
    DOSE, form="oral syringe", drug="levETIRAcetam", dose="750 mg", volume="7.5 mL", give="Draw 7.5 mL of 10 mL",
    auxiliary=("Shake well", "Protect from light"),
)  # fmt: skip
FLAG_LABEL = replace(SYRINGE, form="syringe flag")
COLD = replace(
    DOSE, form="bag", drug="insulin glargine", dose="18 units", give="", route="subcut", banner="REFRIGERATE",
    storage="Refrigerate 2 to 8 °C", high_alert=True, auxiliary=(),
)  # fmt: skip
HAZARDOUS = replace(
    DOSE, form="bag", drug="methotrexate", dose="7.5 mg", give="Give 3 tablets of 2.5 mg", banner="HAZARDOUS",
    storage="Room temperature", auxiliary=("Wear gloves", "Do not crush"),
)  # fmt: skip
DRAWER_LABEL = DrawerLabel(
    hospital="Laminar General Hospital",
    cart="7 West cart",
    drawer="Drawer 12",
    patient_name="ARMSTRONG, Jane",
    mrn="00123456",
    birth_date=date(1961, 2, 3),
    unit_bed="7W-712-A",
    from_="04-Dec-2026 15:00",
    until="05-Dec-2026 15:00",
    count="14 doses of 9 drugs",
    allergies="2 allergies",
    planned="04-Dec-2026 11:00, version 1",
    made_at="04-Dec-2026 11:02",
    serial=SERIAL,
    elsewhere=("1 in the refrigerator", "2 from the cabinet", "1 made in the IV room"),
)
TALL_LABEL = replace(
    DRAWER_LABEL,
    tall=True,
    contents=(
        Content("metoprolol tartrate 12.5 mg", "half tablet, by mouth", "04-Dec 21:00, 05-Dec 09:00"),
        Content("levETIRAcetam 750 mg (7.5 mL)", "draw 7.5 mL, by mouth", "04-Dec 21:00, 05-Dec 09:00"),
        Content("metFORMIN 500 mg", "by mouth", "04-Dec 18:00, 05-Dec 08:00"),
        Content("sulfamethoxazole-trimethoprim 800 mg-160 mg", "by mouth", "04-Dec 21:00, 05-Dec 09:00"),
        Content("acetaminophen 650 mg", "2 tablets of 325 mg, by mouth, as needed", "up to 4"),
    ),
)
TOTE_LABEL = ToteLabel(
    hospital="Laminar General Hospital",
    tote="TOTE-07",
    to="7 West, medicine",
    cart="7 West cart",
    from_="04-Dec-2026 15:00",
    until="05-Dec-2026 15:00",
    leaves="04-Dec-2026 13:30",
    holds=("12 drawers: 1 to 12", "2 bags of large items"),
    packed_by="Tina Technician",
    made_at="04-Dec-2026 13:20",
    serial=SERIAL,
)
CART_LABELS = {
    "oral-bag": DOSE, "half-tablet": HALF, "oral-syringe": SYRINGE, "syringe-flag": FLAG_LABEL, "cold-bag": COLD,
    "hazardous-bag": HAZARDOUS, "drawer": DRAWER_LABEL, "drawer-tall": TALL_LABEL, "tote": TOTE_LABEL,
}  # fmt: skip


def with_drug(label: DispenseLabel, nth: int = 0, **changed: str) -> DispenseLabel:
    """The label with its nth drug changed."""
    ingredients = list(label.ingredients)
    ingredients[nth] = replace(ingredients[nth], **changed)
    return replace(label, ingredients=tuple(ingredients))


@dataclass(frozen=True)
class Read:
    """One barcode as a scanner reads it: its symbology identifier and its bytes."""

    symbology: str
    data: bytes


def plain_for_the_renderer(job: bytes) -> bytes:
    """Take out what the renderer does not know, and write accents as base letters: its captured type is ASCII."""
    job = re.sub(rb"\^(?:PQ|MN|MM|PR|MD|MT|MU)[^\^~]*", b"", job)

    def base(escaped: re.Match[bytes]) -> bytes:
        text = bytes.fromhex(escaped[0].replace(b"_", b"").decode()).decode("utf-8")
        letters = unicodedata.normalize("NFKD", text.replace("°", "'").replace("Ł", "L").replace("ł", "l"))
        return "".join(letter for letter in letters if letter.isascii()).encode()

    return re.sub(rb"(?:_[89A-F][0-9A-F])+", base, job)


def picture(job: bytes, dots_per_mm: int = 8, media: Media = DRAWER) -> Image.Image:
    """The label as the renderer draws it; exactly one, or the test fails."""
    width, length = media.dots(dots_per_mm)
    options = zplkit.Options(profile="zd621", width=width, height=length, dpi=DPI[dots_per_mm])
    labels = zplkit.render(plain_for_the_renderer(job), options).labels
    assert len(labels) == 1
    raster = labels[0].rasterize()
    assert (raster.width, raster.height) == (width, length)
    return Image.frombytes("L", (raster.width, raster.height), raster.pixels)


def ink_stays_in_place(label: AnyLabel, dots: int) -> None:
    """Draw each line of a label alone, bold ones twice, and find its ink inside the room that the layout gives it."""
    parts, media = render(label, dots).split(b"\n"), kind_of(label).media
    for line in lines(label):
        beginning = f"^FO{in_dots(line.x, dots)},{in_dots(line.y, dots)}^A0N".encode()
        at = next(nth for nth, part in enumerate(parts) if part.startswith(beginning))
        fields = b"".join(parts[at : at + 1 + bool(line.bolder)]).replace(b"^FR", b"")
        found = ImageOps.invert(picture(b"^XA^CI28" + fields + b"^XZ", dots, media)).getbbox()
        assert found is not None, line
        left, top, right, bottom = found
        assert left >= in_dots(line.x, dots) - 1, line
        assert right <= in_dots(line.x + line.width, dots) + 1, line
        assert top >= in_dots(line.y - line.type // 20, dots) - 1, line
        assert bottom <= in_dots(line.y + line.type, dots) + 1, line


def scanned(image: Image.Image) -> set[Read]:
    """Everything a ward's scanner finds on the picture: it is set to the kinds of code that labels carry.

    Set to all kinds, this reader sees an EAN-13 in the strokes of a large 'methotrexate'.
    """
    found = zxingcpp.read_barcodes(image, formats=[zxingcpp.BarcodeFormat.DataMatrix, zxingcpp.BarcodeFormat.Code128])
    return {Read(code.symbology_identifier, bytes(code.bytes)) for code in found}


def written(job: bytes) -> list[str]:
    """Every field of the job as the printer decodes it under ^FH_ and ^CI28."""
    fields = re.findall(rb"\^FH_\^FD([^\^]*)\^FS", job)
    unescaped = (re.sub(rb"_([0-9A-F]{2})", lambda hex_: bytes.fromhex(hex_[1].decode()), field) for field in fields)
    return [field.decode("utf-8") for field in unescaped]
