"""Every series that an alert or the dashboard queries exists, and every alert has a section in the runbook."""

import json
import re
from pathlib import Path

import pytest
import yaml

import worker.order_metrics  # noqa: F401  (both processes share one registry)
from app import metrics
from tests.promql import Scrape, evaluate

CLONE = Path(__file__).resolve().parents[2]
MONITORING = CLONE / "deploy" / "monitoring"
ALERTS = (MONITORING / "alerts.yml").read_text()


def series() -> set[str]:
    suffixes = ("", "_total", "_bucket", "_count", "_sum")
    families = [*metrics.REGISTRY.collect(), *metrics.API.collect()]
    return {family.name + suffix for family in families for suffix in suffixes}


@pytest.mark.parametrize("file", ["alerts.yml", "grafana/dashboard.json"])
def test_a_queried_series_exists(file: str) -> None:
    queried = set(re.findall(r"\bengine_\w+", (MONITORING / file).read_text()))
    assert len(queried) >= 9
    assert queried <= series()


def test_each_alert_has_a_runbook_section_and_no_section_is_left_over() -> None:
    names = re.findall(r"- alert: (\w+)", ALERTS)
    sections = re.findall(r"^### (\w+)$", (CLONE / "docs" / "operating.md").read_text(), flags=re.MULTILINE)
    assert names == sections
    assert [f"docs/operating.md#{name.lower()}" for name in names] == re.findall(r"runbook: (\S+)", ALERTS)


def test_promtool_expects_the_annotations_of_the_rules() -> None:
    """Only CI runs promtool: a changed summary must not wait for it."""
    rules = {rule["alert"]: rule for group in yaml.safe_load(ALERTS)["groups"] for rule in group["rules"]}
    tests = yaml.safe_load((MONITORING / "alerts.test.yml").read_text())["tests"]
    expected = [
        (rules[one["alertname"]], alert)
        for test in tests
        for one in test["alert_rule_test"]
        for alert in one["exp_alerts"]
    ]
    assert expected
    for rule, alert in expected:
        venue = alert["exp_labels"].get("venue", "")
        summary = rule["annotations"]["summary"].replace("{{ $labels.venue }}", venue)
        assert alert["exp_annotations"] == rule["annotations"] | {"summary": summary}


def test_the_dashboard_shows_which_server_worker_or_venue_has_failed() -> None:
    panels = json.loads((MONITORING / "grafana" / "dashboard.json").read_text())["panels"]
    queries = " ".join(target["expr"] for panel in panels for target in panel["targets"])
    for name in ("engine_server_up", "engine_workers_alive", "engine_queue_oldest_seconds", "engine_retries_total"):
        assert name in queries
    assert len({panel["id"] for panel in panels}) == len(panels)


def test_the_tests_can_evaluate_every_expression() -> None:
    """`tests/chaos/test_alerts.py` evaluates them during faults, and must not miss one."""
    empty = [Scrape.of(float(at), {"engine-api": ""}) for at in range(2)]
    panels = json.loads((MONITORING / "grafana" / "dashboard.json").read_text())["panels"]
    expressions = [target["expr"] for panel in panels for target in panel["targets"]]
    expressions += re.findall(r"^ +expr: '(.*)'$", ALERTS, flags=re.MULTILINE)
    assert len(expressions) > ALERTS.count("- alert:") == ALERTS.count("expr:")
    for expression in expressions:
        evaluate(expression, empty)
