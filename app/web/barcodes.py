"""Barcodes for pages, as drawings."""

import zxingcpp
from markupsafe import Markup


def datamatrix_svg(text: str) -> Markup:
    """A DataMatrix of `text` as inline SVG (no text inside, so it needs no escaping)."""
    symbol = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.DataMatrix)
    svg = zxingcpp.write_barcode_to_svg(symbol) if hasattr(zxingcpp, "write_barcode_to_svg") else symbol.to_svg()
    return Markup(svg[svg.index("<svg") :])
