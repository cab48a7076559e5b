"""Buys at a limit, sells at a profit or at a loss, and logs a webhook for each step."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from time import sleep

from order_execution_client import Bracket, Client, Exit, Limit, verify_webhook


class Receiver(BaseHTTPRequestHandler):
    secret = ""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        event = verify_webhook(self.secret, dict(self.headers), body)  # raises InvalidSignature
        self.send_response(204)
        self.end_headers()
        print("webhook", event)


with Client(os.environ.get("ENGINE_URL", "http://localhost:3000"), os.environ.get("ENGINE_API_KEY")) as client:
    receiver = ThreadingHTTPServer(("localhost", 8000), Receiver)
    Thread(target=receiver.serve_forever, daemon=True).start()
    hook = client.create_webhook("http://localhost:8000/")
    Receiver.secret = hook.secret

    entry = Limit("USDC", "SOL", "142", limit_price="0.00704")
    group = client.place_group(Bracket(entry=entry, take_profit=Exit("180"), stop_loss=Exit("120")))
    orders = [order.order_id for order in group.orders]
    for event in client.watch(*orders):
        print("event", orders.index(event.order_id), event.status)
    sleep(2)  # for the last webhook
    client.delete_webhook(hook.id)
