"""What `engine up` prints, its own lines and those of its processes.

Perhaps nobody reads it: a terminal was stopped by Ctrl-S, or a pager has not got so far. So one thread writes, and
nobody waits for it. What does not fit into its queue is left out, and counted.
"""

import contextlib
import os
import queue
import threading

MAX_UNREAD = 10_000  # texts
STDOUT = 1  # not `sys.stdout`: the end of the program would wait for what is being written there


READY_MESSAGE = """
  The engine is ready:  {url}  (open it in a browser)
  API in Swagger:       {url}/docs
  First order:
    curl -s {url}/api/orders/execute -H 'content-type: application/json' \\
      -d '{{"tokenIn":"SOL","tokenOut":"USDC","amount":1.5}}'
  Logs and state:       {home}
  Data:                 {data}
  Ctrl-C stops everything; the data stays.
"""


class Output:
    def __init__(self, file: int = STDOUT) -> None:
        self._file = file
        self._texts = queue.Queue[str](MAX_UNREAD)
        self._left_out = 0
        self._lock = threading.Lock()
        self._writer: threading.Thread | None = None

    def write(self, text: str) -> None:
        """Returns at once."""
        with self._lock:
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_all, daemon=True)
                self._writer.start()
        try:
            self._texts.put_nowait(text)
        except queue.Full:
            self._left_out += 1

    def flush(self, within: float = 1.0) -> None:
        """Waits until all is written; no longer, if nobody reads."""
        with self._texts.all_tasks_done:
            self._texts.all_tasks_done.wait_for(lambda: not self._texts.unfinished_tasks, within)

    def _write_all(self) -> None:
        while True:
            text = self._texts.get()
            if self._left_out and self._texts.empty():
                text += f"\n{'engine':7} | {self._left_out} lines were left out here: nobody read them"
                self._left_out = 0
            data = f"{text}\n".encode(errors="replace")
            with contextlib.suppress(OSError):  # a closed terminal, a full disk: the engine keeps running
                while data:
                    data = data[os.write(self._file, data) :]
            self._texts.task_done()


output = Output()


def print_line(text: str, name: str = "engine") -> None:
    print_text(f"{name:7} | {text}")


def print_text(text: str) -> None:
    output.write(text)
