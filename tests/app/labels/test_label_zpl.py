"""Nothing a person can type becomes a command: the one escaping function and the last look at a job."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.labels.zpl import LONGEST_FIELD, audit_job, commands, field_data, visible

WHOLE = b"^XA^CI28^FO20,20^A0N,30,30^FH_^FDx^FS^PQ1,0,1,Y^XZ"
HOSTILE = st.lists(
    st.sampled_from(
        ["^XA", "^XZ", "~JA", "^FS", "_5E", "_", "__", "^", "~", "\\&", "\\", "^CC*", "! U1 ", "\x02", "\x03", "\x0f",
         "\r\n", "\x00", "‮", "é", "é", "Ł", "’", "\ud800", "\xad", " "]
    )
    | st.characters(),
    max_size=12,
).map("".join)  # fmt: skip


def decoded(data: str) -> str:
    raw = re.sub(rb"_([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), data.encode("ascii"))
    return raw.decode("utf-8")


@given(HOSTILE)
def test_any_text_stays_data_and_is_read_back_as_it_is_seen(text):
    data = field_data(text)
    assert not set(data) & set("^~")
    assert decoded(data) == visible(text)


@given(HOSTILE)
def test_any_text_in_a_job_leaves_exactly_the_commands_of_the_template(text):
    job = WHOLE.replace(b"x", field_data(text).encode("ascii"))
    audit_job(job)
    assert [command.name for command in commands(job)] == [command.name for command in commands(WHOLE)]


@given(HOSTILE)
def test_a_block_holds_no_backslash(text):
    assert "\\" not in decoded(field_data(text, block=True))


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("O^FS^XZ~JA", "O_5EFS_5EXZ_7EJA"),
        ("a_b", "a_5Fb"),
        ("Zoë", "Zo_C3_AB"),
        ("Zoe\N{COMBINING DIAERESIS}", "Zo_C3_AB"),
        ("Łukasiewicz", "_C5_81ukasiewicz"),
        ("O’Neil", "O_E2_80_99Neil"),
        ("two\r\nlines\there", "two  lines here"),
        ("\x02a\x1bb\x7f", "ab"),
        ("\N{RIGHT-TO-LEFT OVERRIDE}abc\N{POP DIRECTIONAL ISOLATE}", "abc"),
        ("a\\&b", "a\\&b"),
        ("! U1 setvar", "_21 U1 setvar"),
    ],
)
def test_these_texts_are_written_so(text, data):
    assert field_data(text) == data


def test_a_backslash_becomes_a_slash_in_a_block():
    assert field_data("a\\&b", block=True) == "a/&b"


def test_a_text_longer_than_any_label_is_refused():
    assert field_data("x" * LONGEST_FIELD)
    with pytest.raises(ValueError, match="too long"):
        field_data("x" * (LONGEST_FIELD + 1))


def test_a_whole_label_passes():
    audit_job(WHOLE)


@pytest.mark.parametrize(
    "smuggled",
    [b"~JA", b"~jr", b"^JUS", b"^JMA", b"~DGR:X.GRF,1,1,00", b"~DYE:X", b"^DFE:X.ZPL", b"^IDE:*.*", b"^CC*", b"~CC*",
     b"^CT*", b"~CT*", b"^CD;", b"~CD;", b"^KP1234", b"! U1 setvar", b"!U1 do", b"^XA", b"^XZ", b"^xa", b"~HS",
     b"^XFE:X", b"^FNx", b"^MMT", b"^MD30", b"~SD30", b"^PQ2", b"^FH|", b"^PQ", b"\x02", b"\x03", b"\x0f", b"\x00",
     b"\x1b", b"\xff"],
)  # fmt: skip
def test_a_smuggled_command_is_refused_wherever_it_stands(smuggled):
    for job in (WHOLE.replace(b"x", b"x" + smuggled), WHOLE + smuggled, smuggled + WHOLE):
        with pytest.raises(ValueError, match="The job"):
            audit_job(job)


@pytest.mark.parametrize("job", [b"", b"hello", b"^XA", b"^XZ", b"^XZ^XA", b"^XA^XZ^XA^XZ", b"x^XA^XZ", b"^XA^XZx"])
def test_what_is_not_one_label_is_refused(job):
    with pytest.raises(ValueError, match="The job"):
        audit_job(job)
