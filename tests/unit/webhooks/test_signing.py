"""Messages are signed as the Standard Webhooks specification says, and as docs/webhooks.md checks it."""

import base64
import re
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID

from standardwebhooks import Webhook

from app.webhooks import signing
from app.webhooks.backoff import TRIED_FOR_DAYS, wait

PAGE = Path(__file__).resolve().parents[3] / "docs" / "webhooks.md"
WEBHOOK = UUID(int=1)

IsGenuine = Callable[[str, Mapping[str, str], bytes], bool]


def is_genuine() -> IsGenuine:
    """The function that the page shows."""
    found: dict[str, IsGenuine] = {}
    [code] = re.findall(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    exec(code, found)
    return found["is_genuine"]


def test_the_signature_is_that_of_the_specification() -> None:
    """The example of its reference libraries."""
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    body = b'{"test": 2432232314}'
    signed = signing.signature(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, body)
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_page_checks_a_message_with_either_secret_and_refuses_any_other() -> None:
    check, body = is_genuine(), b'{"type":"webhook.test"}'
    new, old, other = (bytes([n]) * 32 for n in range(3))
    sent = signing.headers([new, old], "msg_1", int(time.time()), body)
    assert check(signing.as_text(new), sent, body)
    assert check(signing.as_text(old), sent, body)
    assert Webhook(signing.as_text(new)).verify(body, sent) == {"type": "webhook.test"}
    assert not check(signing.as_text(other), sent, body)
    assert not check(signing.as_text(new), sent, body + b" ")
    assert not check(signing.as_text(new), sent | {"webhook-id": "msg_2"}, body)
    late = signing.headers([new], "msg_1", int(time.time()) - 600, body)
    assert not check(signing.as_text(new), late, body)


def test_a_secret_belongs_to_the_engine_the_webhook_and_the_salt() -> None:
    salt = signing.new_salt()
    key = signing.Secrets("a").key(WEBHOOK, salt)
    assert key == signing.Secrets("a").key(WEBHOOK, salt)
    others = [
        signing.Secrets("b").key(WEBHOOK, salt),
        signing.Secrets("a").key(UUID(int=2), salt),
        signing.Secrets("a").key(WEBHOOK, signing.new_salt()),
    ]
    assert len({key, *others}) == 4
    assert re.fullmatch(r"whsec_[A-Za-z0-9+/]{43}=", signing.as_text(key))


def test_a_delivery_is_tried_about_fifteen_times_in_three_days_and_soon_at_first() -> None:
    at, attempts = 0.0, 0
    while at < TRIED_FOR_DAYS * 86_400:
        at += wait(attempts)
        attempts += 1
    assert 13 <= attempts <= 17
    assert 4 <= wait(0) <= 6
    assert wait(10**6) <= 12 * 3600 * 1.2
