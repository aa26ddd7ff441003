"""The three ways in which the product says no. None of them knows HTTP; `app.web.errors` maps them once."""

from collections.abc import Mapping


class Refused(Exception):
    """An act is not allowed now. The message says what is wrong and what to do now, for a tired pharmacist."""


class Missing(Exception):
    """What was asked for does not exist. The message names it in the trade's words."""


class Invalid(Exception):
    """What was entered cannot be right. `fields` maps each field's name to a sentence."""

    def __init__(self, fields: Mapping[str, str]):
        super().__init__("; ".join(fields.values()))
        self.fields = dict(fields)
