# SPDX-License-Identifier: Apache-2.0
#
# The report's page in a real browser: what it shows of the sample results, that nothing of theirs is overlooked or
# taken for markup, that it asks nobody for anything, and that no results, however odd, break it.

import copy
import json
import os
import pathlib
import re
import subprocess
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
from browser import Browser  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = json.loads((ROOT / "tests/bench/results.json").read_text())
FORMAT = {"format": "guichet-bench 1"}
INVALID = next(run for run in SAMPLE["runs"] if not run["valid"])
HOSTILE = "</script><img src=x onerror=\"document.title='owned'\"><b>&lt;"
GAP = "\u00a0"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    with Browser(tmp_path_factory.mktemp("browser")) as one:
        yield one


@pytest.fixture(scope="module")
def make(tmp_path_factory):
    """make(results): the page that guichet-bench makes of them."""
    program = pathlib.Path(os.environ["GUICHET_BUILD"]).resolve() / "bin/guichet-bench"

    def page(results):
        directory = tmp_path_factory.mktemp("report")
        (directory / "results.json").write_text(json.dumps(results))
        subprocess.run([program, "report", "--dir", directory], check=True)
        return directory / "results.html"

    return page


@pytest.fixture(scope="module")
def sample(make):
    return make(SAMPLE)


@pytest.fixture
def shown(browser, make):
    """shown(results): their page, opened; nothing may have gone wrong in it, then or until the test's end."""
    opened = []

    def show(results, **how):
        path = results if isinstance(results, pathlib.Path) else make(results)
        opened.append((browser.open(path, **how), path))
        return opened[-1][0]

    yield show
    for page, path in opened:
        assert page.faults() == []
        assert page.requests() == [path.resolve().as_uri()], "the page asks for nothing but itself"


def changed(change):
    results = copy.deepcopy(SAMPLE)
    change(results)
    return results


def plain(texts):
    return [text.replace(GAP, " ") for text in texts]


def choose(page, index):
    """Another run, second by second."""
    page.value(f"""(() => {{ const select = document.getElementById("seconds-run"); select.selectedIndex = {index};
        select.dispatchEvent(new Event("change")); }})()""")


# ---- verdict ----


def expected_verdict(target):
    return "not measured" if target["value"] is None else "reached" if target["reached"] else "missed"


def test_every_target_has_a_row_and_a_verdict_in_words(shown, sample):
    page = shown(sample)
    rows = plain(page.texts("#verdict tr.target"))
    assert len(rows) == len(SAMPLE["targets"])
    for row, verdict, target in zip(rows, page.texts("#verdict .verdict"), SAMPLE["targets"], strict=True):
        assert target["figure"] in row and target["kind"] in row and target["about"] in row
        assert verdict == expected_verdict(target)
        assert ("at least " if "at_least" in target else "at most ") in row
    words = [expected_verdict(target) for target in SAMPLE["targets"]]
    assert page.texts("h1") == [f"{words.count('reached')} of {len(words)} targets reached"]
    assert page.texts(".tally li") == [
        f"{words.count(word)} {word}" for word in ("reached", "missed", "not measured") if word in words]


@pytest.mark.parametrize("server, scenario, kind, shaken", [
    ("guichetd", "evening", "p256", {"evening.vs_nginx p256"}),
    ("guichetd", "resident", "rsa3072", {"resident.efficiency rsa3072", "resident.vs_redis rsa3072"}),
    ("nginx", "nginx evening", "p256", {"evening.vs_nginx p256"}),
    ("redis", "redis", "rsa3072", {"resident.vs_redis rsa3072"}),
    ("redis", "redis pipelined", "rsa3072", set()),
    ("guichetd", "idle", "rsa3072", {"idle.vs_nginx"}),
], ids=lambda value: value if isinstance(value, str) else "")
def test_a_figure_of_an_invalid_run_is_in_doubt(shown, server, scenario, kind, shaken):
    run = {"name": "this", "server": server, "scenario": scenario, "kind": kind, "valid": False, "why": "reason"}
    page = shown({**FORMAT, "targets": SAMPLE["targets"], "runs": [run]})
    doubted = page.texts("#verdict tr[data-verdict=doubtful] .figure-name")
    assert set(doubted) == shaken
    assert page.texts("#verdict tr[data-verdict=doubtful] .bad") == ['Run "this" is INVALID: reason'] * len(shaken)
    reached = sum(expected_verdict(one) == "reached" for one in SAMPLE["targets"]
                  if f"{one['figure']} {one['kind']}".strip() not in shaken)
    assert page.texts("h1") == [f"{reached} of {len(SAMPLE['targets'])} targets reached"]


def test_values_have_their_units_and_as_many_digits_as_a_near_miss_needs(shown):
    page = shown({**FORMAT, "targets": [
        {"figure": "a.p99_ms", "at_most": 1, "value": 0.25, "reached": True},
        {"figure": "a.bytes_each", "at_most": 40960, "value": 38912, "reached": True},
        {"figure": "a.rate", "at_least": 7000, "value": 7938.4, "reached": True},
        {"figure": "a.efficiency", "at_least": 0.75, "value": 0.74999, "reached": False}]})
    assert plain(page.texts("#verdict td:nth-child(4)")) == ["250 µs", "38 KiB", "7,938/s", "0.74999"]


def test_a_verdict_that_contradicts_its_figure_is_none(shown):
    page = shown({**FORMAT, "targets": [{"figure": "a", "at_most": 1, "value": 2, "reached": True},
                                        {"figure": "b", "at_least": 1, "value": None, "reached": True},
                                        {"figure": "c", "at_least": 1, "at_most": None, "value": 2},
                                        {"figure": "d", "value": 2, "reached": True}]})
    assert page.texts("#verdict .verdict") == ["contradictory", "not measured", "reached", "reached"]
    assert page.texts("h1") == ["2 of 4 targets reached"]
    assert page.texts("#verdict .bad") == ['The results say "reached"; value and target say the contrary.']


# ---- runs ----


def test_a_run_that_is_invalid_is_marked_wherever_it_is_named(shown, sample):
    page, name, why = shown(sample), INVALID["name"], INVALID["why"]
    assert page.texts("header .alert li") == [f"{name}: {why}"]
    assert page.texts(".spectrum-runs .name:has(.badge)") == [f"{name} INVALID"]
    assert "INVALID" in page.texts("#latency svg text tspan")
    assert [option for option in page.texts("#seconds-run option") if "INVALID" in option] == [f"{name} (INVALID)"]
    row, = page.texts("#runs tr.invalid")
    assert row.startswith(name) and "INVALID" in row and why in row
    assert any("INVALID" in text and why in text for text in page.texts("#verdict .bad"))
    choose(page, SAMPLE["runs"].index(INVALID))
    assert page.texts("#seconds .alert") == [f"INVALID: {name}. {why}"]
    assert page.value("getComputedStyle(document.querySelector('#runs .badge')).display") != "none"


def test_the_table_has_every_run_with_codes_and_receipts(shown, sample):
    page = shown(sample)
    rows = plain(page.texts("#runs tr.run"))
    assert [text for text in page.texts("#runs .run-name")] == [run["name"] for run in SAMPLE["runs"]]
    for row, run in zip(rows, SAMPLE["runs"], strict=True):
        assert f"{run['accepted']:,} accepted" in row
        assert (f"{run['lost']:,} lost" in row) == (run["lost"] != 0)
        for code in run["codes"]:
            assert (f"{code['name']}: {code['count']:,}" in row) == (code["name"] != "accepted"), "said already"
        assert ("all verified" in row and "all the same again" in row) == (run["receipts"] is not None)
        assert ("not asked for" in row) == (run["receipts"] is None)


def test_a_receipt_that_was_not_verified_is_seen(shown):
    page = shown({**FORMAT, "runs": [
        {"name": "a", "valid": True, "receipts": {"received": 10, "verified": 9, "same": None}}]})
    assert page.texts("#runs .bad") == ["9 verified"]
    assert "the same again: not stated" in page.texts("#runs tr.run")[0]


def test_a_run_that_was_made_anew_shakes_no_figure(shown):
    run = {"name": "late", "server": "guichetd", "scenario": "resident", "kind": "rsa3072", "valid": False,
           "why": "reason", "repeated": True}
    page = shown({**FORMAT, "targets": SAMPLE["targets"], "runs": [run]})
    assert page.count("#verdict tr[data-verdict=doubtful]") == 0
    assert page.texts("header .alert li") == ["late: reason; it was made anew"]


def test_what_failed_and_what_is_to_come_is_said_at_the_head(shown):
    page = shown({**FORMAT, "complete": False, "failures": [
        {"step": "redis", "kind": "p256", "error": "unreachable", "place": "peer", "value": HOSTILE, "expected": "x"}]})
    assert "had not come to its end" in page.texts("header .unfinished")[0]
    assert page.texts("header .failures li") == [f"redis p256: unreachable, peer, {HOSTILE}, expected x"]


def test_the_table_says_what_a_doubter_asks_for(shown):
    page = shown({**FORMAT, "runs": [
        {"name": "a", "valid": True, "connections": 64, "window": 128, "idlers": 7, "duration_s": 8, "reconnects": 3,
         "retries": 4, "resident_bytes": 2 ** 20, "anonymous_bytes": 2 ** 19, "cpu_us": 9, "lag_max_ms": 2,
         "idlers_planned": 9, "idle_bytes": 7 * 2 ** 10, "idle_bytes_end": 7 * 2 ** 11, "generator_busy": 0.5,
         "server_busy": 0.97, "latencies": 30, "bounds": 2, "latency": [{"percentile": 100, "ms": 1}],
         "receipts": {"sampled": 9, "genuine": 8, "received": 1, "verified": 1, "same": 1, "fetched": 5,
                      "fetched_same": 4}}]})
    row, = plain(page.texts("#runs tr.run"))
    for words in ("64 connections · 128 under way on each · 7 idle beside of 9 planned · 8 s measured",
                  "3 connections opened anew", "4 asked again when told busy", "1 MiB resident", "512 KiB anonymous",
                  "lag max 2 ms", "core busy 50 %", "core busy 97 %", "2 of 30 are lower bounds",
                  "1 KiB for each idle connection, 2 KiB at the end"):
        assert words in row
    assert page.texts("#runs .bad") == ["4 of 5 fetched by name the same", "8 of 9 meanwhile genuine"]


def test_certificates_are_looked_at_as_they_come_and_not_asked_for_again(shown):
    page = shown({**FORMAT, "runs": [{"name": "enrol", "valid": True, "receipts": {
        "sampled": 9, "genuine": 9, "received": None, "verified": None, "same": None, "fetched": None,
        "fetched_same": None}}]})
    row, = page.texts("#runs tr.run")
    assert "not asked for" in row and "9 meanwhile, all genuine" in row
    assert page.count("#runs .bad") == 0


def test_the_page_says_what_the_loads_were_made_of(shown, sample):
    facts = plain(shown(sample).texts("#machine dd"))
    assert "60,000 filings · 60000 taxpayers in the register · returns: generated" in facts
    for name in ("filesystem", "guichetd", "guichetd_sha256", "nginx", "redis", "started"):
        assert SAMPLE["machine"][name] in facts
    assert SAMPLE["command"] in facts


# ---- charts ----


def test_latency_has_a_line_for_each_run_and_axes_with_units(shown, sample):
    page = shown(sample)
    assert page.texts("#latency path.line title") == [run["name"] for run in SAMPLE["runs"]]
    assert page.value(
        "[...document.querySelectorAll('#latency path.line')].every((line) => line.getTotalLength() > 50)")
    labels = plain(page.texts("#latency svg .axis text"))
    assert {"latency (logarithmic)", "share of requests that took no longer", "max"} <= set(labels)
    assert {"0 %", "90 %", "99 %", "99.9 %", "1 ms", "10 ms", "100 ms"} <= set(labels)
    assert page.count("#latency h3") == 1 and "one line a run" in page.value(
        "document.querySelector('#latency svg[role=img]').getAttribute('aria-label')")


def test_latency_at_a_percentile_is_never_understated(shown, sample):
    page, sizes = shown(sample), {"µs": 0.001, "ms": 1, "s": 1000}
    for text, run in zip(plain(page.texts(".spectrum-runs tbody td:nth-child(4)")), SAMPLE["runs"], strict=True):
        figure, unit = text.split()
        p99 = next(point["ms"] for point in run["latency"] if point["percentile"] >= 99)
        assert float(figure) * sizes[unit] == pytest.approx(p99, rel=0.005)


def test_a_run_is_shown_and_hidden_from_the_keyboard(shown, sample):
    page = shown(sample)
    first = "document.querySelector('.toggle[data-run=\"0\"]')"
    display = "getComputedStyle(document.querySelector('#latency path[data-run=\"0\"]')).display"
    page.value(f"{first}.focus()")
    assert page.value(first + ".getAttribute('aria-pressed')") == "true" and page.value(display) != "none"
    page.press(" ")
    assert page.value(first + ".getAttribute('aria-pressed')") == "false" and page.value(display) == "none"
    page.press("Enter")
    assert page.value(first + ".getAttribute('aria-pressed')") == "true" and page.value(display) != "none"
    page.value("[...document.querySelectorAll('.choices button')].find((one) => one.textContent === 'None').click()")
    assert page.count("#latency path.line:not(.off)") == 0
    assert "No run is chosen." in page.texts("#latency svg text")


def test_each_second_of_a_chosen_run_is_drawn_and_can_be_read(shown, sample):
    page = shown(sample)
    index, run = next((i, run) for i, run in enumerate(SAMPLE["runs"]) if run["lost"])
    page.value("document.getElementById('seconds-run').focus()")
    for _ in range(index):
        page.press("ArrowDown")
    assert page.texts("#seconds h3") == [f"Answers a second: {run['name']}", f"Latency in each second: {run['name']}"]
    assert page.texts("#seconds figure:first-of-type svg title") == [
        "accepted", "refused", "lost", "lost in this second"]
    assert page.texts("#seconds path.line title") == ["p50", "p99", "max"]
    labels = plain(page.texts("#seconds svg .axis text"))
    assert {"answers a second", "latency (logarithmic)", "since the run's start", "10 s", "5,000"} <= set(labels)
    assert "offered" in page.texts("#seconds svg text") and "warm-up" in page.texts("#seconds figure .legend")[0]
    page.value("document.querySelector('#seconds details').open = true")
    page.value("new Promise((resolve) => setTimeout(resolve, 100))")
    rows = page.texts("#seconds details tbody tr")
    assert len(rows) == len(run["seconds"]) and f"{run['seconds'][3]['refused']:,}" in rows[3]


def test_a_second_without_an_accepted_answer_is_a_gap(shown):
    def second(ms):
        return {"accepted": 0 if ms is None else 5, "refused": 0, "lost": 1, "p50_ms": ms, "p99_ms": ms, "max_ms": ms}

    page = shown({**FORMAT, "runs": [{"name": "a", "seconds": [second(ms) for ms in (1, 2, None, 3, 4)]}]})
    paths = page.value("[...document.querySelectorAll('#seconds path.line')].map((one) => one.getAttribute('d'))")
    assert [path.count("M") for path in paths] == [2, 2, 2]


def test_cpu_stands_against_its_floor_and_beside_the_peers(shown, sample):
    page = shown(sample)
    words = plain(page.texts("#cpu svg text"))
    for kind, floor in SAMPLE["floor"].items():
        run = next(run for run in SAMPLE["runs"] if run["scenario"] == "resident" and run["kind"] == kind)
        assert f"floor {floor['total_us']:.3g} µs, {100 * floor['total_us'] / run['cpu_us']:.0f} % of it" in words
        assert run["name"] in words and f"{run['cpu_us']:.3g} µs" in words
        assert f"{run['cpu_us'] - floor['total_us']:.3g}" in words, "what the server adds"
    assert {run["name"] for run in SAMPLE["runs"] if run["server"] != "guichetd"} <= set(words)
    assert words.index("evening rsa3072") < words.index("redis rsa3072") < words.index("resident p256"), "kind by kind"
    assert "CPU time of the server for each accepted request, µs" in words
    assert {"verify the signature", "TLS", "inflate", "digest", "seal", "scan the JSON", "what the server adds"} <= set(
        page.texts("#cpu .legend li"))


def test_bars_are_as_long_as_their_figures(shown, sample):
    page, floor = shown(sample), SAMPLE["floor"]["rsa3072"]
    widths = page.value("[...document.querySelector('#cpu .cost-row').querySelectorAll('rect')]"
                        ".map((bar) => Number(bar.getAttribute('width')) + 1)")
    run = next(run for run in SAMPLE["runs"] if run["kind"] == "rsa3072")
    figures = [floor[part + "_us"] for part in ("verify", "tls", "inflate", "digest", "seal", "scan")]
    figures.append(run["cpu_us"] - sum(figures))
    scale = sum(widths) / sum(figures)
    assert widths == pytest.approx([figure * scale for figure in figures], abs=0.5)


def test_a_server_below_its_floor_is_not_believed(shown):
    page = shown({**FORMAT, "floor": {"p256": {"verify_us": 100, "total_us": 150}}, "runs": [
        {"name": "a", "server": "guichetd", "kind": "p256", "scenario": "resident", "cpu_us": 90, "valid": True}]})
    assert "less than its floor of 150 µs: one of the two is wrong" in plain(page.texts("#cpu svg text"))
    assert "the rest of the floor" in page.texts("#cpu .legend li")


# ---- nothing, and too much ----


def test_what_is_missing_is_said(shown):
    page = shown(FORMAT)
    assert page.texts("h1") == ["No verdict: the results name no target"]
    said = page.texts(".missing")
    for words in ("The results name no target.", "No run has a distribution of latencies.",
                  "No run has figures of its seconds.", "The results hold no run.",
                  "Neither a floor nor the CPU time of any run was measured.",
                  "The results do not say which machine this was, nor when."):
        assert words in said
    assert page.count("svg[role=img]") == 0


ODD = [
    {"machine": None, "targets": None, "floor": None, "runs": None, "idle": [None, {"a": None}]},
    {"targets": {}, "floor": [], "runs": "none", "machine": 7},
    {"targets": [None, 1, {}], "floor": {"p256": {}, "rsa3072": None, "x": {"tls_us": 3}}, "runs": [None, {}, {}]},
    {"runs": [{"latency": [{"percentile": 50, "ms": 1}], "seconds": [{}], "cpu_us": 1, "server": "guichetd"}]},
    {"runs": [{"latency": [{"percentile": 100, "ms": 0}], "seconds": [{"accepted": 0, "p50_ms": 0}], "warmup_s": 0}]},
    {"runs": [{"latency": [{"percentile": -3, "ms": 1}, {"percentile": 101, "ms": 1}, {"percentile": 50, "ms": -1}],
               "seconds": [{"accepted": -5, "lost": -1, "p50_ms": -1}], "warmup_s": 1e9, "offered": -1, "cpu_us": -4}]},
    {"targets": [{"figure": "a_ms", "at_most": 1e-300, "value": 1e300}, {"figure": "b", "at_least": 0, "value": 0}],
     "floor": {"p256": {"verify_us": 1e-9, "total_us": 1e300}},
     "runs": [{"kind": "p256", "server": "guichetd", "cpu_us": 1e308, "rate": 1e300, "accepted": 1e18,
               "latency": [{"percentile": 0, "ms": 1e-308}, {"percentile": 99.999999999999, "ms": 1e308}],
               "seconds": [{"accepted": 1e308, "refused": 1e308, "p50_ms": 1e308, "max_ms": 1e-308}, {"lost": 1}]}]},
    {"runs": [{"latency": [{"percentile": 0, "ms": i}, {"percentile": 99, "ms": i + 9}], "seconds": [{"accepted": i}]}
              for i in range(40)]},
]


@pytest.mark.parametrize("odd", ODD, ids=range(len(ODD)))
def test_odd_results_do_not_break_the_page(shown, odd):
    page = shown({**FORMAT, **odd}, width=390)
    assert page.count("section") == 6
    for index in range(page.count("#seconds-run option")):
        choose(page, index)
    drawn = page.value("document.getElementById('page').innerHTML")
    for word in ("NaN", "Infinity", "undefined", "[object"):
        assert word not in drawn
    assert page.value("document.documentElement.scrollWidth") <= 390


def test_a_long_day_is_drawn(shown):
    second = {"accepted": 5, "refused": 1, "lost": 0, "p50_ms": 1, "p99_ms": 2, "max_ms": 3}
    page = shown({**FORMAT, "runs": [{"name": "a day", "valid": True, "seconds": [second] * 86400}]})
    assert page.count("#seconds path.line") == 3


def test_texts_of_the_results_are_never_markup(shown):
    def everywhere(value):
        if isinstance(value, dict):
            return {name: everywhere(member) for name, member in value.items()}
        if isinstance(value, list):
            return [everywhere(member) for member in value]
        return value if not isinstance(value, str) or value in ("guichetd", "resident") else HOSTILE

    results = {**everywhere(SAMPLE), **FORMAT, HOSTILE: {HOSTILE: HOSTILE}}
    results["floor"][HOSTILE] = {"verify_us": 1}
    page = shown(results)
    for index in range(len(SAMPLE["runs"])):
        choose(page, index)
    page.value("for (const one of document.querySelectorAll('details')) one.open = true")
    page.value("new Promise((resolve) => setTimeout(resolve, 100))")
    assert page.value("document.title") == "Guichet under load, " + HOSTILE
    assert page.count("img, b, iframe, main script") == 0
    assert page.texts("#runs .run-name") == [HOSTILE] * len(SAMPLE["runs"])
    assert HOSTILE in page.texts("#machine dd") and HOSTILE in page.texts("#verdict tr.target")[0]


# ---- the page itself ----


def test_nothing_in_the_page_comes_from_elsewhere(sample):
    text = sample.read_text()
    assert set(re.findall(r"https?://[^\"'\s<]*", text)) == {"http://www.w3.org/2000/svg"}
    assert not re.search(r"\bsrc\s*=|@import|url\((?!#)|<link|<base", text)
    assert "default-src 'none'" in text


CONTRAST = """(() => {
  const parts = (color) => color.match(/[\\d.]+/g).map(Number);
  const light = (color) => parts(color).slice(0, 3).map((c) => c / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const back = (node) => {
    const color = getComputedStyle(node).backgroundColor;
    return node.parentElement === null || parts(color)[3] === undefined ? color : back(node.parentElement);
  };
  const ratio = (node) => {
    const two = [light(getComputedStyle(node).color), light(back(node))].sort((a, b) => b - a);
    return (two[0] + 0.05) / (two[1] + 0.05);
  };
  return [...document.querySelectorAll("h1, p, td, th, li, small, a, summary, .verdict, .badge, .bad, .missing")]
    .filter((node) => ratio(node) < 4.5).map((node) => node.className + ": " + node.textContent.slice(0, 40));
})()"""


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_texts_can_be_read_in_either_light(shown, sample, dark):
    page = shown(sample, dark=dark)
    assert page.value(CONTRAST) == []
    paper = page.value("getComputedStyle(document.body).backgroundColor")
    assert (max(map(int, re.findall(r"\d+", paper))) < 64) == dark


@pytest.mark.parametrize("width", [320, 390, 700, 1000, 2000])
def test_no_width_is_too_narrow(shown, sample, width):
    page = shown(sample, width=width)
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value("[...document.querySelectorAll('.chart svg')].every((one) => "
                      "Math.abs(one.getBoundingClientRect().width - one.getAttribute('width')) < 1.5)")
    assert page.value("[...document.querySelectorAll('.against svg')].every((one) => "
                      "one.getBoundingClientRect().width > 150)")


def test_it_can_be_printed(shown, sample, tmp_path):
    page = shown(sample, dark=True)
    page.pdf(tmp_path / "report.pdf")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", (tmp_path / "report.pdf").read_bytes())) <= 8
    page.call("Emulation.setEmulatedMedia", media="print",
              features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert page.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.value(CONTRAST) == []
    assert page.value("getComputedStyle(document.querySelector('nav')).display") == "none"
