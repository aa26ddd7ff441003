"""Lines out of bytes: the pieces never matter, and no flood fills the memory."""

from hypothesis import given
from hypothesis import strategies as st

from devices.framing import LONGEST_LINE, Frame, Framer

stream = st.lists(
    st.one_of(st.binary(max_size=12), st.just(b"\r\n"), st.just(b"\r"), st.just(b"\n"), st.just(b"\x13"),
              st.integers(100, 300).map(lambda n: b"U" * n), st.just(b"S S     100.00 g\r\n")),
    max_size=12,
).map(b"".join)  # fmt: skip


def frames(chunks, **options):
    framer = Framer(**options)
    return [frame for chunk in chunks for frame in framer.feed(chunk)] + framer.close()


@given(stream, st.lists(st.integers(0, 400), max_size=8), st.booleans(), st.booleans())
def test_the_same_bytes_give_the_same_lines_however_they_are_cut(received, cuts, skip_first, xonxoff):
    options = {"skip_first": skip_first, "xonxoff": xonxoff}
    edges = [0, *sorted(min(cut, len(received)) for cut in cuts), len(received)]
    chunks = [received[a:b] for a, b in zip(edges, edges[1:], strict=False)]
    whole = frames([received], **options)
    assert frames(chunks, **options) == whole
    assert frames([received[i : i + 1] for i in range(len(received))], **options) == whole


@given(st.lists(st.text("abc 0.", min_size=1, max_size=LONGEST_LINE), max_size=8),
       st.sampled_from([b"\r", b"\n", b"\r\n", b"\r\n\r\n"]))  # fmt: skip
def test_every_line_comes_out_once_with_any_of_the_three_endings(lines, end):
    assert frames([b"".join(line.encode() + end for line in lines)]) == [Frame(line.encode()) for line in lines]


def test_a_flood_is_one_fault_and_the_next_line_is_whole():
    framer = Framer()
    seen = [frame for _ in range(10_000) for frame in framer.feed(b"U" * 64)]
    assert [frame.error for frame in seen] == ["overlong"]
    assert len(seen[0].raw) == LONGEST_LINE
    assert not framer.partial
    assert framer.feed(b"\r\nS S\r\n") == [Frame(b"S S")]


def test_a_line_of_exactly_the_cap_is_a_line():
    assert frames([b"U" * LONGEST_LINE + b"\r"]) == [Frame(b"U" * LONGEST_LINE)]
    assert [frame.error for frame in frames([b"U" * (LONGEST_LINE + 1) + b"\r"])] == ["overlong"]


def test_handshake_bytes_are_removed_only_when_asked():
    assert frames([b"a\x13b\x11\r"], xonxoff=True) == [Frame(b"ab")]
    assert frames([b"a\x13b\x11\r"]) == [Frame(b"a\x13b\x11")]


def test_joining_in_the_middle_drops_the_tail_and_closing_reports_the_half_line():
    assert frames([b"4.10 g\r", b"\nS S\r\nS"], skip_first=True) == [Frame(b"S S"), Frame(b"S", "incomplete")]
    assert frames([b"4.10 g"], skip_first=True) == []
