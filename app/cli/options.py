"""Options that many commands have."""

from typing import Annotated

import typer

Url = Annotated[
    str | None,
    typer.Option(envvar="ENGINE_URL", help="Address of the engine; default: PUBLIC_URL, or the engine that runs here."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
OrderId = Annotated[str, typer.Argument(help="The id of an order.")]
