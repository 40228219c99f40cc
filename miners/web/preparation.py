"""Loads what mining pages needs (models, rules, compiled loops) before the first page comes, by mining one of ours."""

from __future__ import annotations

from miners.web.mining import mine_batches
from miners.web.record_stream import WarcRecord
from miners.web.web_config import WebConfig
from schemas.ledger import Ledger

# As much as every rule of Gopher's wants, and a passage in another language, over which both identifiers are asked.
_PARAGRAPHS = (
    "The mill stands where the river leaves the hills, and it has ground the corn of four villages for as long as "
    "anyone can remember. In spring, when the water is high, both of its wheels turn by day and by night; in a dry "
    "summer the miller waits until the pond behind the weir is full, and then he works for an hour or two.",
    "Visitors may come on Sundays between ten and four. There is a small exhibition on the upper floor, with tools, "
    "old photographs and the account books of the family that has owned the house since it was built. Children like "
    "the lift for the sacks most of all, which still works, and which they are allowed to set going themselves.",
    "Im Sommer führt ein Weg am Bach entlang bis zur Quelle, und wer früh genug aufbricht, sieht dort manchmal einen "
    "Eisvogel. Hinter der Brücke beginnt der Wald; nach einer halben Stunde erreicht man eine Wiese mit einer Bank, "
    "von der aus das ganze Tal zu sehen ist. Zurück geht es auf demselben Weg oder über die Straße, die kürzer ist.",
    "The shop sells flour of wheat, rye and spelt in bags of one kilogram and of five, and on the first Saturday of "
    "each month there is bread from the oven in the yard. It is best to order two days before, by telephone or in the "
    "shop itself, because the oven holds no more than forty loaves and they are mostly gone by ten in the morning.",
)


def prepare(config: WebConfig) -> None:
    """Later pages, and the pages of processes that are copies of this one, find everything loaded."""
    html = "<html><head><title>The mill</title></head><body><main>{}</main></body></html>".format(
        "".join(f"<p>{paragraph}</p>" for paragraph in _PARAGRAPHS)
    )
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    headers = {"warc-type": "response", "warc-target-uri": "https://mill.example/"}
    record = WarcRecord(0, 0, headers, head + html.encode())
    for _ in mine_batches([record], "prepare", config, Ledger("mine-web")):
        pass
