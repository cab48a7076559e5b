"""The options of the commands, and the orders that are made of them."""

import re
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import main
from app.client import commands


def test_the_command_has_a_version_and_completes_its_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    assert re.fullmatch(r"engine \d+\.\d+\.\d+\n", CliRunner().invoke(main, ["--version"]).output)
    typed = {"_ENGINE_COMPLETE": "complete_bash", "COMP_WORDS": "engine dea", "COMP_CWORD": "1"}
    completed = CliRunner().invoke(main, [], prog_name="engine", env=typed)
    assert completed.output.split() == ["dead-letters", "dead-man"]


def test_an_option_that_is_no_text_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("logging.disable", lambda _: None)
    swap = ["--token-in", "\udcff", "--token-out", "USDC", "--amount", "1.5"]
    result = CliRunner().invoke(main, ["submit", *swap, "--url", "http://127.0.0.1:9"])
    assert (result.exit_code, result.output) == (1, "engine: what was given is not text in UTF-8.\n")


@pytest.mark.parametrize(
    ("order_type", "options", "field", "value"),
    [
        (
            "trailing_stop",
            ["--trail-bps", "500", "--activation-price", "160"],
            "trigger",
            {"trailBps": 500, "activationPrice": "160"},
        ),
        ("dca", ["--slices", "3", "--every-seconds", "60"], "schedule", {"slices": 3, "everySeconds": 60}),
    ],
)
def test_the_options_of_an_order_type_are_one_field_of_the_order(
    monkeypatch: pytest.MonkeyPatch, order_type: str, options: list[str], field: str, value: dict[str, Any]
) -> None:
    placed: list[Any] = []
    monkeypatch.setattr(commands, "submit", lambda _, order, *rest, **more: placed.append(order))
    monkeypatch.setattr(commands, "run", lambda _, command: command(None))
    swap = ["--token-in", "SOL", "--token-out", "USDC", "--amount", "1.5"]
    result = CliRunner().invoke(main, ["submit", *swap, "--type", order_type, *options])
    assert result.exit_code == 0, result.output
    assert placed[0]["orderType"] == order_type
    assert placed[0][field] == value


SWAP = ["--token-in", "SOL", "--token-out", "USDC", "--amount", "1.5"]
TERMS = {"tokenIn": "SOL", "tokenOut": "USDC", "amount": "1.5"}
TAKE_PROFIT = {**TERMS, "orderType": "take_profit", "trigger": {"price": "180"}}


@pytest.mark.parametrize(
    ("options", "body"),
    [
        (
            ["--type", "oco", "--stop-loss-price", "120", "--stop-loss-limit-price", "115"],
            {
                "type": "oco",
                "legs": [
                    TAKE_PROFIT,
                    {**TERMS, "orderType": "stop", "trigger": {"price": "120"}, "limitPrice": "115"},
                ],
            },
        ),
        (
            ["--type", "oco", "--trail-bps", "500"],
            {
                "type": "oco",
                "legs": [TAKE_PROFIT, {**TERMS, "orderType": "trailing_stop", "trigger": {"trailBps": 500}}],
            },
        ),
        (
            ["--type", "bracket", "--limit-price", "0.007", "--slippage-bps", "9", "--stop-loss-price", "120"],
            {
                "type": "bracket",
                "entry": {**TERMS, "orderType": "limit", "limitPrice": "0.007", "slippageBps": 9},
                "takeProfit": {"price": "180"},
                "stopLoss": {"price": "120"},
            },
        ),
    ],
)
def test_the_options_of_a_group_are_the_fields_of_its_orders(
    monkeypatch: pytest.MonkeyPatch, options: list[str], body: dict[str, Any]
) -> None:
    placed: list[Any] = []
    monkeypatch.setattr(commands, "submit_group", lambda _, group, *rest, **more: placed.append(group))
    monkeypatch.setattr(commands, "run", lambda _, command: command(None))
    submit = ["submit", *SWAP, "--take-profit-price", "180"]
    assert CliRunner().invoke(main, [*submit, *options]).exit_code == 0
    assert placed == [body]


@pytest.mark.parametrize(
    "options",
    [
        ["--type", "limit", "--limit-price", "150", "--take-profit-price", "180"],
        ["--type", "oco", "--stop-loss-price", "120", "--watch"],
        ["--type", "oco", "--trigger-price", "120"],
    ],
)
def test_an_option_that_the_order_type_does_not_have_is_refused(options: list[str]) -> None:
    assert CliRunner().invoke(main, ["submit", *SWAP, *options]).exit_code == 2


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        (["--type", "limit"], "--limit-price"),
        (["--type", "stop", "--limit-price", "115"], "--trigger-price"),
        (["--type", "dca", "--slices", "3"], "--every-seconds"),
        (["--type", "oco", "--take-profit-price", "180"], "--stop-loss-price or --trail-bps"),
    ],
)
def test_an_option_that_the_order_type_needs_is_named(options: list[str], missing: str) -> None:
    result = CliRunner().invoke(main, ["submit", *SWAP, *options])
    assert (result.exit_code, f"needs {missing}." in " ".join(result.output.split())) == (2, True)


@pytest.mark.parametrize("options", [[], ["id", "--all"], ["id", "--type", "stop"]])
def test_one_order_is_cancelled_or_all(options: list[str]) -> None:
    assert CliRunner().invoke(main, ["cancel", *options]).exit_code == 2
