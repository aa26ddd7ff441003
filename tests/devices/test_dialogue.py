"""The conversation with a balance, line by line and second by second, without a line or a clock."""

from decimal import Decimal

import pytest

from devices.dialogue import Answered, Dialogue, Phase, Send, Silent, Voided, Weighed, identity_from_i2
from devices.mt_sics import parse_line

NOW = 1000.0


def say(dialogue, *lines, at=NOW):
    return [event for line in lines for event in dialogue.take(parse_line(line), at)]


def sent(events):
    return [event.wire for event in events if isinstance(event, Send)]


def weights(events):
    return [event.reading.grams or event.reading.error for event in events if isinstance(event, Weighed)]


def opened(expected=None, known=None, i0=(b'I0 B 0 "SI"', b'I0 B 0 "SIR"', b'I0 A 1 "T"'), streaming=True):
    dialogue = Dialogue(expected, {} if known is None else known)
    assert sent(dialogue.begin(NOW)) == [b"@\r\n"]
    say(dialogue, b'I4 A "B207"', b'I4 A "B207"', b'I2 A "XS204 Excellence 220.0090 g"', b'I1 A "01" "2.30"')
    events = say(dialogue, *i0)
    if streaming:
        assert sent(events) == [b"SIR\r\n"]
        say(dialogue, b"S S       0.00 g")
    return dialogue


def test_it_asks_who_is_there_before_it_asks_for_a_weight():
    dialogue = Dialogue(None, {})
    assert sent(dialogue.begin(NOW)) == [b"@\r\n"]
    steps = [
        (b'I4 A "B207"', b"I4\r\n"), (b'I4 A "B207"', b"I2\r\n"), (b'I2 A "XS204 Excellence 220.0090 g"', b"I1\r\n"),
        (b'I1 A "0123" "2.30"', b"I0\r\n"), (b'I0 B 0 "SIR"', None), (b'I0 A 1 "T"', b"SIR\r\n"),
    ]  # fmt: skip
    for line, answer in steps:
        assert sent(say(dialogue, line)) == ([answer] if answer else [])
    assert dialogue.phase is Phase.READY
    told = dialogue.identity
    assert (told.serial, told.model, told.levels) == ("B207", "XS204 Excellence", "0123")
    assert (told.capacity, told.readability) == (Decimal("220.0090"), Decimal("0.0001"))
    assert told.commands == {"SIR", "T"}


def test_the_long_list_is_asked_once_for_each_serial_number():
    known = {}
    opened(known=known)
    again = Dialogue(None, known)
    again.begin(NOW)
    say(again, b'I4 A "B207"', b'I4 A "B207"')
    assert sent(say(again, b'I2 A "XS204 Excellence 220.0090 g"')) == [b"SIR\r\n"]
    assert "SIR" in again.identity.commands


def test_weights_left_over_from_before_are_never_offered():
    dialogue = Dialogue(None, {})
    dialogue.begin(NOW)
    left_over = (b"3.45 g", b"S S     123.45 g", b'I4 A "B207"', b"S S     123.45 g")
    assert weights(say(dialogue, *left_over)) == []


@pytest.mark.parametrize("refusal", [b"ES", b"EL", b"S L"])
def test_without_sir_it_asks_over_and_over(refusal):
    dialogue = opened(streaming=False)
    say(dialogue, refusal)
    assert dialogue.tick(NOW + 0.05) == []
    for line in (b"S D       1.00 g", b"SI S       1.00 g", b"S +"):
        at = dialogue._next_poll
        assert sent(dialogue.tick(at)) == [b"SI\r\n"]
        assert len(weights(say(dialogue, line, at=at))) == 1


def test_a_list_without_sir_is_believed():
    dialogue = opened(i0=(b'I0 A 0 "SI"',), streaming=False)
    assert sent(dialogue.tick(NOW + 0.1)) == [b"SI\r\n"]


def test_a_peer_that_does_not_know_the_lists_is_still_read():
    dialogue = Dialogue(None, {})
    dialogue.begin(NOW)
    events = say(dialogue, b'I4 A "B207"', b'I4 A "B207"', b'I2 A "B207"', b"ES", b'I0 A "M" "B207" "1" "9 g" "1 g"')
    assert sent(events)[-1] == b"SIR\r\n"
    assert dialogue.identity.commands == frozenset()
    silent = Dialogue(None, {})
    silent.begin(NOW)
    say(silent, b'I4 A "B207"', b'I4 A "B207"', b'I2 A "X 9.00 g"')
    assert sent(silent.tick(NOW + 1)) == [b"I0\r\n"]
    assert sent(silent.tick(NOW + 2)) == [b"SIR\r\n"]


def test_a_restart_line_that_nobody_asked_for_voids_zero_and_tare():
    for line in (b'I4 A "B207"', b'\x00I4 A "B207"', b'I4 A "B2'):
        dialogue = opened()
        assert say(dialogue, line) == [Voided(restarted=True), Send(b"@\r\n")]
        assert dialogue.phase is Phase.IDENTIFYING


def test_silence_is_doubted_and_the_serial_number_is_asked_before_the_next_weight():
    dialogue = opened()
    assert dialogue.tick(NOW + 0.9) == []
    events = dialogue.tick(NOW + 1.0)
    assert weights(events) == ["no_weight"] and sent(events) == [b"I2\r\n"]
    assert dialogue.phase is Phase.SUSPECT
    assert weights(say(dialogue, b"S S     123.45 g", at=NOW + 1.1)) == []
    assert sent(say(dialogue, b'I2 A "XS204 Excellence 220.0090 g"', at=NOW + 1.2)) == [b"I4\r\n"]
    assert sent(say(dialogue, b'I4 A "B207"', at=NOW + 1.3)) == [b"SIR\r\n"]
    assert dialogue.phase is Phase.READY
    assert weights(say(dialogue, b"S S     123.45 g", at=NOW + 1.4)) == [Decimal("123.45")]


def test_a_balance_exchanged_behind_an_open_line_voids_zero_and_tare():
    dialogue = opened()
    dialogue.tick(NOW + 1)
    events = say(dialogue, b'I2 A "XS204 Excellence 220.0090 g"', b'I4 A "OTHER"', at=NOW + 1.1)
    assert events[1:] == [Voided(), Send(b"@\r\n")]


def test_three_missed_answers_are_the_end():
    dialogue = opened()
    assert sent(dialogue.tick(NOW + 1)) == [b"I2\r\n"]
    assert sent(dialogue.tick(NOW + 2)) == [b"I2\r\n"]
    assert dialogue.tick(NOW + 3) == [Silent()]
    mute = Dialogue(None, {})
    mute.begin(NOW)
    assert [mute.tick(NOW + n) for n in (1, 2, 3)] == [[Send(b"@\r\n")], [Send(b"@\r\n")], [Silent()]]


def test_another_serial_number_is_wrong_until_the_right_one_comes_back():
    dialogue = Dialogue("WANTED", {})
    dialogue.begin(NOW)
    assert say(dialogue, b'I4 A "B207"', b'I4 A "B207"')[-1] == Voided()
    assert dialogue.phase is Phase.WRONG_DEVICE
    assert weights(say(dialogue, b"S S     123.45 g")) == []
    assert sent(dialogue.tick(NOW + 2)) == [b"I4\r\n"]
    assert say(dialogue, b"I4 I", at=NOW + 2) == []
    assert dialogue.phase is Phase.WRONG_DEVICE
    assert sent(dialogue.tick(NOW + 4)) == [b"I4\r\n"]
    assert sent(say(dialogue, b'I4 A "WANTED"', at=NOW + 4)) == [b"@\r\n"]
    assert dialogue.phase is Phase.IDENTIFYING


@pytest.mark.parametrize("command, answers", [
    ("Z", {b"Z A": True, b"Z I": False, b"Z +": False, b"Z -": False, b"ES": False, b"ET": False}),
    ("T", {b"T S      45.67 g": True, b"T I": False, b"T +": False, b"T -": False, b"T S     Error 10b": True}),
])  # fmt: skip
def test_zero_and_tare_void_what_came_before_exactly_if_they_may_have_been_done(command, answers):
    for line, moved in answers.items():
        dialogue = opened()
        assert sent(dialogue.ask(command, NOW)) == [command.encode() + b"\r\n"]
        assert weights(say(dialogue, b"S S       1.00 g")) == [Decimal("1.00")]
        voided = [Voided()] if moved else []
        assert say(dialogue, line) == [*voided, Answered(parse_line(line)), Send(b"SIR\r\n")]


@pytest.mark.parametrize("command", ["Z", "T"])
def test_zero_and_tare_are_never_sent_twice(command):
    dialogue = opened()
    wires = sent(dialogue.ask(command, NOW))
    wires += sent(say(dialogue, command.encode() + b" X"))  # damaged: no answer
    for tenth in range(1, 100):
        events = dialogue.tick(NOW + tenth / 10)
        wires += sent(events)
        if Answered(None) in events:
            assert events == [Voided(), Answered(None), Send(b"@\r\n")]
    assert wires.count(command.encode() + b"\r\n") == 1
    assert b"@\r\n" in wires


def test_a_late_zero_or_tare_voids_what_came_before():
    for line in (b"Z A", b"T S      45.67 g", b"ZI S", b"TAC A"):
        assert say(opened(), line) == [Voided()]
    assert say(opened(), b"T I") == []


def test_a_text_that_is_not_acknowledged_does_not_cost_the_tare():
    dialogue = opened()
    dialogue.ask("D", NOW, '"ADD 5 mL"')
    events = dialogue.tick(NOW + 1)
    assert Answered(None) in events and Voided() not in events and dialogue.phase is Phase.SUSPECT


def test_a_weight_in_a_suddenly_different_unit_is_a_fault_first():
    dialogue = opened()
    kg, g = b"S S    1.25000 kg", b"S S    1.25000 g"
    assert weights(say(dialogue, kg, kg, g, kg, kg)) == [
        "wrong_mode", Decimal(1250), "wrong_mode", "wrong_mode", Decimal(1250),
    ]  # fmt: skip


def test_damaged_lines_are_faults_between_the_weights_and_no_sign_of_life():
    dialogue = opened()
    garbage = (b"S S     13.45 g", b"\xff\xfe", b"3.45 g", b"T S  1", b"S S        NaN g", b"S S     100.00 lb", b"S +")
    assert weights(say(dialogue, *garbage)) == [
        "unparseable", "unparseable", "unparseable", "unparseable", "unparseable", "wrong_mode", "overload",
    ]  # fmt: skip
    say(dialogue, b"\xff\xfe", at=NOW + 0.9)
    dialogue.tick(NOW + 1)
    assert dialogue.phase is Phase.SUSPECT


def test_a_command_waits_until_the_conversation_is_free():
    dialogue = Dialogue(None, {})
    dialogue.begin(NOW)
    with pytest.raises(RuntimeError, match="not free"):
        dialogue.ask("Z", NOW)


def test_model_and_capacity_are_split_from_the_right():
    assert identity_from_i2("WXS205SDU WXA-Bridge 220.00900 g") == (
        "WXS205SDU WXA-Bridge", Decimal("220.00900"), Decimal("0.00001"),
    )  # fmt: skip
    assert identity_from_i2("TD52P 150.00 kg") == ("TD52P", Decimal("150000"), Decimal("10"))
    assert identity_from_i2("B202 x g") == ("B202 x g", None, None)
    assert identity_from_i2("123456") == ("123456", None, None)
