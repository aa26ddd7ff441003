"""The words with which people write how often a drug is given, one pattern each.

A text is read only when these words cover it from end to end; what is left over makes it unread, never shortened.
Words of one sender alone belong into the site's table, not here. Sources: HL7 table 0335; the vocabularies of a
teaching hospital, the Veterans Affairs and half of the eICU hospitals; trade knowledge.
"""

import re
from dataclasses import dataclass
from typing import Final

_END = r"(?![A-Z])"
_NUMBERS: Final = {
    "ONE": 1, "TWO": 2, "THREE": 3, "FOUR": 4, "FIVE": 5, "SIX": 6, "EIGHT": 8, "TWELVE": 12,
}  # fmt: skip
_COUNT = rf"(?:{'|'.join(_NUMBERS)}|\d{{1,2}})"
_HOUR = r"(?:[01]?\d|2[0-4])"
_CLOCK = r"(?:(?:[01]\d|2[0-4]):?[0-5]\d)(?:\s*(?:HOURS|HRS?|H)\b)?(?!\d)"
_BETWEEN = r"\s*(?:,|;|/|&|-|\bAND\b|\s)\s*"
_DAYS: Final = (
    r"MON(?:DAYS?)?|MO|TUE(?:S(?:DAYS?)?)?|TU|WED(?:NESDAYS?)?|WE|THU(?:R(?:S(?:DAYS?)?)?)?|TH|FRI(?:DAYS?)?|FR|"
    r"SAT(?:URDAYS?)?|SA|SUN(?:DAYS?)?|SU"
)
_LETTERS: Final = {"MWF": (0, 2, 4), "TTS": (1, 3, 5), "TTHS": (1, 3, 5), "TTHSA": (1, 3, 5), "TTH": (1, 3)}
_ANY_DAY = re.compile(_DAYS)
_FIRST_LETTERS = {name: number for number, name in enumerate(("MO", "TU", "WE", "TH", "FR", "SA", "SU"))}

# Each kind of word with its pattern; at each place of a text the first that fits is taken.
WORDS: Final[tuple[tuple[str, str], ...]] = (
    ("also_as_needed", r"(?:AND|&|\+)\s*P\.?R\.?N\.?" + _END),
    ("as_needed", r"P\.?R\.?N\.?" + _END + r"|(?:AS|IF|WHEN)[ -](?:NEEDED|REQUIRED|NECESSARY)"),
    ("reason",
     r"(?:FOR )?(?:(?:MILD|MODERATE|SEVERE|BREAKTHROUGH) )*(?:PAIN|NAUSEA|VOMITING|FEVER|ANXIETY|AGITATION|INSOMNIA|"
     r"SLEEP|CONSTIPATION|DIARRHEA|ITCHING|SHIVERING|WHEEZING|SOB|HEADACHE|COUGH|SEIZURES?|HYPOGLYCEMIA)" + _END),
    ("repeats", r"M\.?R\.?\s*X?\s*\d|MAY REPEAT|MR\s*X"),
    ("elsewhere",
     r"SEE [A-Z /]*?(?:NOTES?|INSTRUCTIONS?|COMMENTS?|CHART|ORDERS?|LABEL)" + _END + r"|USER SPECIFIED|"
     r"PER (?:MD|PHARMACY|ORDERS?|PARAMETERS?|SCALE|SS|SLIDING SCALE)" + _END + r"|[A-Z ]*\bPROTOCOL|SLIDING SCALE|"
     r"CORRECTION(?:AL)?(?: DOS(?:E|ING))?"),
    ("directed", r"(?:USE |TAKE )?AS[ -]?DIR(?:ECTED)?" + _END + r"|UD" + _END),
    ("on_event",
     r"(?:GIVE )?(?:IN |TO )?(?:ON[ -]?CALL|(?:PRE|POST|INTRA|PERI)[ -]?OP(?:ERATIVE(?:LY)?)?|"
     r"(?:PRE|POST|INTRA|PERI)[ -]?PROC(?:EDURE|EDURAL)?|PRE[ -]?MED(?:ICATION)?|(?:PRE|POST)[ -]?HYDRATION|"
     r"UNSCH(?:ED(?:ULED)?)?|PCE?A)" + _END +
     r"(?:\s*(?:/|TO|FOR)?\s*(?:THE\s+)?(?:OR|PROCEDURE|SURGERY|CATH LAB)" + _END + r")?"
     r"|(?:AFTER|BEFORE|DURING|WITH|W/|POST|PRE|Q|EACH)?[ -]?(?:HD|HEMODIALYSIS|DIALYSIS)" + _END +
     r"|(?:DURING |FOR )?(?:PROCEDURE|SURGERY)" + _END + r"(?: (?:CATH LAB|CT|MRI|IR|ENDO)" + _END + r")?"
     r"|(?:IN )?(?:PACU|OR|ED|ER|CATH ?LAB|ENDO(?:SCOPY)?|RADIOLOGY|ANESTHESIA)" + _END + r"(?: (?:USE )?ONLY)?"),
    ("from_stock", r"\.?STK-?MED" + _END + r"|(?:FLOOR|WARD) ?STOCK|STOCK MED|PYXIS|OMNICELL|CABINET"),
    ("elapsed", r"\(?\s*INT(?:ERVAL)?" + _END + r"\s*\)?"),
    ("around", r"ATC" + _END + r"|AROUND THE CLOCK"),
    ("awake", r"\(?\s*(?:WHILE AWAKE|WA)" + _END + r"\s*\)?"),
    ("breathing", r"(?:BY )?(?:RESP(?:IRATORY)?(?: THERAPY)?|RSP|RT)"),
    ("not_times", r"\(?\s*NON[ -]?STD\s*\)?|LIMITED|SHIFT"),
    ("lasts", rf"(?:X|FOR)\s*({_COUNT})\s*(DAYS?|WEEKS?)" + _END),
    ("span", r"(?<=\s)[SMHDW]\d{1,5}(?![A-Z\d])"),
    ("doses",
     rf"(?:(?:X|FOR|TIMES)\s*({_COUNT})\s*(?:DOSE\(S\)|DOSES?)|X\s*(\d{{1,3}})|({_COUNT})\s*(?:DOSE\(S\)|DOSES))"
     r"(?![A-Z\d/])"),
    ("noise",
     r"FOR\s+DOSE\(?S?\)?|(?:NON[ -]?)?SCH(?:ED(?:ULED)?)?" + _END + r"|ROUTINE(?:LY)?" + _END + r"|DOSE" + _END),
    ("a_day",
     r"(ONCE|TWICE)\s*(?:A|PER|EACH|EVERY)?\s*(?:DAY|DAILY)" + _END +
     rf"|({_COUNT})\s*(?:-?\s*(?:X|TIMES?)\s*(?:A|PER|EACH|/)?|/)\s*(?:DAY|DAILY|D)" + _END),
    ("a_week",
     r"(ONCE|TWICE)\s*(?:A|PER|EACH|EVERY)?\s*(?:WEEK|WEEKLY)" + _END +
     rf"|({_COUNT})\s*(?:-?\s*(?:X|TIMES?)\s*(?:A|PER|EACH|/)?|/)\s*(?:WEEK|WEEKLY|WK)" + _END +
     r"|WEEKLY" + _END + r"|(?:Q|EVERY|EACH)\s*(?:WEEK|WK)" + _END),
    ("other_day", r"(?:Q|EVERY)\s*(?:OTHER|O\.?|ALTERNATE|ALT)\s*DAY" + _END + r"|ALTERNATE DAYS|E?QOD|EOD" + _END +
     r"|Q\.O\.D\.?"),
    ("other_week", r"(?:Q|EVERY)\s*OTHER\s*W(?:EE)?K" + _END + r"|QOW" + _END),
    ("month_day",
     r"MONTHLY\s*(\d{1,2})(?!\d)|(?:MONTHLY\s*)?(?:ON\s*)?(?:THE\s*)?(?:DAY\s*(\d{1,2})|(\d{1,2})(?:ST|ND|RD|TH))"
     r"(?:\s*(?:OF\s*)?(?:THE|EACH|EVERY)?\s*MONTH)?" + _END),
    ("monthly", r"MONTHLY|(?:Q|EVERY|ONCE A)\s*MONTH" + _END),
    ("every",
     rf"(?:ONCE\s+)?\.?(?:Q|EVERY|EACH)[\s.]*(\d{{1,3}}|{'|'.join(_NUMBERS)})"
     r"(?:\s*(?:-|TO|/)\s*(\d{1,3}))?\s*"
     r"(HOURS?|HRS?|H|MINUTES?|MINS?|MI?(?!O)|DAYS?|D(?!OSE)|WEEKS?|WKS?|W(?!A|M|C)|MONTHS?|MOS?)(?:\s*(\d{1,2})\s*M)?"),
    ("every_bare", r"Q\s*(1|2|3|4|6|8|12|24)(?![\dA-Z])"),
    ("hours_only", r"^(\d{1,2})\s*(?:HOURS?|HRS?|H)" + _END),
    ("hourly", r"(?:Q|EVERY)\s*(?:HOUR|HR)" + _END + r"|HOURLY"),
    ("bedtime",
     r"(?:AT |Q )?BED ?TIME|(?:EVERY |Q ?|AT )NIGHT" + _END + r"|NIGHTLY|Q?\s*NOC(?:TE)?" + _END +
     r"|(?:Q\s*)?H\.?S\.?"),
    ("before_meals", r"(?:BEFORE|PRIOR TO) MEALS?|Q?A\.?C\.?"),
    ("after_meals", r"AFTER MEALS?|Q?P\.?C\.?"),
    ("with_meals", r"(?:WITH |W/ ?|AT )MEALS?|MEALS?|W[MC]"),
    ("before", r"BEFORE" + _END),
    ("after", r"AFTER" + _END),
    ("with", r"WITH" + _END + r"|W/"),
    ("breakfast", r"(?:Q\s*)?BREAKFAST|BRK(?:FST)?" + _END),
    ("lunch", r"(?:Q\s*)?LUNCH"),
    ("dinner", r"(?:Q\s*)?(?:DINNER|SUPPER)"),
    ("morning", r"(?:Q|EVERY |IN THE |EACH )?\s*(?:MORNING|A\.?M\.?)" + _END),
    ("evening", r"(?:Q|EVERY |IN THE |EACH )?\s*(?:EVENING|P\.?M\.?)" + _END),
    ("noon", r"(?:AT |Q)?\s*(?:NOON|MIDDAY)"),
    ("at_hour", r"(?:AT\s*|@\s*)?(\d{1,2})(?::(\d\d))?\s*([AP])\.?M\.?" + _END),
    ("at_times", rf"\(?\s*(?:@|AT\s)?\s*(?:Q(?=\s*{_CLOCK}))?\s*({_CLOCK}(?:{_BETWEEN}{_CLOCK})*)\s*\)?"),
    ("at_hours",
     rf"\(\s*({_HOUR}(?:{_BETWEEN}{_HOUR})+)\s*\)|((?:[01]\d|2[0-4])(?:\s*[-,]\s*(?:[01]\d|2[0-4]))+)(?![\dA-Z:])"),
    ("weekdays",
     rf"(?:Q|EVERY |ON )?\s*(?:(?:{_DAYS})(?:\s*(?:,|/|-|&|\bAND\b)?\s*(?:{_DAYS}))*|"
     rf"{'|'.join(sorted(_LETTERS, key=len, reverse=True))})" + _END),
    ("daily_at", rf"DAILY({_HOUR})(?!\d|:\d)" + _END),
    ("daily", r"(?:Q\s*)?DAILY|(?:Q|EVERY|EACH)\s*DAY" + _END + r"|Q\.?D\.?" + _END + r"|PER DAY"),
    ("twice", r"B\.?I\.?D\.?|TWICE" + _END),
    ("thrice", r"T\.?I\.?D\.?"),
    ("four", r"Q\.?I\.?D\.?"),
    ("once",
     r"ONCE(?: ?ONLY)?|ONE[ .-]?TIMES?(?: ?ONLY)?" + _END + r"|1[ -]?TIME(?: ?ONLY)?" + _END +
     r"|1\s*X(?:\s*ONLY)?(?![\d/])|OTO" + _END + r"|(?:ONE|1) DOSE(?: ONLY)?" + _END + r"|ONE" + _END +
     r"|SINGLE(?: DOSE)?" + _END),
    ("now", r"NOW|STAT|ASAP|IMMEDIATE(?:LY)?"),
    ("bare_one", r"(?<=\s)1(?![\dA-Z])"),
    ("continuous",
     r"CONTIN[A-Z]*|CONT" + _END + r"|^CI?$|(?:IV )?(?:DRIP|INFUSION|INFUSE|INF)" + _END + r"|KVO|TKO|TPN" + _END +
     r"|TITRAT(?:ED?|ION)" + _END + r"(?:\s*TO" + _END +
     r"(?:\s*(?:EFFECT|RASS|RESPONSE|COMFORT|SEDATION|MAP|SBP|BP|HR|GOAL)" + _END + r")?)?"),
)  # fmt: skip

_SCANNER = tuple((name, re.compile(pattern)) for name, pattern in WORDS)
_BETWEEN_WORDS = re.compile(r"[\s.,:;/+&()-]|\bAND\b")


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text: its kind, as written, and the parts that its pattern names."""

    kind: str
    text: str
    parts: tuple[str | None, ...]


def words_of(text: str) -> tuple[Word, ...] | str:
    """The words of a text in capitals, or the rest at which reading stopped."""
    found, at = [], 0
    while at < len(text):
        for name, pattern in _SCANNER:
            match = pattern.match(text, at)
            if match and match.end() > at:
                found.append(Word(name, match[0].strip(), match.groups()))
                at = match.end()
                break
        else:
            space = _BETWEEN_WORDS.match(text, at)
            if space is None:
                return text[at:].strip()
            at = space.end()
    return tuple(found)


def number(text: str) -> int:
    """A number in digits or as a word."""
    return _NUMBERS.get(text) or int(text)


def weekdays(text: str) -> tuple[int, ...]:
    """The days of the week that a run of names or letters means, from Monday 0."""
    letters = re.sub(r"^(?:Q|EVERY|ON)\s*|[^A-Z]", "", text)
    if letters in _LETTERS:
        return _LETTERS[letters]
    names = re.sub(r"\bAND\b", " ", text)
    return tuple(sorted({_FIRST_LETTERS[day[0][:2]] for day in _ANY_DAY.finditer(names)}))
