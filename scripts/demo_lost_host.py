"""A host that is lost while its emitter still has something to send.

    demo_lost_host.py URL KEY_FILE CLOCK_OFFSET TENANT AGENT
"""
import json
import pathlib
import socket
import sys
import threading
import time

from demo_site import ROOT, free_port


class LossyNetwork:
    """Hands datagrams on between an emitter and the server, once it is up."""

    def __init__(self, server):
        self.port = free_port(socket.SOCK_DGRAM)
        self.server = ("127.0.0.1", server)
        self.front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.front.bind(("127.0.0.1", self.port))
        self.back = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.back.connect(self.server)
        self.is_up, self.emitter = False, None
        for body in (self.forth, self.back_again):
            threading.Thread(target=body, daemon=True).start()

    def forth(self):
        while True:
            try:
                data, self.emitter = self.front.recvfrom(65_536)
                if self.is_up:
                    self.back.send(data)
            except OSError:
                return

    def back_again(self):
        while True:
            try:
                self.front.sendto(self.back.recv(65_536), self.emitter)
            except (OSError, TypeError):
                return

    def stop(self):
        self.front.close()
        self.back.close()


def be_a_lost_host(url, key_file, offset, tenant, agent):
    """An emitter in a process of its own: records much at once, tells what became of it, and waits."""
    sys.path.insert(0, str(ROOT / "emitters" / "python"))
    from meter_emitter import Emitter
    amounts = {"agent_calls": 1, "input_tokens": 1500, "output_tokens": 40}
    emitter = Emitter(url, pathlib.Path(key_file).read_text().strip(), memory_bytes=8_000,
                      claim_seconds=1.0, clock=lambda: time.time() + int(offset))
    for _ in range(400):
        emitter.record(tenant, agent, amounts)
    while not emitter.flush(1.0):
        pass
    print(json.dumps({"recorded": emitter.statistics.recorded, "amounts": amounts,
                      "dropped": emitter.statistics.dropped}), flush=True)
    time.sleep(600)


if __name__ == "__main__":
    be_a_lost_host(*sys.argv[1:])
