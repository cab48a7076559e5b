"""Buys at a limit, sells at a profit or at a loss, and logs a webhook for each step."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from threading import Thread

from order_execution_client import Bracket, Client, Exit, InvalidSignature, Limit, verify_webhook

URL = "http://localhost:8000/"
arrived = Queue[tuple[str, int]]()


class Receiver(BaseHTTPRequestHandler):
    secret = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        try:
            event = verify_webhook(self.secret, dict(self.headers), body)
        except InvalidSignature:
            return self.send_error(400)  # the engine sends it again
        self.send_response(204)
        self.end_headers()
        print("webhook", event)
        arrived.put((event["data"].get("orderId"), event["data"].get("seq")))


with Client(os.environ.get("ENGINE_URL", "http://localhost:3000"), os.environ.get("ENGINE_API_KEY")) as client:
    receiver = ThreadingHTTPServer(("localhost", 8000), Receiver)
    Thread(target=receiver.serve_forever, daemon=True).start()
    for left in client.webhooks():
        if left.url == URL:  # by an earlier run that was killed: its secret is lost
            client.delete_webhook(left.id)
    hook = client.create_webhook(URL)
    Receiver.secret = hook.secret
    try:
        entry = Limit("USDC", "SOL", "142", limit_price="0.00704")
        group = client.place_group(Bracket(entry=entry, take_profit=Exit("180"), stop_loss=Exit("120")))
        orders = [order.order_id for order in group.orders]
        missing = set()
        for event in client.watch(*orders):
            print("event", orders.index(event.order_id), event.status)
            missing.add((event.order_id, event.seq))
        while missing:  # a webhook may arrive after the event on the stream
            missing.discard(arrived.get(timeout=60))
    finally:
        client.delete_webhook(hook.id)
