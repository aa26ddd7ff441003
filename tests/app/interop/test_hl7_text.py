"""HL7 text: delimiters, fields, escapes, character sets, several messages in one frame."""

import time

import hl7 as oracle
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.interop.escapes import DEFAULT, Delimiters, escape, unescape
from app.interop.hl7 import body, frame_key, parse, split_frame
from tests.app.interop.samples import OWN, own


def one(text: bytes, msh_2: bytes = rb"^~\&"):
    return parse(b"MSH|" + msh_2 + b"|A|B|C|D|20260101||RDE^O11|7|P|2.5.1\r" + text + b"\r").segments[1]


def test_the_header_counts_its_own_separator_as_its_first_field():
    message = parse(own("vancomycin-new"))
    assert message.msh.raw(1) == "|" and message.msh.raw(2) == r"^~\&"
    assert (message.msh.get(3), message.msh.get(9, 2), message.msh.get(12)) == ("EHR", "O11", "2.5.1")
    assert message.header.control_id == "C000001"
    assert (message.header.kind, message.header.event) == ("RDE", "O11")


@pytest.mark.parametrize("path", sorted(OWN.glob("*.hl7")), ids=lambda path: path.stem)
def test_our_messages_read_as_another_reader_reads_them(path):
    assert_same_as_oracle(path.read_bytes())


def assert_same_as_oracle(raw: bytes):
    text = raw.decode()
    theirs, ours = oracle.parse(text), parse(raw)
    assert ours.written() == str(theirs)
    assert len(ours.segments) == len(theirs)
    for mine, their in zip(ours.segments, theirs, strict=True):
        assert mine.fields[0] == str(their[0])
        first = 3 if mine.name in ("MSH", "FHS", "BHS") else 1
        assert [mine.raw(n) for n in range(first, len(their))] == [str(f) for f in list(their)[first:]]
        for number in range(first, len(their)):
            for place, repetition in enumerate(their[number], 1):
                parts = [repetition] if isinstance(repetition, str) else repetition
                for at, component in enumerate(parts, 1):
                    for inner, value in enumerate([component] if isinstance(component, str) else component, 1):
                        read = mine.part(mine.repetitions(number)[place - 1], at, inner) if value else ""
                        value = "" if str(value).strip() == '""' else str(value).strip(" \t")
                        assert read == unescape(value, mine.delimiters)


@pytest.mark.parametrize("end", [b"\r", b"\n", b"\r\n", b"\n\n", b"\r\r", b"\r \t\r"])
def test_every_usual_segment_end_gives_the_same_segments(end):
    plain = parse(own("vancomycin-new"))
    other = parse(own("vancomycin-new").replace(b"\r", end))
    assert [segment.text for segment in other.segments] == [segment.text for segment in plain.segments]


@pytest.mark.parametrize("before", [b"\xef\xbb\xbf", b"  ", b"\r\n", b"\x0b", b"\xef\xbb\xbf\r\n \t"])
def test_what_stands_before_the_header_without_meaning_is_skipped(before):
    assert parse(before + own("transfer")).header.control_id == "A000001"


def test_a_field_knows_its_bytes_in_the_frame_in_every_character_set():
    text = "PID|1||77^^^GH^MR||Ångström^Zoë||19800101"
    for codec, declared in (("utf-8", "UNICODE UTF-8"), ("iso8859-1", "8859/1")):
        raw = f"MSH|^~\\&|A|B|C|D|2026||ADT^A08|7|P|2.5.1||||||{declared}\r{text}\r".encode(codec)
        pid = parse(raw).segments[1]
        for field, wanted in ((3, "77^^^GH^MR"), (5, "Ångström^Zoë"), (7, "19800101")):
            start, end = pid.span(field)
            assert raw[start:end].decode(codec) == wanted
    assert raw[slice(*parse(raw).msh.span(3))] == b"A" and raw[slice(*parse(raw).msh.span(1))] == b"|"


MSH_2 = {
    rb"^~\&": (Delimiters(), False),
    rb"^~\&#": (Delimiters(), False),
    rb"^~\}": (Delimiters(subcomponent="}"), False),
    rb"*~!%": (Delimiters(component="*", escape="!", subcomponent="%"), False),
    b"": (Delimiters(), True),
    b"^": (Delimiters(), True),
    b"^~": (Delimiters(), True),
    rb"^~\\&": (Delimiters(), True),
    rb"^&": (Delimiters(repetition="&", subcomponent=""), True),
}


@pytest.mark.parametrize("sent", MSH_2, ids=repr)
def test_short_and_odd_delimiters_are_completed_by_position_and_remarked(sent):
    wanted, remarked = MSH_2[sent]
    message = parse(b"MSH|" + sent + b"|A|B|C|D|2026||ADT^A08|7|P|2.5.1\r")
    got = message.delimiters
    assert (got.field, got.component, got.repetition, got.escape, got.subcomponent) == (
        wanted.field, wanted.component, wanted.repetition, wanted.escape, wanted.subcomponent,
    )  # fmt: skip
    assert any("MSH-2" in warning for warning in message.warnings) == remarked


@pytest.mark.parametrize("raw", [b"", b"PID|1", b"MS", b"MSH", b"MSHX^~\\&|A", b"\xff\xfeM\x00S\x00H\x00|\x00"])
def test_bytes_without_a_header_are_refused_in_words(raw):
    with pytest.raises(Invalid, match=r"\w+ \w+"):
        parse(raw)


ESCAPES = {
    r"a\F\b": "a|b", r"a\S\b": "a^b", r"a\T\b": "a&b", r"a\R\b": "a~b", r"a\E\b": r"a\b", r"a\P\b": "a#b",
    r"\H\bold\N\ text": "bold text", r"\X41C3A9\x": "Aéx", r"\E\F\E\x": r"\F\x", r"\Zlocal\x": r"\Zlocal\x",
    r"\C2842\x": r"\C2842\x", r"50\ mg": r"50\ mg", "tail\\": "tail\\", r"\\F\x": r"\|x", r"\X4\ ": r"\X4\ ",
    r"\XFF\ ": r"\XFF\ ", r"\.br\x": r"\.br\x", r"\E\E\E\ ": r"\E\ ",
}  # fmt: skip


@pytest.mark.parametrize("sent", ESCAPES)
def test_escapes_are_resolved_once_from_left_to_right_and_unknown_ones_stay(sent):
    assert unescape(sent, codec="utf-8") == ESCAPES[sent]


def test_line_breaks_are_escapes_only_in_formatted_text():
    nte = one(rb"NTE|1||keep cold\.br\protect from light~shake\.sp2\gently")
    assert nte.texts(3) == ["keep cold\nprotect from light", "shake\ngently"]
    assert nte.get(3) == r"keep cold\.br\protect from light"


def test_an_escaped_delimiter_never_splits_a_drug_or_a_dose():
    rxe = one(rb"RXE||1\S\2^ampicillin\T\sulbactam 1.5\F\3 g^L|1,5\E\00")
    assert (rxe.get(2, 1), rxe.get(2, 2), rxe.get(2, 3)) == ("1^2", "ampicillin&sulbactam 1.5|3 g", "L")
    assert rxe.get(3) == "1,5\\00"


@given(st.text())
def test_whatever_is_written_can_end_no_field_segment_or_frame_and_reads_back(text):
    written = escape(text)
    assert not set(written) & set("|^~&\r\n\x0b\x1c")
    kept = "".join(c for c in text.replace("\r\n", " ").replace("\r", " ").replace("\n", " ")
                   if c >= " " and c != "\x7f")  # fmt: skip
    assert unescape(written) == kept


def test_the_escape_character_is_escaped_first_and_line_breaks_follow_the_field():
    assert escape(r"a\F\b") == r"a\E\F\E\b"
    assert escape("x\r\ny\nz", DEFAULT, formatted=True) == r"x\.br\y\.br\z"


def test_empty_and_delete_are_told_apart():
    pid = one(b'PID|1||""||""^""')
    assert pid.deleted(3) and not pid.deleted(2) and not pid.deleted(5)
    assert pid.get(3) == "" and pid.get(5) == "" and pid.get(5, 2) == "" and pid.get(99) == ""


def test_an_unescaped_delimiter_in_free_text_is_still_text():
    assert one(b"RXE|||||||mix 1 & 2").get(7, 1, 0) == "mix 1 & 2"


def name_in(raw_name: bytes, declared: bytes, setting: str | None = None):
    raw = b"MSH|^~\\&|A|B|C|D|2026||ADT^A08|7|P|2.5.1||||||" + declared + b"\rPID|1||1^^^GH^MR||" + raw_name + b"\r"
    message = parse(raw, setting)
    return message.segments[1].get(5), message


CHARSETS = [
    ("Zoë Łukasz".encode(), b"UNICODE UTF-8", "Zoë Łukasz", False),
    ("Zoë".encode("latin-1"), b"8859/1", "Zoë", False),
    ("Łukasz".encode("iso8859-2"), b"8859/2", "Łukasz", False),
    ("Zoë".encode(), b"", "Zoë", False),
    ("Zoë".encode("cp1252"), b"", "Zoë", False),
    ("5 µg €".encode("cp1252"), b"8859/1", "5 µg €", False),
    ("Zoë".encode("cp1252"), b"UNICODE UTF-8", "Zoë", True),
    ("Zoë".encode(), b"ASCII", "Zoë", True),
    ("Zoë".encode(), b"KLINGON", "Zoë", True),
    ("山田^太郎".encode("iso2022_jp"), b"~ISO IR87", "山田", False),
    ("中|文"[:1].encode("gb18030"), b"GB 18030-2000", "中", False),
]


@pytest.mark.parametrize(("sent", "declared", "wanted", "remarked"), CHARSETS)
def test_names_arrive_whole_in_the_character_set_that_the_bytes_bear_out(sent, declared, wanted, remarked):
    got, message = name_in(sent, declared)
    assert got == wanted
    assert bool(message.warnings) == remarked


def test_the_connection_s_setting_wins_over_the_message_and_what_was_used_is_kept():
    sent = "Łukasz".encode("iso8859-2")
    got, message = name_in(sent, b"8859/1", "8859/2")
    assert got == "Łukasz" and message.charset == "iso8859-2 (connection setting)"
    assert name_in(sent, b"8859/1")[1].charset == "iso8859-1 (MSH-18)"


def test_lost_characters_are_shown_and_remarked():
    got, message = name_in(b"Zo\x81", b"")
    assert got == "Zo\ufffd" and "could not be read" in message.warnings[0]


def test_japanese_letters_that_contain_delimiter_bytes_split_nothing():
    name = "塾弌^次郎"
    sent = name.encode("iso2022_jp")
    assert parse(b"MSH|^~\\&|A|B|C|D|2026||ADT^A08|7|P|2.5||||||~ISO IR87\rPID|1||1||" + sent + b"\r").segments[
        1
    ].get(5, 2) == "次郎"


def test_two_messages_in_one_frame_are_cut_apart_and_add_up_to_it():
    frame = own("vancomycin-new") + own("potassium-new")
    assert split_frame(frame) == (own("vancomycin-new"), own("potassium-new"))
    lines = frame.replace(b"\r", b"\n")
    assert b"".join(split_frame(lines)) == lines and len(split_frame(lines)) == 2


def test_a_frame_is_cut_only_where_the_same_separators_begin_a_segment():
    other = own("potassium-new").replace(b"|", b"!")
    assert len(split_frame(own("vancomycin-new") + other)) == 1
    assert len(split_frame(own("vancomycin-new") + rb"NTE|1||MSH|^~\&|quoted" + b"\r")) == 1


def test_the_lines_of_a_batch_are_no_part_of_its_messages():
    raw = b"FHS|^~\\&|A\rBHS|^~\\&|A\r" + own("transfer") + own("merge") + b"BTS|2\rFTS|1\r"
    parts = split_frame(raw)
    assert [body(parse(part))[0].name for part in parts] == ["MSH", "MSH"]
    assert [segment.name for segment in body(parse(parts[1]))][-1] == "MRG"


def test_a_frame_is_known_again_by_sender_id_and_body_whatever_its_line_ends():
    raw = own("vancomycin-new")
    assert frame_key("ehr", raw) == frame_key("ehr", raw.replace(b"\r", b"\r\n"))
    assert frame_key("ehr", raw)[:4] == ("ehr", "EHR", "GENERAL", "C000001")
    assert frame_key("ehr", raw) != frame_key("ehr", raw.replace(b"1,000", b"1,500"))
    assert frame_key("ehr", raw) != frame_key("lab", raw)


def test_twenty_thousand_notes_take_no_longer_than_their_number():
    def seconds(count: int) -> float:
        raw = own("vancomycin-new") + b"NTE|1||text \\T\\ more\r" * count
        begun = time.process_time()
        assert len(parse(raw).written()) >= len(raw)
        return time.process_time() - begun

    # Linear work grows tenfold here; quadratic work would grow a hundredfold. The least of several is the work itself:
    # what else the machine does, and what the collector of garbage has to look through by then, comes on top.
    few, many = (min(seconds(count) for _ in range(3)) for count in (2_000, 20_000))
    assert many < 40 * max(few, 0.001)
