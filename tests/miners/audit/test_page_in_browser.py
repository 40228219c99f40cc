"""The page in a real browser: it opens from disk without a request or an error, and its parts do what they say."""

import re

import pytest

from miners.audit.figures import audit_figures, wanted_places
from miners.audit.report import render_report
from miners.audit.samples import shown_row
from miners.audit.summary import AuditConfig, Summary
from schemas.ledger import Ledger
from schemas.manifest import Manifest
from schemas.pair import Provenance, make_pair, pairs_to_table
from schemas.rejects import Reject, rejects_to_table
from tests.miners.audit.conftest import planted_pairs

HOSTILE = "</script><script>window.hostile = 1</script><img src=x onerror='window.hostile = 1'>"
WIDE, NARROW = {"width": 1280, "height": 900}, {"width": 390, "height": 800}


def hostile_pair():
    return make_pair(
        kind="neighbor_text",
        language="en",
        anchor=HOSTILE,
        positive=f"positive {HOSTILE}",
        place=("hostile", 0),
        group=HOSTILE,
        source=HOSTILE,
        provenance=Provenance(url="https://example.org/", license=HOSTILE),
    )


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    """A page on disk: planted pairs and a hostile one, a ledger with drops, and rejects of one reason."""
    pairs = [*planted_pairs(), hostile_pair()]
    table = pairs_to_table(pairs)
    summary = Summary(AuditConfig(rows=len(pairs)))
    summary.add(table, "train", 0, 0)
    rejected = [
        Reject("function", "no_docstring", Provenance(path=f"{i}.py"), f"lonely {i} {HOSTILE}") for i in range(9)
    ]
    summary.add_rejects(rejects_to_table(rejected), "mine-code")
    ledger = Ledger("mine-code")
    ledger.read("file", 100)
    ledger.keep("file", 90)
    ledger.made("file", 900)
    ledger.drop("file", "empty", 10)
    ledger.read("function", 900)
    ledger.keep("function", 400)
    ledger.made("function", 400)
    ledger.drop("function", "no_docstring", 500)
    ledger.read("pair", 400)
    ledger.keep("pair", 400)
    manifest = Manifest("mine-code", "run", {}, 0, "0", ledger.to_json(), ())
    rows = table.to_pylist()
    shown = {place: shown_row(rows[place.row], "train", "set") for place in wanted_places(summary)}
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(render_report(audit_figures(summary, manifest, "set", shown)), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def opened(open_page, page_file):
    """The page opened once, with everything that it asked for and complained of."""
    page = open_page(page_file)
    page.wait_for_selector("html[data-ready]", timeout=60_000)
    page.set_default_timeout(20_000)
    return page


@pytest.fixture
def page(opened):
    """The page without a filter set."""
    opened.locator("#samples-clear").click()
    return opened


def visible_cards(page):
    return page.locator("#cards > article:visible")


def test_it_opens_from_disk_without_a_request_or_an_error(opened, page_file):
    assert opened.requests == [page_file.as_uri()]
    assert opened.complaints == []
    assert opened.evaluate("window.hostile") is None


def test_every_chart_is_drawn_with_axes_when_it_comes_near(opened):
    charts = opened.locator(".plot")
    assert charts.count() >= 10
    assert opened.locator(".plot:has(.main-svg)").count() < charts.count()
    for chart in charts.all():
        chart.scroll_into_view_if_needed()
        chart.locator(".main-svg").first.wait_for(state="attached")
    assert opened.locator(".plot .sankey-link").count() >= 4
    assert "share of pairs" in opened.locator(".plot .ytitle").all_text_contents()


def test_a_chart_can_be_kept_as_a_picture(opened):
    opened.locator(".plot").first.hover()
    with opened.expect_download() as download:
        opened.locator(".plot .modebar-btn").first.click(force=True)
    assert download.value.suggested_filename.endswith(".svg")
    assert opened.complaints == []


def test_search_looks_at_all_samples_and_marks_what_it_found(page):
    before = visible_cards(page).count()
    page.locator("#samples-search").fill("LONELY 3")
    assert 0 < visible_cards(page).count() < before
    assert all("lonely" in text for text in visible_cards(page).all_inner_texts())
    assert page.evaluate("CSS.highlights.get('found').size") > 0
    page.locator("#samples-search").fill("no such words anywhere")
    assert visible_cards(page).count() == 0
    assert page.locator("#samples-nothing").is_visible()
    page.locator("#samples-clear").click()
    assert visible_cards(page).count() == before


def test_filters_cut_and_add_up(page):
    page.locator("[data-filter=kind]").select_option("docstring_code")
    kinds = {card.get_attribute("data-kind") for card in visible_cards(page).all()}
    assert kinds == {"docstring_code"}
    code = page.locator("#samples-found").inner_text()
    page.locator("[data-filter=language]").select_option("de")
    assert visible_cards(page).count() == 0
    page.locator("[data-filter=language]").select_option("python")
    assert page.locator("#samples-found").inner_text() == code
    page.locator("#samples-why").select_option("positive_chars:highest")
    assert visible_cards(page).count() == 3
    assert all("most positive, characters" in text for text in visible_cards(page).all_inner_texts())


def test_more_are_shown_on_request(page):
    first = visible_cards(page).count()
    total = int(re.match(r"(\d+) of", page.locator("#samples-found").inner_text())[1])
    assert first == 20 < total
    while page.locator("#samples-more").is_visible():
        page.locator("#samples-more").click()
    assert visible_cards(page).count() == total


def test_a_click_on_a_drop_shows_its_samples(page):
    page.locator("button[data-drop='mine-code/function/no_docstring']").click()
    assert page.locator("#samples-why").input_value() == "mine-code/function/no_docstring"
    assert visible_cards(page).count() == 5
    assert all("lonely" in text for text in visible_cards(page).all_inner_texts())
    page.wait_for_function("document.querySelector('#samples').getBoundingClientRect().top < 200")


def test_a_click_on_a_stream_shows_its_samples(page):
    page.evaluate("document.querySelector('#ledger').scrollIntoView()")
    page.locator(".sankey-link").first.wait_for(state="attached")
    keys = page.evaluate("document.querySelector('.sankey').closest('.plot').data[0].link.customdata.map((d) => d[1])")
    at = keys.index("mine-code/function/no_docstring")
    page.locator(".sankey-link").nth(at).click(force=True)
    assert page.locator("#samples-why").input_value() == "mine-code/function/no_docstring"


def test_a_drop_without_samples_says_which_flag_keeps_them(page):
    page.locator("button[data-drop='mine-code/file/empty']").press("Enter")
    [card] = visible_cards(page).all()
    assert "The rejects that were kept hold none of this reason." in card.inner_text()


def test_colours_follow_the_scheme(opened):
    def colours():
        bar = opened.locator(".plot .bars path").first.evaluate("(bar) => getComputedStyle(bar).fill")
        return opened.evaluate("getComputedStyle(document.body).backgroundColor"), bar

    light = colours()
    opened.emulate_media(color_scheme="dark")
    opened.wait_for_function("getComputedStyle(document.body).backgroundColor === 'rgb(18, 22, 28)'")
    opened.wait_for_function(f"getComputedStyle(document.querySelector('.plot .bars path')).fill !== {light[1]!r}")
    dark = colours()
    assert all(a != b for a, b in zip(light, dark, strict=True))
    opened.emulate_media(color_scheme="light")


def test_a_narrow_page_does_not_run_over(opened):
    opened.set_viewport_size(NARROW)
    opened.wait_for_function("document.documentElement.scrollWidth <= innerWidth")
    opened.set_viewport_size(WIDE)


def test_without_scripts_the_samples_stand_there(browser, page_file):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(page_file.as_uri(), timeout=120_000)
    assert page.locator("#cards > article:visible").count() > 20
    assert page.locator("noscript").inner_text()
    context.close()
