"""The collected messages: each understood or an exception in words, none a wrong patient, none a lost component."""

import random
import time

import hl7 as oracle
import pytest

from app.interop.hl7 import parse, unescape
from app.interop.understood import AdtMessage, GivenMessage, OrderMessage, Other, Unmappable
from tests.app.interop.samples import COLLECTED, NO_DATA, OWN, read

needs_data = pytest.mark.skipif(not COLLECTED, reason=NO_DATA)
OURS = sorted(OWN.glob("*.hl7"))
# A dozen, chosen for their variety: components, batches, several orders, merges, odd delimiters, deletes.
VARIED = OURS + [
    path
    for path in COLLECTED
    if path.stem in (
        "google-rde-o01-ex1", "google-rde-o01-ex2", "hapi-rde-o11-02", "lfh-omp-o09-33", "lfh-rde-o11-27",
        "mirth-batch", "nhapi-rde-o11-01",
    )
]  # fmt: skip


def independent(raw: bytes):
    return [oracle.parse(text) for text in _messages(raw.decode())]


def _messages(text: str) -> list[str]:
    lines = [line for line in text.split("\r") if line.strip() and line[:3] not in ("FHS", "BHS", "BTS", "FTS")]
    starts = [at for at, line in enumerate(lines) if line.startswith("MSH")]
    return ["\r".join(lines[a:b]) + "\r" for a, b in zip(starts, [*starts[1:], len(lines)], strict=True)]


@needs_data
@pytest.mark.parametrize("path", COLLECTED, ids=lambda path: path.stem)
def test_every_leaf_and_the_round_trip_agree_with_another_reader(path):
    raw = path.read_bytes()
    ours, theirs = parse(raw), oracle.parse(raw.decode())
    assert ours.written() == str(theirs)
    standard = ours.delimiters.subcomponent == "&"
    for mine, their in zip(ours.segments, theirs, strict=True):
        first = 3 if str(their[0]) in ("MSH", "FHS", "BHS") else 1
        assert mine.fields[0] == str(their[0])
        for number in range(first, len(their)):
            assert mine.raw(number) == str(their[number])
            for place, repetition in enumerate(their[number] if standard else [], 1):
                for at, component in enumerate([repetition] if isinstance(repetition, str) else repetition, 1):
                    inner = [component] if isinstance(component, str) else list(component)
                    for sub, value in enumerate(inner, 1):
                        said = str(value).strip(" \t")
                        wanted = "" if said == '""' else unescape(said, ours.delimiters)
                        assert mine.get(number, at, sub, place) == wanted


@needs_data
@pytest.mark.parametrize("path", COLLECTED, ids=lambda path: path.stem)
def test_every_message_is_understood_or_an_exception_in_words_and_none_is_a_wrong_patient(path):
    raw = path.read_bytes()
    understood = read(raw)
    assert understood
    pids = [segment for message in independent(raw) for segment in message if str(segment[0]) == "PID"]
    numbers = {
        str(repetition).split("^")[0]
        for pid in pids for field in (2, 3, 4) if len(pid) > field for repetition in str(pid[field]).split("~")
    }  # fmt: skip
    families = {
        name.split("^")[0].split("&")[0]
        for pid in pids for name in (str(pid[5]) if len(pid) > 5 else "").split("~")
    }  # fmt: skip
    for it in understood:
        if isinstance(it, OrderMessage | AdtMessage):
            assert it.patient.mrn in numbers and it.patient.family in families
            typed = [
                repetition.split("^") for pid in pids for repetition in str(pid[3]).split("~")
                if it.patient.mrn == repetition.split("^")[0]
            ]  # fmt: skip
            assert all(len(parts) < 5 or parts[4] not in ("SS", "NH", "AN") for parts in typed)
        elif isinstance(it, Unmappable):
            assert len(it.reason.split()) > 3 and it.where and 0 <= it.span[0] <= it.span[1] <= len(raw)
        else:
            assert isinstance(it, GivenMessage) or (isinstance(it, Other) and len(it.why.split()) > 3)


@needs_data
@pytest.mark.parametrize("path", COLLECTED, ids=lambda path: path.stem)
def test_no_component_of_an_order_is_lost_or_counted_in_two_lists(path):
    raw = path.read_bytes()
    lists = []
    for message in independent(raw):
        for segment in message:
            name = str(segment[0])
            if name == "ORC":
                lists.append({"RXO": [], "RXE": []})
                under = "RXO"
            elif name in ("RXO", "RXE"):
                under = name
            elif name == "RXC" and lists:
                lists[-1][under].append(str(segment[2]).split("^")[0])
    orders = read(raw)
    if all(isinstance(it, GivenMessage | Unmappable) for it in orders):
        return
    if any(isinstance(it, Other) and it.kind.split()[0] in ("RDS", "RDE", "ADT") for it in orders):
        return
    if len(orders) != len(lists):
        assert all(isinstance(it, Unmappable | AdtMessage) for it in orders)
        return
    for it, wanted in zip(orders, lists, strict=True):
        if isinstance(it, OrderMessage):
            used = wanted["RXE"] or wanted["RXO"]
            assert [c.drug.code for c in it.components] == used
            assert len(it.components) + len(it.other_components) == len(wanted["RXE"]) + len(wanted["RXO"])


@pytest.mark.parametrize("path", VARIED, ids=lambda path: path.stem)
def test_a_message_cut_at_any_byte_is_a_value_and_after_a_segment_never_another_order(path):
    raw = path.read_bytes()
    whole = {key_of(it) for it in read(raw)}
    for cut in range(len(raw)):
        begun = time.process_time()
        for it in read(raw[:cut]):
            assert isinstance(it, OrderMessage | AdtMessage | Other | Unmappable)
            if isinstance(it, OrderMessage) and raw[cut : cut + 1] == b"\r":
                assert key_of(it) in whole
        assert time.process_time() - begun < 2


def key_of(it):
    return (it.key, it.patient.mrn) if isinstance(it, OrderMessage) else None


@pytest.mark.parametrize("path", VARIED, ids=lambda path: path.stem)
def test_a_doubled_message_is_twice_the_same(path):
    raw = path.read_bytes()
    once, twice = read(raw), read(raw + raw)
    if b"FHS" not in raw:
        assert [key_of(it) for it in twice] == [key_of(it) for it in once] * 2
    assert [type(it) for it in read(raw.replace(b"\r", b"\n"))] == [type(it) for it in once]


@pytest.mark.parametrize("path", VARIED, ids=lambda path: path.stem)
def test_segments_in_any_order_never_give_an_order_to_another_patient(path):
    lines = path.read_bytes().strip(b"\r").split(b"\r")
    patients = {it.patient.mrn for it in read(path.read_bytes()) if isinstance(it, OrderMessage | AdtMessage)}
    shuffled = random.Random(7)
    for _ in range(60):
        rest = lines[1:]
        shuffled.shuffle(rest)
        for it in read(b"\r".join([lines[0], *rest]) + b"\r"):
            if isinstance(it, OrderMessage) or (isinstance(it, AdtMessage) and not it.merges):
                assert not patients or it.patient.mrn in patients


@pytest.mark.parametrize("path", VARIED, ids=lambda path: path.stem)
def test_random_bytes_changed_are_a_value_and_never_an_error(path):
    raw = path.read_bytes()
    dice = random.Random(11)
    for _ in range(150):
        damaged = bytearray(raw)
        for _ in range(dice.randint(1, 8)):
            damaged[dice.randrange(len(damaged))] = dice.choice(b"|^~\\&\r\n\x00\x1b\x80\xff\"AZ09 ")
        for it in read(bytes(damaged)):
            assert isinstance(it, OrderMessage | AdtMessage | Other | Unmappable)
