"""The reference pages of the site, from the OpenAPI and AsyncAPI documents."""

from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]


def http(openapi: Schema) -> str:
    return "\n".join(_http(openapi)) + "\n"


def streams(asyncapi: Schema) -> str:
    return "\n".join(_streams(asyncapi)) + "\n"


def _http(openapi: Schema) -> Iterator[str]:
    yield "# HTTP"
    yield ""
    yield "Made from the engine's `/openapi.json`. Every error is a [problem document](#problemdocument)."
    by_tag: dict[str, list[tuple[str, str, Schema]]] = {tag["name"]: [] for tag in openapi["tags"]}
    for path, methods in openapi["paths"].items():
        for method, operation in methods.items():
            by_tag[operation["tags"][0]].append((method.upper(), path, operation))
    for tag, operations in by_tag.items():
        if operations:
            yield from ("", f"## {tag.capitalize()}")
        for method, path, operation in operations:
            yield from _operation(method, path, operation)
    yield from ("", "## Shapes")
    for name, schema in sorted(openapi["components"]["schemas"].items()):
        yield from ("", f"### {name}", "", _text(schema.get("description")), "")
        yield from _fields(schema)


def _operation(method: str, path: str, operation: Schema) -> Iterator[str]:
    yield from ("", f"### {operation['summary']}", "", f"`{method} {path}`", "", _paragraphs(operation), "")
    if parameters := operation.get("parameters"):
        yield from ("| parameter | in | type | |", "|---|---|---|---|")
        for one in parameters:
            name = f"`{one['name']}`" + (" *" if one.get("required") else "")
            yield f"| {name} | {one['in']} | {_type(one['schema'])} | {_text(one.get('description'))} |"
        yield ""
    if body := operation.get("requestBody"):
        yield from (f"Body: {_type(_json(body))}", "")
    yield from ("| status | answer | |", "|---|---|---|")
    for status, answer in operation["responses"].items():
        yield f"| {status} | {_type(_json(answer))} | {_text(answer.get('description'))} |"


def _streams(asyncapi: Schema) -> Iterator[str]:
    yield from ("# Streams", "", "Made from the engine's `/asyncapi.json`.", "", _text(asyncapi["info"]["description"]))
    for channel in asyncapi["channels"].values():
        yield from ("", f"## `{channel['address']}`", "", _text(channel["description"]), "")
        for message in channel["messages"]:
            yield f"- [{message}](#{message.lower()})"
    yield from ("", "## Frames")
    for name, message in asyncapi["components"]["messages"].items():
        yield from ("", f"### {name}", "", f"{_text(message['summary'])}.", "")
        yield from _fields(message["payload"])


def _fields(schema: Schema) -> Iterator[str]:
    shapes = schema.get("oneOf", [])
    if any("properties" in shape for shape in shapes):
        for shape in shapes:
            status = shape["properties"].get("status", {}).get("const")
            yield from (f"**{status or ' or '.join(shape['properties'])}**", "")
            yield from _fields(shape)
    elif properties := schema.get("properties"):
        yield from ("| field | type | |", "|---|---|---|")
        for name, field in properties.items():
            star = " *" if name in schema.get("required", ()) else ""
            yield f"| `{name}`{star} | {_type(field)} | {_text(field.get('description'))} |"
        yield ""
    else:
        yield from (_type(schema), "")


def _type(schema: Schema) -> str:
    """One line, with links to the shapes."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "const" in schema:
        return f"`{schema['const']}`"
    if "enum" in schema:
        return ", ".join(f"`{value}`" for value in schema["enum"])
    for together in ("oneOf", "anyOf", "allOf"):
        if together in schema:
            return " or ".join(dict.fromkeys(_type(one) for one in schema[together]))
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _json(content: Schema) -> Schema:
    """The schema of a body or of an answer."""
    kinds = content.get("content", {}).values()
    return next((kind["schema"] for kind in kinds if "schema" in kind), {"type": "empty"})


def _paragraphs(operation: Schema) -> str:
    return str(operation.get("description", "")).strip()


def _text(text: str | None) -> str:
    """In one cell of a table."""
    return " ".join((text or "").split()).replace("|", "\\|")
