"""Checks that a webhook was sent by the engine (https://www.standardwebhooks.com)."""

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping
from typing import Any

from order_execution_client.answers import parse
from order_execution_client.errors import EngineError, InvalidSignature

TOLERANCE = 300  # seconds between the clocks, and for the delivery


def verify_webhook(secret: str, headers: Mapping[str, str], body: bytes | str) -> Any:
    """The parsed body, which must be given as it was received. `secret` begins with `whsec_`."""
    given = {name.lower(): value for name, value in headers.items()}
    try:
        sent = int(given["webhook-timestamp"])
        signed = f"{given['webhook-id']}.{given['webhook-timestamp']}.".encode()
        signatures = given["webhook-signature"].split(" ")  # two while a secret is replaced
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except (KeyError, ValueError):
        raise InvalidSignature("A header of the webhook is missing or not valid, or the secret is not.") from None
    if abs(time.time() - sent) > TOLERANCE:
        raise InvalidSignature("The webhook is too old, or a clock is wrong.")
    content = signed + (body.encode() if isinstance(body, str) else body)
    expected = "v1," + base64.b64encode(hmac.digest(key, content, hashlib.sha256)).decode()
    # As bytes: compare_digest takes only ASCII text, and a stranger chose these.
    if not any(hmac.compare_digest(expected.encode(), signature.encode()) for signature in signatures):
        raise InvalidSignature("The signature is not that of this secret.")
    try:
        return parse(body)
    except EngineError:
        raise InvalidSignature("The webhook is not JSON.") from None
