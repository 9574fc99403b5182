"""What a diagram says is true, also for every example host; and each form of it can be read as what it is."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from asymgen import diagram_text
from asymgen.diagram import Diagram
from asymgen.diagram_mermaid import to_mermaid
from asymgen.diagram_svg import LETTER, WIDTH, to_svg
from asymgen.diagram_text import columns, to_text
from asymgen.diagram_words import rules_in_short
from asymgen.model import Family, Link, RuleAction
from tests.case_files import CASES, DIRECTORY
from tests.command_line import asymgen
from tests.diagrams import case_diagram, colours_of, contrast, diagram_of, shapes_of, texts_of
from tests.hosts import make_host, make_link, make_rule
from tests.in_process import run

NAMES = [case.name for case in CASES]
TWO_SUBNETS = str(DIRECTORY / "two-subnets" / "snapshot.json")

MERMAID = re.compile(
    r"""  %%[^\n]* | flowchart\ TB | \ *direction\ LR | \ *end
    | \ *subgraph\ [a-z]+\ \["LABEL"\]
    | \ *\w+\["LABEL"\] | \ *\w+\(\["LABEL"\]\)
    | \ *\w+\ (-->|-\.->|~~~)(\|"LABEL"\|)?\ \w+ """.replace("LABEL", r"([\w .:/,()-]|\#\d+;|<br/>)*"),
    re.VERBOSE | re.ASCII,
)
"""Every line that we write: no text gets out of its label."""


def hostile_host(*names: str, hostname: str = "web1") -> Diagram:
    links: dict[str, str | list[str] | Link] = {
        name: make_link(name, [f"10.{at}.0.10/24", f"2001:db8:{at}::10/64"], mac=f"02:00:00:00:01:{at:02x}")
        for at, name in enumerate(names)
    }
    routes = [f"default via 10.{at}.0.1 dev {name} metric {at}" for at, name in enumerate(names)]
    routes += [f"default via 2001:db8:{at}::1 dev {name} metric {1024 + at}" for at, name in enumerate(names)]
    return diagram_of(make_host(links, routes, hostname=hostname))


# --- what it says --------------------------------------------------------------------------------


def test_answers_of_the_second_uplink_go_wrong_today_and_right_with_the_plan() -> None:
    first, second = case_diagram("two-subnets").lanes
    assert [(flow.way, flow.right, flow.by) for flow in first.today.flows] == [
        ("eth0 via 192.0.2.1", True, "rule 32766, main: default")
    ]
    assert [(flow.way, flow.right) for flow in second.today.flows] == [("eth0 via 192.0.2.1", False)]
    assert [(flow.way, flow.right, flow.by) for flow in second.planned.flows] == [
        ("eth1 via 198.51.100.1", True, "rule 32013, table 2: default")
    ]
    assert second.today.wrong == ("wrong to 192.0.2.1: eth0 directly",)
    assert second.planned.wrong == ()
    assert second.routes == ("198.51.100.0/24 dev eth1", "default via 198.51.100.1 dev eth1")


def test_a_tunnel_that_takes_half_the_internet_is_an_arrow_for_each_half() -> None:
    lane = case_diagram("openvpn-client").lanes[1]
    assert [(flow.way, flow.right, flow.only) for flow in lane.today.flows] == [
        ("tun0 via 10.8.0.1", False, "to 45.45.45.45"),
        ("tun0 via 10.8.0.1", False, "to 185.185.185.185"),
    ]


def test_of_several_legs_only_the_own_one_is_right() -> None:
    lane = case_diagram("multipath-default").lanes[1]
    assert {(flow.way, flow.right) for flow in lane.today.flows} == {
        ("eth0 via 192.0.2.1", False),
        ("eth1 via 198.51.100.1", True),
    }


def test_with_one_uplink_there_is_nothing_planned() -> None:
    diagram = case_diagram("one-uplink")
    assert [lane.table for lane in diagram.lanes] == [None, None]
    assert all(flow.right for lane in diagram.lanes for flow in lane.today.flows)
    for text in (to_svg(diagram), to_text(diagram, width=80)):
        assert "Nothing to do" in text
        assert "with the plan" not in text
    assert "planned" not in to_mermaid(diagram)


def test_without_any_uplink_it_says_so() -> None:
    diagram = diagram_of(make_host({"eth0": "192.0.2.10/24"}))
    assert diagram.lanes == ()
    assert "no uplink found" in to_text(diagram, width=80)
    assert "no uplink found" in texts_of(to_svg(diagram))


def test_others_are_named_with_their_networks_and_without_their_parts() -> None:
    others = case_diagram("docker-host").others
    assert len(others) == 2
    assert others[0].startswith("docker0: ")
    assert others[0].endswith("; 172.17.0.0/16")


def test_long_lists_are_cut_and_say_so() -> None:
    addresses = [f"192.0.2.{last}/24" for last in range(10, 30)]
    host = make_host({"eth0": addresses, "eth1": "198.51.100.10/24"},
                     ["default via 192.0.2.1 dev eth0", "default via 198.51.100.1 dev eth1 metric 9"])  # fmt: skip
    assert diagram_of(host).lanes[0].addresses == (*addresses[:4], "… 16 more")


def test_rules_in_short_keep_every_selector() -> None:
    rules = [
        make_rule(Family.IPV4, 9, source="192.0.2.0/24", mark=1, oif="from", table=7, inverted=True),
        make_rule(Family.IPV4, 5, source="192.0.2.1/32", action=RuleAction.GOTO, target=32001, iif="lo"),
        make_rule(Family.IPV4, 6, destination="10.0.0.0/8", action=RuleAction.UNREACHABLE),
        make_rule(Family.IPV4, 7, table=254, suppress_prefixlength=7, suppress_group=9700),
    ]
    assert list(rules_in_short(rules)) == [
        "5  → goto 32001",
        "6  to 10.0.0.0/8 → unreachable",
        "7  → main, longer than /7, not group 9700",
        "9  not fwmark 0x1 oif from → table 7",
    ]


@pytest.mark.parametrize("name", NAMES)
def test_the_plan_mends_what_the_case_expects(name: str) -> None:
    """Every answer to far away that is planned leaves as ``expect.json`` says by hand."""
    case = next(case for case in CASES if case.name == name)
    wanted = {
        (ask["source"], f"{ask['dev']} " + (f"via {ask['via']}" if ask["via"] else "directly"))
        for ask in case.expect.get("asks", [])
        if ask["source"] is not None and ask["reason"].startswith("far away")
    }
    diagram = case_diagram(name)
    drawn = {
        (address.partition("/")[0], flow.way)
        for lane in diagram.lanes
        for flow in (lane.planned.flows or lane.today.flows)
        for address in lane.addresses
    }
    known = {source for source, _ in drawn}
    assert {ask for ask in wanted if ask[0] in known} <= drawn


# --- SVG -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_svg_holds_together(name: str) -> None:
    """Well-formed, complete in itself, an arrow for each flow, and every word inside the page."""
    diagram = case_diagram(name)
    svg = to_svg(diagram)
    flows = sum(len(lane.today.flows) + len(lane.planned.flows) for lane in diagram.lanes)
    into_rules = sum(bool(lane.planned.flows) for lane in diagram.lanes)
    assert len(list(shapes_of(svg, "path", "arrow"))) == flows + into_rules
    wrong = sum(not flow.right for lane in diagram.lanes for flow in lane.today.flows)
    assert len([path for path in shapes_of(svg, "path", "wrong") if "arrow" in path.get("class", "")]) >= wrong
    for text in shapes_of(svg, "text"):
        if "heading" not in text.get("class", ""):
            assert float(text.get("x", "")) + LETTER * len(text.text or "") <= WIDTH, text.text
    assert re.findall(r"""(?:href|src|url)\W+(?!http://www\.w3\.org/2000/svg)[^#)"']*[:/]""", svg) == []


@pytest.mark.parametrize("name", ["two-subnets", "dual-stack-static", "three-providers", "wg-quick"])
def test_no_two_boxes_overlap(name: str) -> None:
    boxes = [
        tuple(float(box.get(key, "")) for key in ("x", "y", "width", "height"))
        for box in shapes_of(to_svg(case_diagram(name)), "rect")
        if box.get("class") != "page"
    ]
    assert len(boxes) >= 5
    for at, (left, top, width, height) in enumerate(boxes):
        for other_left, other_top, other_width, other_height in boxes[at + 1 :]:
            apart_across = left + width <= other_left or other_left + other_width <= left
            apart_down = top + height <= other_top or other_top + other_height <= top
            assert apart_across or apart_down


def test_svg_is_readable_in_light_and_dark() -> None:
    """WCAG AA: text has a contrast of 4.5 to what it stands on, an arrow one of 3."""
    light, dark = colours_of(to_svg(case_diagram("wg-quick")))
    assert light != dark
    for colours in (light, dark):
        backgrounds = [colours[f"{name} fill"] for name in (".page", ".box", ".way", ".elsewhere")]
        assert min(contrast(colours["text fill"], background) for background in backgrounds) >= 4.5
        for words in ("text.note fill", "text.right fill", "text.wrong fill"):
            assert contrast(colours[words], colours[".page fill"]) >= 4.5
        for arrow in (".arrow.right stroke", ".arrow.wrong stroke"):
            assert contrast(colours[arrow], colours[".page fill"]) >= 3


@pytest.mark.skipif(shutil.which("rsvg-convert") is None, reason="rsvg-convert is not installed")
def test_a_renderer_draws_it(tmp_path: Path) -> None:
    svg = tmp_path / "eight.svg"
    names = [f"eth{number}" for number in range(7)] + ["<b>&\"'\x1b[31m"]
    svg.write_text(to_svg(hostile_host(*names, hostname="</svg>\u202e")), encoding="utf-8")
    drawn = subprocess.run(["rsvg-convert", "--format=png", str(svg)], capture_output=True, check=False)
    assert (drawn.returncode, drawn.stderr) == (0, b"")
    assert drawn.stdout.startswith(b"\x89PNG")
    assert int.from_bytes(drawn.stdout[16:20], "big") == WIDTH


# --- hostile names -------------------------------------------------------------------------------

HOSTILE = st.text(
    st.characters(min_codepoint=1, max_codepoint=0x10FFFF, exclude_characters="/ \t\n\v\f\r\x85\xa0"),
    min_size=1, max_size=15,
).filter(lambda name: len(name.split()) == 1)  # fmt: skip


@given(HOSTILE, HOSTILE)
@example('"]; click x "javascript:alert(1)"'.replace(" ", ""), "</text><script>")
@example("#quot;", "]]>&amp;")
@example("\udcff\udcfe", "\x1b[31m\u202e")
@example("`**bold**`", "网络接口")
def test_hostile_names_stay_text(name: str, hostname: str) -> None:
    diagram = hostile_host("eth0", name, hostname=hostname)
    svg = to_svg(diagram)
    assert {element.tag for element in shapes_of(svg, "text")}
    assert not list(shapes_of(svg, "script"))
    for line in to_mermaid(diagram).splitlines():
        assert MERMAID.fullmatch(line), line
    text = to_text(diagram, width=80)
    assert text.replace("\n", "").isprintable()
    assert max(map(columns, text.splitlines())) <= 80


def test_a_name_of_markup_is_shown_as_it_is() -> None:
    diagram = hostile_host("eth0", "<b>&\"'")
    assert any("<b>&\"'" in text for text in texts_of(to_svg(diagram)))
    assert "#60;b#62;#38;#34;#39;, IPv4" in to_mermaid(diagram)


# --- Mermaid and text ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_mermaid_says_the_same(name: str) -> None:
    diagram = case_diagram(name)
    text = to_mermaid(diagram)
    for line in text.splitlines():
        assert MERMAID.fullmatch(line), line
    wrong = sum(not flow.right for lane in diagram.lanes for flow in (*lane.today.flows, *lane.planned.flows))
    assert text.count(" -.->") == wrong
    nodes = set(re.findall(r'^ *(\w+)\(?\["', text, re.MULTILINE))
    assert set(re.findall(r"^ *(\w+) -", text, re.MULTILINE)) <= nodes
    assert set(re.findall(r"-> ?(?:\|.*\| )?(\w+)$", text, re.MULTILINE)) <= nodes


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("name", NAMES)
def test_text_keeps_to_its_width_and_its_frames_close(name: str, width: int) -> None:
    diagram = case_diagram(name)
    lines = to_text(diagram, width=width).splitlines()
    assert max(map(columns, lines)) <= width
    assert sum(line.startswith("┌") for line in lines) == sum(line.startswith("└") for line in lines)
    whole = [line for line in lines if line.endswith(("┤", "│")) and columns(line) > width // 2 + 4]
    assert {columns(line) for line in whole} <= {width}
    flows = sum(len(lane.today.flows) + len(lane.planned.flows) for lane in diagram.lanes)
    assert sum("──▶" in line for line in lines) == flows


def test_less_than_the_narrowest_is_the_narrowest() -> None:
    diagram = case_diagram("two-subnets")
    assert to_text(diagram, width=1) == to_text(diagram, width=diagram_text.NARROWEST)


# --- the command ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("suffix", "start"), [("svg", "<?xml"), ("txt", "two-subnets ("), ("mmd", "%% Made")])
def test_the_name_of_the_file_says_what_is_drawn(suffix: str, start: str, tmp_path: Path) -> None:
    path = tmp_path / f"web1.{suffix}"
    found = run("diagram", "--snapshot", TWO_SUBNETS, "-o", str(path))
    assert (found.code, found.stdout, found.stderr) == (0, "", "")
    assert path.read_text(encoding="utf-8").startswith(start)


@pytest.mark.parametrize(("form", "start"), [("svg", "<?xml"), ("text", "two-subnets ("), ("mermaid", "%% Made")])
def test_the_format_goes_to_standard_output(form: str, start: str) -> None:
    found = run("diagram", "--snapshot", TWO_SUBNETS, "--format", form)
    assert found.code == 0
    assert found.stdout.startswith(start)


@pytest.mark.parametrize("name", ["web1.png", "web1"])
def test_another_end_of_the_name_is_refused_and_nothing_written(name: str, tmp_path: Path) -> None:
    found = run("diagram", "--snapshot", TWO_SUBNETS, "-o", str(tmp_path / name))
    assert found.code == 2
    assert name in found.stderr
    assert ".svg" in found.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_format_that_is_said_wins_over_the_name(tmp_path: Path) -> None:
    path = tmp_path / "web1"
    assert run("diagram", "--snapshot", TWO_SUBNETS, "-o", str(path), "--format", "svg").code == 0
    assert path.read_text(encoding="utf-8").startswith("<?xml")


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    found = run("diagram", "--snapshot", TWO_SUBNETS, "-o", str(tmp_path / "no" / "web1.svg"))
    assert found.code == 5
    assert "web1.svg" in found.stderr


def test_a_terminal_without_such_characters_gets_ascii() -> None:
    environment = {"PYTHONIOENCODING": "latin-1", "COLUMNS": "70"}
    found = asymgen("diagram", "--snapshot", TWO_SUBNETS, environment=environment)
    assert found.returncode == 0, found.stderr
    assert found.stdout.isascii()
    assert "+-- wrong --> eth0 via 192.0.2.1" in found.stdout
    assert max(map(len, found.stdout.splitlines())) == 70


def test_choices_count() -> None:
    found = run("diagram", "--snapshot", TWO_SUBNETS, "--exclude", "eth1")
    assert found.code == 0
    assert "Nothing to do" in found.stdout


def test_it_needs_no_terminal() -> None:
    argv = [sys.executable, "-m", "asymgen", "diagram", "--snapshot", TWO_SUBNETS]
    found = subprocess.run(argv, capture_output=True, check=False, env={"PATH": "/usr/bin", "LC_ALL": "C.UTF-8"},
                           cwd=Path(__file__).parents[2])  # fmt: skip
    assert found.returncode == 0, found.stderr
    assert "├── wrong ──▶ eth0 via 192.0.2.1" in found.stdout.decode()
