"""`engine webhooks`."""

from typing import Annotated

import typer

from app.cli.options import Json, Url

app = typer.Typer(no_args_is_help=True, help="Have the events of your orders sent to a server of yours.")

WebhookId = Annotated[str, typer.Argument(help="The id of a webhook, as `engine webhooks list` shows it.")]


@app.command("create")
def create_webhook(
    address: Annotated[str, typer.Argument(help="Where the events are sent, with https.")],
    status: Annotated[list[str] | None, typer.Option(help="Only events with this status; may be repeated.")] = None,
    description: Annotated[str | None, typer.Option(help="Shown in the list.")] = None,
    url: Url = None,
    as_json: Json = False,
) -> None:
    """Create a webhook and print its secret. It cannot be shown again."""
    from app.client import changes, commands

    wanted = {"url": address, "statuses": status or None, "description": description}
    fields = {name: value for name, value in wanted.items() if value is not None}
    commands.run(url, lambda engine: changes.create_webhook(engine, fields, as_json=as_json))


@app.command("list")
def list_webhooks(url: Url = None, as_json: Json = False) -> None:
    """List your webhooks, and how their deliveries go."""
    from app.client import commands, lists, tables

    commands.run(url, lambda engine: lists.list_rows(engine, tables.WEBHOOKS, {}, lists.ALL, as_json=as_json))


@app.command("delete")
def delete_webhook(webhook: WebhookId, url: Url = None, as_json: Json = False) -> None:
    """Delete a webhook, and what waits for it."""
    from app.client import changes, commands

    commands.run(url, lambda engine: changes.webhook(engine, "DELETE", webhook, as_json=as_json))


@app.command("test")
def send_test(webhook: WebhookId, url: Url = None, as_json: Json = False) -> None:
    """Send a test. The list has the result within a second or two."""
    from app.client import changes, commands

    commands.run(url, lambda engine: changes.webhook(engine, "POST", webhook, "test", as_json=as_json))


@app.command("rotate")
def rotate_webhook(webhook: WebhookId, url: Url = None, as_json: Json = False) -> None:
    """Replace the secret and print the new one. The old one signs too for a day."""
    from app.client import changes, commands

    commands.run(url, lambda engine: changes.webhook(engine, "POST", webhook, "rotate", as_json=as_json))


@app.command("replay")
def replay_webhook(webhook: WebhookId, url: Url = None, as_json: Json = False) -> None:
    """Send again what was given up, and switch the webhook on."""
    from app.client import changes, commands

    commands.run(url, lambda engine: changes.webhook(engine, "POST", webhook, "replay", as_json=as_json))
