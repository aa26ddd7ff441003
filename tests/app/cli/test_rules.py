import io
import json
import subprocess
import sys
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from app.cli.rule_schemas import SCHEMAS
from app.cli.rules import LONGEST_LINE, RULES, answer, answer_lines, app

TODAY = date(2026, 11, 22)
ROOT = Path(__file__).parents[3]
VECTORS = ROOT / "tests" / "vectors"
GS1 = json.loads((VECTORS / "gs1.json").read_text(encoding="utf-8"))
SCALE = json.loads((VECTORS / "scale.json").read_text(encoding="utf-8"))
KCL = {
    "target_ml": "18.00", "density_g_per_ml": "1.088", "density_u": "0.003", "before_g": "9.812", "after_g": "29.402",
    "readability_g": "0.001", "repeatability_g": "0.001", "readings": 3, "tolerance_percent": "5", "floor_ml": "0.1",
}  # fmt: skip
BAG = {
    "start": "2026-03-03T14:10:00-05:00", "zone": "America/New_York", "category": "2", "process": "aseptic",
    "sterile_start": True, "tested": False, "storage": "refrigerator", "stability_hours": 336,
    "expiries": ["2026-03-08", "2027-01"], "components": [],
}  # fmt: skip
BID = {
    "zone": "America/New_York", "window": ["2026-06-09T15:00", "2026-06-10T15:00"], "snapshot": "2026-06-09T11:00",
    "order": {"frequency": "BID", "start": "2026-06-01T09:00"},
}  # fmt: skip
GOOD = {"scale-line": SCALE[0], "barcode": {"scan": GS1[0]["scan"]}, "verdict": KCL, "bud": BAG,
        "schedule": BID}  # fmt: skip


def ask(name: str, case: object) -> dict:
    return answer(name, json.dumps(case).encode(), TODAY)


def ask_lines(name: str, questions: bytes) -> list[dict]:
    answers = io.BytesIO()
    answer_lines(name, io.BytesIO(questions), answers, TODAY)
    return [json.loads(line) for line in answers.getvalue().decode().splitlines()]


# --- each rule ---


@pytest.mark.parametrize("vector", GS1, ids=lambda vector: vector["id"])
def test_barcode_answers_exactly_what_the_vectors_expect(vector):
    assert ask("barcode", {"scan": vector["scan"]}) == vector["expected"]


@pytest.mark.parametrize(
    "vector", [vector for vector in SCALE if vector["protocol"] == "mtsics"], ids=lambda vector: vector["id"]
)
def test_scale_line_answers_every_reading_in_order(vector):
    assert ask("scale-line", vector) == {"results": vector.get("expected_all", [vector["expected"]])}


def test_verdict_answers_at_six_places():
    assert ask("verdict", KCL) == {
        "volume_ml": "18.005515",
        "deviation_ml": "0.005515",
        "deviation_percent": "0.030637",
        "expanded_uncertainty_ml": "0.049676",
        "verdict": "within",
    }


def test_verdict_rounds_half_to_even_and_knows_no_minus_zero():
    plain = KCL | {"target_ml": "1", "density_g_per_ml": "1", "density_u": "0", "readability_g": "0",
                   "repeatability_g": "0", "before_g": "0"}  # fmt: skip
    for grams, deviation in (("1.0000005", "0.000000"), ("1.0000015", "0.000002"), ("0.9999995", "0.000000"),
                             ("0.9999985", "-0.000002")):  # fmt: skip
        assert ask("verdict", plain | {"after_g": grams})["deviation_ml"] == deviation


def test_verdict_compares_before_it_rounds():
    """Over by less than a millionth is printed as the tolerance, and judged as over."""
    plain = KCL | {"target_ml": "100", "density_g_per_ml": "1", "density_u": "0", "readability_g": "0",
                   "repeatability_g": "0", "before_g": "0", "after_g": "105.0000000001"}  # fmt: skip
    assert ask("verdict", plain)["deviation_ml"] == "5.000000"
    assert ask("verdict", plain)["verdict"] == "over"


@pytest.mark.parametrize(
    ("after", "verdict"),
    [("29.402", "within"), ("8", "under"), ("9.812", "under"), ("31.5", "over"), ("30.38", "cannot_tell")],
)
def test_verdict_gives_each_of_its_four_answers(after, verdict):
    assert ask("verdict", KCL | {"after_g": after})["verdict"] == verdict


def test_bud_answers_the_instant_and_the_clock_that_governs():
    dated = ask("bud", BAG)
    assert dated == {"beyond_use": "2026-03-08T23:59:00-04:00", "governed_by": "expiry"}
    assert datetime.fromisoformat(dated["beyond_use"]) == datetime.fromisoformat("2026-03-09T03:59:00+00:00")


@pytest.mark.parametrize(
    ("change", "instant", "governor"),
    [
        ({"expiries": []}, "2026-03-13T19:10:00+00:00", "usp"),
        ({"expiries": [], "stability_hours": 240}, "2026-03-13T19:10:00+00:00", "usp"),
        ({"expiries": [], "stability_hours": "12.5"}, "2026-03-04T07:40:00+00:00", "stability"),
        ({"expiries": [], "stability_hours": 0.5}, "2026-03-03T19:40:00+00:00", "stability"),
        ({"expiries": [], "stability_hours": None}, "2026-03-13T19:10:00+00:00", "usp"),
        ({"components": ["2026-03-04T00:00:00Z"]}, "2026-03-04T00:00:00+00:00", "component"),
        ({"category": "1"}, "2026-03-04T19:10:00+00:00", "usp"),
        ({"category": "immediate", "storage": "room"}, "2026-03-03T23:10:00+00:00", "usp"),
        ({"start": "2026-03-03T19:10:00Z", "expiries": []}, "2026-03-13T19:10:00+00:00", "usp"),
    ],
)  # fmt: skip
def test_bud_takes_the_least_clock(change, instant, governor):
    dated = ask("bud", BAG | change)
    assert datetime.fromisoformat(dated["beyond_use"]) == datetime.fromisoformat(instant)
    assert dated["governed_by"] == governor


# --- bad input ---


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"target_ml": "NaN"}, "must be a decimal"), ({"target_ml": "Infinity"}, "must be a decimal"),
        ({"target_ml": 18.5}, "must be a decimal number in quotes"), ({"target_ml": True}, "must be a decimal"),
        ({"target_ml": None}, "must be a decimal"), ({"target_ml": ""}, "must be a decimal"),
        ({"target_ml": "1_000"}, "must be a decimal"), ({"target_ml": "１８"}, "must be a decimal"),
        ({"target_ml": " 18"}, "must be a decimal"), ({"target_ml": "0"}, "above zero"),
        ({"target_ml": "1e99"}, "beyond"),
        ({"density_g_per_ml": "0.5"}, "density"), ({"readings": 0}, "At least one"),
        ({"readings": "3.0"}, "whole number"),
        ({"readings": 1.5}, "whole number"), ({"readings": True}, "whole number"),
        ({"tolerence": "5"}, "not part of this"),
        ({"readability_g": "-0.01"}, "below zero"),
    ],
)  # fmt: skip
def test_a_verdict_on_nonsense_is_an_error_in_words(change, words):
    told = ask("verdict", KCL | change)
    assert list(told) == ["error"]
    assert words in told["error"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"start": "2026-03-03T14:10:00"}, "offset"), ({"start": "2026-02-30T14:10:00Z"}, "not in the calendar"),
        ({"start": 5}, "must be a text"), ({"start": "tomorrow"}, "not an instant"),
        ({"zone": "Mars"}, "not a time zone"),
        ({"category": 2}, "must be a text"), ({"category": "4"}, "use one of"), ({"category": "3"}, "sterility test"),
        ({"category": "1", "storage": "freezer"}, "cannot be kept"), ({"category": "immediate"}, "cannot be kept"),
        ({"tested": "no"}, "true or false"), ({"sterile_start": 1}, "true or false"),
        ({"expiries": "2027-01"}, "a list"),
        ({"expiries": [2027]}, "a list"), ({"expiries": ["2027"]}, "not an expiry"),
        ({"components": ["now"]}, "not an inst"),
        ({"expiries": ["2026-03-02"]}, "Already past"), ({"stability_hours": "many"}, "must be a decimal"),
        ({"stability_hours": 0}, "above zero"), ({"stabilty_hours": 5}, "not part of this rule"),
    ],
)  # fmt: skip
def test_a_date_on_nonsense_is_an_error_in_words(change, words):
    told = ask("bud", BAG | change)
    assert list(told) == ["error"]
    assert words in told["error"]


@pytest.mark.parametrize("name", RULES)
def test_every_required_word_is_missed(name):
    for word in SCHEMAS[name]["input"]["required"]:
        told = ask(name, {key: value for key, value in GOOD[name].items() if key != word})
        assert list(told) == ["error"]
        assert word in told["error"]


BAD_LINES = [
    b"nonsense", b"{", b"[]", b"5", b"null", b'"text"', b"\xff\xfe", b'{"scan": NaN}', b"{}", b'{"scan": 5}',
    b'{"a": 1, "a": 2}', b"[" * 200_000, b'{"x": ' * 5000, b'{"scan": 1e99999999999999999999}', b'{"scan": "\\\\q"}',
    b'{"scan": "\\\\x1"}', b'{"x": ' + b"9" * 5000 + b"}", b"\x00", b'{"protocol": "mtsics", "bytes": 5}',
    b'{"protocol": "abacus", "bytes": "1"}',
]  # fmt: skip


@pytest.mark.parametrize("name", RULES)
def test_a_bad_line_answers_in_its_place_and_the_stream_goes_on(name):
    good = json.dumps(GOOD[name]).encode()
    answers = ask_lines(name, b"\n".join([good, *BAD_LINES, b"", b"  ", good]))
    assert len(answers) == len(BAD_LINES) + 2
    assert answers[0] == answers[-1] == ask(name, GOOD[name])
    assert list(answers[0]) != ["error"]
    for told in answers[1:-1]:
        assert list(told) == ["error"]
        assert told["error"] and "Traceback" not in told["error"] and "class '" not in told["error"]


def test_an_endless_line_is_refused_once_and_passed_over():
    good = json.dumps(GOOD["barcode"]).encode()
    answers = ask_lines("barcode", b"x" * (3 * LONGEST_LINE + 7) + b"\n" + good)
    assert len(answers) == 2
    assert "longer than 1,000,000 bytes" in answers[0]["error"]
    assert answers[1]["kind"] == "gs1"


@pytest.mark.parametrize(
    "line", [b'{"scan": "]C0\\ud800"}', '{"scan": "]C0Zoë"}'.encode(), b'\xef\xbb\xbf{"scan": "]C0A"}']
)
def test_any_text_that_json_can_hold_comes_back_as_json(line):
    [told] = ask_lines("barcode", line)
    assert told["text"] == json.loads(line.decode("utf-8-sig"))["scan"][3:]


@given(st.sampled_from(list(RULES)), st.binary(max_size=80).map(lambda line: line.replace(b"\n", b"")))
def test_no_line_whatever_raises(name, line):
    assert isinstance(answer(name, line, TODAY), dict)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.data(), st.sampled_from(list(RULES)))
def test_a_case_with_any_word_replaced_is_answered_or_refused(data, name):
    word = data.draw(st.sampled_from(sorted(GOOD[name])))
    told = ask(name, GOOD[name] | {word: data.draw(JSON)})
    answered = SCHEMAS[name]["output"]["oneOf"][0]
    assert set(told) == {"error"} or set(answered["required"]) <= set(told)


# --- the command ---


@pytest.mark.parametrize("name", RULES)
def test_the_schemas_name_what_the_rule_takes_and_gives(name):
    shown = CliRunner().invoke(app, [name, "--schema"])
    assert shown.exit_code == 0
    schemas = json.loads(shown.stdout)
    assert set(schemas) == {"input", "output"}
    answered, failed = schemas["output"]["oneOf"]
    told = ask(name, GOOD[name])
    assert set(answered["required"]) <= set(told) <= set(answered["properties"])
    assert set(failed["properties"]) == {"error"}
    assert set(schemas["input"]["required"]) <= set(GOOD[name])
    if RULES[name].strict:
        assert set(schemas["input"]["properties"]) - {"id", "note"} == set(GOOD[name])


def test_the_case_may_carry_its_own_name():
    assert ask("verdict", KCL | {"id": "OQ-12", "note": "potassium"}) == ask("verdict", KCL)


def test_an_unknown_rule_is_refused_with_the_names_of_the_known():
    refused = CliRunner().invoke(app, ["dose"])
    assert refused.exit_code == 2
    assert "scale-line, barcode, verdict, bud, schedule" in " ".join(refused.output.replace("│", " ").split())


def test_the_command_answers_line_for_line_as_a_process_of_its_own():
    lines = [json.dumps(KCL), "broken", json.dumps(KCL | {"after_g": "8"})]
    run = subprocess.run(
        [sys.executable, "-m", "app.cli.rules", "verdict"],
        input="\n".join(lines), capture_output=True, text=True, cwd=ROOT, timeout=60, check=True,
    )  # fmt: skip
    told = [json.loads(line) for line in run.stdout.splitlines()]
    assert [answered.get("verdict") for answered in told] == ["within", None, "under"]
    assert "not JSON" in told[1]["error"]
    assert run.stderr == ""


def test_what_is_printed_is_the_same_decimal_that_was_meant():
    told = ask("verdict", KCL)
    exact = Decimal("19.590") / Decimal("1.088")
    assert Decimal(told["volume_ml"]) == exact.quantize(Decimal("0.000001"))
