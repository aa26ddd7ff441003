"""Barcodes for pages, as drawings."""

import re

import zxingcpp
from markupsafe import Markup

_SIZE = re.compile(r'width="(\d+)" height="(\d+)"')


def datamatrix_svg(text: str) -> Markup:
    """A DataMatrix of `text` as inline SVG that is as large as its place (no text inside, so it needs no escaping).

    The drawing comes with its size in modules as pixels, which no scanner reads; that becomes its view box.
    """
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    svg = zxingcpp.write_barcode_to_svg(symbol) if hasattr(zxingcpp, "write_barcode_to_svg") else symbol.to_svg()
    return Markup(_SIZE.sub(r'viewBox="0 0 \1 \2"', svg[svg.index("<svg") :], count=1))
