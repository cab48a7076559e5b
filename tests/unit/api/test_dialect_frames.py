"""What the sockets of legacy clients add to an event. The event itself keeps its bytes."""

from typing import Any

import orjson

from app.api.dialects.frames import ExecuteFrames, Frames, history_then_updates, status_frames, venue_frames
from app.orders.events.publisher import EventMessage

TINY = "0.00000000123456789012"  # a float would be written as 1.23456789012e-09
AT = "2026-11-21T07:50:35.375553Z"
QUOTES = [{"venue": "raydium", "won": False, "reason": "less"}, {"venue": "meteora", "won": True, "reason": "best"}]


def message(seq: int, status: str, **event: Any) -> EventMessage:
    for name in {"price", "executedPrice"} & event.keys():
        event[name] = orjson.Fragment(event[name])
    body = orjson.dumps({"orderId": "one", "seq": seq, "status": status, "at": AT, **event})
    return EventMessage("one", "me", seq, False, body)


BUILDING = message(3, "building", dex="meteora", price=TINY, quotes=QUOTES, route={"dex": "meteora"})
CONFIRMED = message(5, "confirmed", dex="meteora", executedPrice=TINY, amountOut="7", txHash="5K")
FAILED = message(6, "failed", error="No venue can serve this swap.", code="venue_unavailable")


def frame(frames: Frames, sent: EventMessage) -> dict[str, Any]:
    """What is added to the event."""
    (text,) = frames([sent])
    assert text.startswith(sent.body[:-1].decode() + ",")
    event = orjson.loads(sent.body)
    return {name: value for name, value in orjson.loads(text).items() if name not in event}


def test_the_first_events_are_a_replay_and_the_later_ones_are_not() -> None:
    for make in (ExecuteFrames, status_frames):
        frames = make()
        assert frame(frames, message(1, "pending"))["replay"] is True
        assert frame(frames, message(2, "routing"))["replay"] is False
        frames = make()
        assert frames([]) == []
        assert frame(frames, message(1, "pending"))["replay"] is False


def test_an_execute_frame_has_the_time_and_the_execution() -> None:
    assert frame(ExecuteFrames(), BUILDING) == {"ts": AT, "replay": True}
    confirmed = frame(ExecuteFrames(), CONFIRMED)
    assert confirmed["execution"] == {"dex": "meteora", "executedPrice": float(TINY), "amountOut": "7", "txHash": "5K"}
    assert f'"execution":{{"dex":"meteora","executedPrice":{TINY},' in ExecuteFrames()([CONFIRMED])[0]


def test_a_status_frame_has_a_type_a_message_and_a_detail_besides() -> None:
    building = frame(status_frames(), BUILDING)
    assert (building["type"], building["timestamp"]) == ("status", AT)
    assert building["detail"] == {
        "message": building["message"],
        "chosenDex": "meteora",
        "bestPrice": float(TINY),
        "reason": "best",
    }
    assert f'"bestPrice":{TINY},' in status_frames()([BUILDING])[0]
    assert frame(status_frames(), CONFIRMED)["detail"]["txHash"] == "5K"
    failed = frame(status_frames(), FAILED)
    assert failed["message"] == failed["detail"]["reason"] == "No venue can serve this swap."


def test_venue_frames_have_capitalised_venue_names_and_exact_numbers() -> None:
    first, second = venue_frames([BUILDING, CONFIRMED])
    assert f'"price":{TINY},' in first
    assert orjson.loads(first)["venue"] == "Meteora"
    assert orjson.loads(second) == {
        "orderId": "one",
        "seq": 5,
        "status": "confirmed",
        "at": AT,
        "venue": "Meteora",
        "price": float(TINY),
        "executedPrice": float(TINY),
        "amountOut": 7,
        "txHash": "5K",
    }


def test_history_and_updates_have_the_time_and_the_details() -> None:
    frames = history_then_updates()
    assert frames([]) == ['{"type":"history","data":[]}']
    one, two = frames([message(2, "routing"), BUILDING])
    assert orjson.loads(one) == {
        "type": "update",
        "data": {
            **orjson.loads(message(2, "routing").body),
            "timestamp": AT,
            "detail": {"message": "Comparing the quotes of all venues"},
        },
    }
    assert orjson.loads(two)["data"]["detail"]["chosenDex"] == "meteora"
    assert f'"bestPrice":{TINY},' in two


def test_the_events_so_far_may_come_in_pages() -> None:
    for make in (ExecuteFrames, status_frames):
        frames = make()
        sent = [frames([message(seq, "routing")], more=seq == 1)[0] for seq in (1, 2, 3)]
        assert [orjson.loads(one)["replay"] for one in sent] == [True, True, False]
    history = history_then_updates()
    assert history([message(1, "pending")], more=True) == []
    [one] = history([message(2, "routing")])
    assert [event["seq"] for event in orjson.loads(one)["data"]] == [1, 2]


def test_each_socket_gets_its_own_history() -> None:
    first, second = history_then_updates(), history_then_updates()
    first([])
    assert second([message(1, "pending")])[0].startswith('{"type":"history"')


def test_legacy_clients_are_told_statuses_that_they_know() -> None:
    for status, known in (("open", "pending"), ("expired", "failed"), ("completed", "confirmed")):
        event = message(1, status)
        assert orjson.loads(status_frames()([event])[0])["status"] == known
        assert orjson.loads(venue_frames([event])[0])["status"] == known
        assert orjson.loads(history_then_updates()([event])[0])["data"][0]["status"] == known
        assert orjson.loads(ExecuteFrames()([event])[0])["status"] == status
