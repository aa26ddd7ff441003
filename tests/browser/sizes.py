"""The three screens that every page is looked at on."""

TABLET = {"width": 1280, "height": 800}
DESK = {"width": 1440, "height": 900}
PHONE = {"width": 390, "height": 844}
