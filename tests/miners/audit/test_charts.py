"""Charts: what is drawn is what was given, Plotly knows every word of it, and labels are inert."""

import json
import re

import plotly.graph_objects
import pytest

from miners.audit import charts

BINS = [{"from": 0, "to": 1, "pairs": 2}, {"from": 1, "to": 2, "pairs": 5}, {"from": 2, "to": 4, "pairs": 1}]


def all_charts():
    nodes = [charts.Node("read <b>", charts.KEPT, "9 read"), charts.Node("kept", charts.KEPT)]
    line = charts.Line("any", [2, 4, 8], [0.1, 0.2, 0.4], [0.05, 0.1, 0.3], [0.2, 0.3, 0.5])
    return [
        charts.histogram(BINS, 8, unit="words", alt="lengths"),
        charts.bars([{"name": "en", "pairs": 7}, {"name": None, "pairs": 1}], alt="languages"),
        charts.lines([line, charts.Line("same", [2, 4, 8], [0, 0, 0.1])], alt="a", x_title="B", y_title="share"),
        charts.lines([line], alt="a", x_title="B", y_title="share", logarithmic=True),
        charts.flow(nodes, [charts.Link(0, 1, 9, charts.KEPT, "9 of 9", "job/stage/reason")], alt="flow"),
    ]


def specification(chart):
    return json.loads(re.search(r"<script[^>]*>(.*)</script>", chart.__html__(), re.DOTALL)[1])


@pytest.mark.parametrize("at", range(5))
def test_plotly_knows_every_word(at):
    spec = specification(all_charts()[at])
    roles = re.compile(r'"--[a-z0-9]+(/[0-9.]+)?"')
    colored = json.loads(roles.sub('"#123456"', json.dumps(spec)))
    assert plotly.graph_objects.Figure(colored).data


def test_a_histogram_has_a_bar_a_bin():
    spec = specification(all_charts()[0])
    [trace] = spec["data"]
    assert trace["y"] == [0.25, 0.625, 0.125]
    assert [text for text, _ in trace["customdata"]] == ["0", "1", "2–3"]
    assert spec["layout"]["xaxis"]["title"]["text"] == "words"
    assert spec["layout"]["xaxis"]["ticktext"] == ["0", "1", "2"]


def test_an_interval_is_a_band_about_its_line():
    band, line, _ = specification(all_charts()[2])["data"]
    assert band["y"] == [0.05, 0.1, 0.3, 0.5, 0.3, 0.2]
    assert band["x"] == [2, 4, 8, 8, 4, 2]
    assert "95 %: 5.0 % to 20.0 %" in line["customdata"][0]


def test_of_nothing_there_is_no_chart():
    assert charts.histogram([], 0, unit="words", alt="") is None
    assert charts.bars([], alt="") is None
    assert charts.lines([charts.Line("any", [], [])], alt="", x_title="", y_title="") is None
    assert charts.flow([], [], alt="") is None


def test_a_label_cannot_bring_markup_or_close_the_script():
    hostile = "</script><b>x</b> <a href='javascript:1'>\u202e"
    chart = charts.bars([{"name": hostile, "pairs": 1}], alt=hostile)
    html = str(chart.__html__())
    assert html.count("</script>") == 1 and "<b>" not in html and "\u202e" not in html
    [[name, _]] = specification(chart)["data"][0]["customdata"]
    assert name.startswith("&lt;/script&gt;&lt;b&gt;")
