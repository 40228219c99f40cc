"""After the preparation a page finds everything loaded."""

import json
import subprocess
import sys

import pytest

from miners.web.preparation import prepare
from miners.web.web_config import WebConfig

LATER = """
import json, sys
from miners.web import languages
from miners.web.mining import mine_records
from miners.web.preparation import prepare
from miners.web.quality import page, select_rules
from miners.web.record_stream import WarcRecord
from miners.web.web_config import WebConfig
from schemas.ledger import Ledger

config = WebConfig(rules=select_rules(("gopher",)))
prepare(config)
known, models = set(sys.modules), [languages._identifier, languages._fast_identifier, page._kinds]
loaded = [model.cache_info().currsize for model in models]
text = "The weir was built of oak, and of stone that came from the quarry behind the hill, in the year of the flood. "
html = "<title>Weir</title><main>" + "".join(f"<p>{number} {text * 3}</p>" for number in range(4)) + "</main>"
head = "HTTP/1.1 200 OK\\r\\nContent-Type: text/html; charset=utf-8\\r\\n\\r\\n"
record = WarcRecord(0, 0, {"warc-type": "response", "warc-target-uri": "https://a.example/"}, (head + html).encode())
ledger = Ledger("mine-web")
pairs = list(mine_records([record], "x", config, ledger))
print(json.dumps([len(pairs), sorted(set(sys.modules) - known), loaded]))
"""


def test_a_later_page_loads_nothing():
    done = subprocess.run([sys.executable, "-c", LATER], capture_output=True, text=True, check=True)
    pairs, modules, loaded = json.loads(done.stdout)
    assert pairs > 0 and modules == [] and loaded == [1, 1, 1]


@pytest.mark.parametrize("settings", [{"languages": ("de",)}, {"honor_robots": ("noai",)}, {"max_body_bytes": 1}])
def test_no_settings_make_it_fail(settings):
    prepare(WebConfig(**settings))
