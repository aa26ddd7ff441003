"""What we send: the dispense of a made dose, and acknowledgements, read back by another reader."""

from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

import hl7 as oracle
import pytest

from app.core.errors import Invalid
from app.core.quantity import Quantity
from app.interop.dispense_message import (
    Actor,
    Dispense,
    MadeComponent,
    UsedLot,
    ack,
    answer_code,
    rds_o13,
    salvaged_reject,
)
from app.interop.hl7 import parse
from app.interop.values import Code, Location
from tests.app.interop.samples import COLLECTED, NO_DATA, own

AT = datetime(2026, 12, 4, 20, 10, tzinfo=UTC)
DOSE = Dispense(
    control_id="L000042", sent_at=AT, zone="America/Chicago", receiving_application="EHR",
    receiving_facility="GENERAL", placer_parts=("8801", "EHR", "1.2.3", "ISO"), dose_id="D-77", mrn="100245",
    authority="GH", family="O^FS^XZ~JA", given="Zoë", birth=date(1970, 4, 12), sex="F", account="ACC77",
    visit="V5501", location=Location("4W", "412", "B", "GENERAL"), drug=Code("11124", "vancomycin", "RXNORM"),
    amount=Quantity(Decimal("1000.00"), "mg"), dispensed_at=AT,
    beyond_use=datetime(2026, 12, 14, 20, 10, tzinfo=UTC), barcode="LAM7700042", csp_lot="261204-07",
    made_by=Actor("tina", "Technician", "Tina"), verified_by=Actor("pablo", "Pharmacist", "Pablo"),
    route=Code("IV", "Intravenous"), prescription="RX5501", instructions="protect from light\nuse a filter",
    components=(
        MadeComponent("base", Code("NS250", "sodium chloride 0.9 %"), Quantity(250, "mL"),
                      (UsedLot("B1", date(2027, 5, 31), "Baxter", "0338-0049-02", "00303380049023"),)),
        MadeComponent("additive", Code("VANC1G", "vancomycin 1 g vial"), Quantity(Decimal("1004.2"), "mg"),
                      (UsedLot("7G123", date(2027, 3, 31)), UsedLot("7G124")), Quantity(Decimal("20.1"), "mL"),
                      Decimal("20.870")),
    ),
    image_ids=("sha-1",),
)  # fmt: skip


def test_the_dispense_of_a_made_bag_is_read_back_whole_by_another_reader():
    raw = rds_o13(DOSE)
    sent = oracle.parse(raw.decode())
    assert [str(s[0]) for s in sent] == [
        "MSH", "PID", "PV1", "ORC", "RXE", "RXD", "RXR", "RXC", "RXC", *["OBX"] * (len(sent) - 9)
    ]  # fmt: skip
    assert str(sent["MSH"][0][9]) == "RDS^O13^RDS_O13" and str(sent["MSH"][0][7]) == "20261204141000-0600"
    orc, rxd = sent["ORC"][0], sent["RXD"][0]
    assert [str(orc[n]) for n in (1, 2, 3, 5)] == ["RE", "8801^EHR^1.2.3^ISO", "D-77^LAMINAR", "CM"]
    assert str(orc[11]) == "pablo^Pharmacist^Pablo"
    assert [str(rxd[n]) for n in (1, 2, 4, 5, 7)] == [
        "1", "11124^vancomycin^RXNORM", "1000", "mg^mg^UCUM", "RX5501"
    ]  # fmt: skip
    assert [str(rxd[n]) for n in (13, 18, 19, 20, 33)] == [
        "4W^412^B^GENERAL", "B1~7G123~7G124", "20270531~20270331~", "^Baxter~~", "N"
    ]  # fmt: skip
    assert str(rxd[15]) == "protect from light use a filter"
    assert [[str(c[n]) for n in (1, 3, 4)] for c in sent["RXC"]] == [
        ["B", "250", "mL^mL^UCUM"], ["A", "1004.2", "mg^mg^UCUM"]
    ]  # fmt: skip
    facts = [(str(o[3]).split("^")[0], str(o[4]), str(o[5])) for o in sent["OBX"]]
    assert ("BUD", "", "20261214141000-0600") in facts and ("BARCODE", "", "LAM7700042") in facts
    assert ("LOT", "1", "B1") in facts and ("LOT", "2.2", "7G124") in facts and ("EXP", "2.1", "20270331") in facts
    assert ("WEIGHT", "2", "20.87") in facts and ("VOLUME-DRAWN", "2", "20.1") in facts
    assert ("VERIFIED-BY", "", "pablo^Pharmacist^Pablo") in facts and ("NDC", "1", "0338-0049-02") in facts


def test_a_hostile_name_stays_one_name_and_every_letter_arrives():
    message = parse(rds_o13(DOSE))
    pid = message.segments[1]
    assert (pid.get(5, 1), pid.get(5, 2), pid.get(3), pid.get(7), pid.get(18)) == (
        "O^FS^XZ~JA", "Zoë", "100245", "19700412", "ACC77",
    )  # fmt: skip
    assert message.charset == "utf-8 (MSH-18)"
    nasty = parse(rds_o13(replace(DOSE, family="A\rPID|2||999\x1c\x0b", given="\\F\\")))
    assert len(nasty.named("PID")) == 1 and nasty.segments[1].get(5, 2) == "\\F\\"


def test_units_go_out_under_a_name_that_means_the_same_outside():
    heparin = replace(DOSE, amount=Quantity(25_000, "unit"), components=(), route=Code())
    rxd = parse(rds_o13(heparin)).named("RXD")[0]
    assert (rxd.get(4), rxd.raw(5)) == ("25000", "unit^unit")
    assert parse(rds_o13(replace(DOSE, amount=Quantity(20, "mEq")))).named("RXD")[0].raw(5) == "meq^mEq^UCUM"


def answered(raw: bytes, code="AA", **more) -> oracle.Message:
    return oracle.parse(ack(raw, code, control_id="L1", at=AT, **more).decode())


def test_an_acknowledgement_swaps_the_parties_and_names_the_message():
    reply = answered(own("vancomycin-new"))
    msh, msa = reply["MSH"][0], reply["MSA"][0]
    assert [str(msh[n]) for n in (3, 4, 5, 6, 9, 10, 11, 12)] == [
        "LAMINAR", "PHARMACY", "EHR", "GENERAL", "ACK^O11^ACK", "L1", "P", "2.5.1"
    ]  # fmt: skip
    assert [str(msa[n]) for n in (1, 2)] == ["AA", "C000001"] and len(reply) == 2


def test_an_error_says_its_code_and_sentence_where_the_version_has_room_for_it():
    err = answered(own("transfer"), "AR", text="Not for this port.", error=200)["ERR"][0]
    assert (str(err[3]), str(err[4]), str(err[8])) == (
        "200^Unsupported message type^HL70357", "E", "Not for this port."
    )  # fmt: skip
    old = answered(own("transfer").replace(b"|2.5.1", b"|2.3"), "AR", text="Not for this port.")
    assert len(old) == 2 and str(old["MSA"][0][3]) == "Not for this port."


def test_echoed_fields_are_capped_and_never_cut_inside_an_escape():
    long = own("transfer").replace(b"|ADT|", b"|" + b"\\T\\" * 300 + b"|", 1)
    echoed = str(answered(long)["MSH"][0][5])
    assert len(echoed) <= 200 and echoed == "\\T\\" * (len(echoed) // 3)


def test_other_delimiters_come_back_as_the_usual_ones_and_letters_survive():
    raw = "MSH!*~\\&!Café*1.2*ISO!F!A!B!2026!!ADT*A08!id^7!P!2.6!!!!!!8859/1\r".encode("latin-1")
    reply = parse(ack(raw, "AA", control_id="L1", at=AT))
    assert (reply.msh.raw(5), reply.msh.raw(9)) == ("Café^1.2^ISO", "ACK^A08^ACK")
    assert reply.segments[1].get(2, 0) == "id^7"


def test_enhanced_mode_is_answered_with_commit_codes():
    plain = parse(own("transfer")).header
    enhanced = replace(plain, accept_condition="AL")
    assert [answer_code(plain, o) for o in "AER"] == ["AA", "AE", "AR"]
    assert [answer_code(enhanced, o) for o in "AER"] == ["CA", "CE", "CR"]
    assert answer_code(replace(plain, application_condition="NE")) == "CA"


def test_bytes_without_header_get_a_reject_only_if_an_id_can_be_read():
    reject = salvaged_reject(b"junk " + own("transfer"), control_id="L1", at=AT)
    msa = parse(reject).segments[1]
    assert (msa.get(1), msa.get(2)) == ("AR", "A000001")
    for raw in (b"", b"hello", b"PID|1||2", b"x MSH|^~\\&|A|B"):
        assert salvaged_reject(raw, control_id="L1", at=AT) is None
    with pytest.raises(Invalid):
        ack(b"hello", "AA", control_id="L1", at=AT)


@pytest.mark.skipif(not COLLECTED, reason=NO_DATA)
def test_every_collected_message_can_be_acknowledged_under_its_own_id():
    for path in COLLECTED:
        message = parse(path.read_bytes())
        reply = parse(ack(message, answer_code(message.header), control_id="L1", at=AT))
        assert reply.segments[1].get(2, 0) == message.header.control_id, path.name
