"""PINs, passwords, badges, tokens and one-time codes, without a database."""

import threading

import pytest
from argon2 import PasswordHasher
from hypothesis import given, settings
from hypothesis import strategies as st

from app.core.errors import Invalid
from app.identity import credentials
from app.identity.credentials import (
    badge_code,
    badge_sha256,
    code_sha256,
    hash_secret,
    matches,
    one_time_code,
    password_fault,
    pin_fault,
    session_token,
)


@pytest.fixture(autouse=True)
def _as_in_the_product(slow_hasher: PasswordHasher, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(credentials, "_hasher", slow_hasher)


digits = st.text("0123456789", min_size=6, max_size=12)


def counts(pin: str) -> bool:
    steps = {(int(b) - int(a)) % 10 for a, b in zip(pin, pin[1:], strict=False)}
    return steps in ({0}, {1}, {9})


@given(digits)
def test_a_pin_of_six_to_twelve_digits_is_good_unless_it_repeats_or_counts(pin):
    assert (pin_fault(pin) is not None) == counts(pin)


@pytest.mark.parametrize("pin", ["000000", "123456", "987654", "890123", "210987", "777777777777"])
def test_repeated_and_counting_pins_are_refused(pin):
    assert "guessed first" in pin_fault(pin)


@given(st.text(max_size=14).filter(lambda t: not (t.isascii() and t.isdigit() and 6 <= len(t) <= 12)))
def test_anything_but_six_to_twelve_plain_digits_is_no_pin(text):
    assert "6 to 12 digits" in pin_fault(text)


@pytest.mark.parametrize(
    "pin", ["", "73915", "7391548260391", "７３９１５４", "٧٣٩١٥٤", "73 154", "739154\n", "-739154"]
)
def test_short_long_and_foreign_digits_are_no_pin(pin):
    assert pin_fault(pin) is not None


@pytest.mark.parametrize(
    "password",
    [
        "violet kettle orbit seven",
        "Zoë fährt über die Brücke",
        "x" * 3 + "mellow-gadget 42 tramway" * 2,
        "💊 🐢 🎺 🌋 🧵 🍋 🚜 🧊",
    ],
)
def test_long_phrases_of_any_characters_are_good_passwords(password):
    assert password_fault(password, username="tina", names=["Tina Technician"]) is None


def test_sixty_four_characters_and_more_are_allowed_and_257_are_not():
    phrase = "violet kettle orbit seven " * 10
    assert password_fault(phrase[:64]) is None
    assert password_fault(phrase[:256]) is None
    assert "at most 256" in password_fault(phrase[:257])


@given(st.text(max_size=14))
def test_fewer_than_fifteen_characters_are_never_a_password(text):
    if len(credentials._normal(text)) < 15:
        assert "at least 15" in password_fault(text)


@pytest.mark.parametrize(
    "password",
    [
        "passwordpassword",
        "Password12345678!",
        "pharmacy hospital",
        "LaminarLaminar2026",
        "aaaaaaaaaaaaaaaaaaaa",
        "121212121212121212",
        "qwertyuiop qwerty",
        "tina.technician.tina",
        "Tina Technician 1",
        "correcthorsebatterystaple",
    ],
)
def test_common_words_hospital_words_and_ones_own_name_do_not_make_a_password(password):
    assert "easily guessed" in (
        password_fault(password, username="tina", names=["Tina Technician"]) or "good"
    )


def test_a_secret_matches_its_own_hash_and_no_other():
    once = hash_secret("739154")
    assert matches("739154", once)
    assert not matches("739155", once)
    assert hash_secret("739154") != once


def test_the_hash_carries_the_agreed_cost():
    assert hash_secret("739154").startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    assert credentials._NOBODY.startswith("$argon2id$v=19$m=19456,t=2,p=1$")


def test_nobody_never_matches():
    assert not matches("", None)
    assert not matches("739154", None)


def test_the_same_words_typed_on_two_keyboards_are_one_password():
    assert matches("Zoe\u0308 fa\u0308hrt", hash_secret("Zoë fährt"))


@pytest.mark.parametrize("secret", ["x" * 1025, "é" * 600])
def test_a_secret_too_long_to_be_one_is_not_hashed(secret):
    with pytest.raises(Invalid, match="at most 256"):
        hash_secret(secret)


def test_at_most_four_are_hashed_at_once():
    done = threading.Event()
    for _ in range(credentials.AT_ONCE):
        credentials._seats.acquire()
    fifth = threading.Thread(target=lambda: (hash_secret("739154"), done.set()))
    fifth.start()
    assert not done.wait(0.1)
    for _ in range(credentials.AT_ONCE):
        credentials._seats.release()
    fifth.join()
    assert done.is_set()


@given(
    st.binary(min_size=10, max_size=10),
    st.sampled_from(["", "]Q3", "]C1", "]d2"]),
    st.sampled_from(["", " ", "\t"]),
)
def test_a_badge_is_the_same_however_the_scanner_sends_it(random, prefix, blank):
    code = badge_code(random)
    assert badge_sha256(blank + prefix + code + blank) == badge_sha256(code)
    assert badge_sha256(code.lower()) == badge_sha256(code)


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_two_badges_are_never_alike(one, other):
    assert (badge_sha256(badge_code(one)) == badge_sha256(badge_code(other))) == (one == other)


@pytest.mark.parametrize(
    "scan", ["", "TRAY-07", "CARD-YES", "0361703220101", "BADGE-", "BADGE-12", "BADGE-A B C D E F"]
)
def test_what_is_no_badge_is_refused_in_words(scan):
    with pytest.raises(Invalid, match="not a badge"):
        badge_sha256(scan)


@given(st.binary(min_size=15, max_size=15))
def test_a_one_time_code_survives_careless_typing(random):
    code = one_time_code(random)
    assert [len(group) for group in code.split("-")] == [4] * 6
    careless = code.lower().replace("-", " ").replace("0", "o").replace("1", "l")
    assert code_sha256(careless) == code_sha256(code)


@given(st.binary(min_size=15, max_size=15), st.binary(min_size=15, max_size=15))
def test_two_one_time_codes_are_never_alike(one, other):
    assert (one_time_code(one) == one_time_code(other)) == (one == other)


@settings(max_examples=20)
@given(st.integers(0, 64).filter(lambda n: n != 32))
def test_a_token_is_made_of_32_random_bytes_and_of_nothing_less(size):
    with pytest.raises(ValueError, match="32"):
        session_token(bytes(size))
    assert len(session_token(bytes(32))) == 43
