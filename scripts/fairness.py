#!/usr/bin/env python3
"""A noisy tenant at ten times its limit: what another tenant's acknowledgements take before and meanwhile.

The quiet tenant sends a frame every 20 ms over TCP and waits for the acknowledgement that covers it. For
each way in, it does so alone, and then while the noisy tenant offers ten times the events a second that it
may send: over TCP as much as the server reads, over UDP and HTTP paced. The server has one core, both
tenants the other. Nothing of the noisy tenant's may be lost; what it got is held against its limit.
"""
import argparse
import http.client
import json
import multiprocessing
import os
import pathlib
import queue
import socket
import statistics
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / "emitters" / "python"))
import meter_emitter as wire  # noqa: E402

BURST_SECONDS = 1


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    options.add_argument("--server", required=True)
    options.add_argument("--meterctl", required=True)
    options.add_argument("--limit", type=int, default=10_000, help="events a second of a tenant")
    options.add_argument("--seconds", type=float, default=10)
    arguments = options.parse_args()
    print(f"limit {arguments.limit} events/s a tenant, the noisy one offers {10 * arguments.limit}, "
          f"{arguments.seconds:.0f} s each; acknowledgement of the quiet tenant, ms:")
    print(f"{'way':6}{'p50 before':>12}{'p99 before':>12}{'p50 during':>12}{'p99 during':>12}"
          f"{'noisy offered':>15}{'noisy counted':>15}")
    for way in ("tcp", "udp", "http"):
        run(arguments, way)
    return 0


def run(arguments, way):
    with tempfile.TemporaryDirectory(prefix="meter-fairness-") as name:
        directory = pathlib.Path(name)
        (directory / "master.key").write_text(os.urandom(32).hex() + "\n")
        os.chmod(directory / "master.key", 0o600)
        ports = directory / "ports.json"
        server = subprocess.Popen(
            ["taskset", "-c", "1", arguments.server, "--data", directory / "data",
             "--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0",
             "--limits-tenant-events-per-second", str(arguments.limit),
             "--limits-burst-seconds", str(BURST_SECONDS),
             "--master-key-file", directory / "master.key", "--port-file", ports],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 30
            while not ports.exists():
                if time.monotonic() > deadline or server.poll() is not None:
                    raise SystemExit("the server did not get ready")
                time.sleep(0.02)
            time.sleep(0.1)
            addresses = json.loads(ports.read_text())

            def meterctl(*words):
                return subprocess.run(
                    [arguments.meterctl, *words, "--data", str(directory / "data")],
                    check=True, capture_output=True, text=True).stdout

            quiet_key = wire.Key.parse(meterctl("keys", "create", "wire", "--tenant", "quiet"))
            noisy_key = wire.Key.parse(meterctl("keys", "create", "wire", "--tenant", "noisy"))
            http_key = meterctl("keys", "create", "http", "--tenant", "noisy", "--scope", "ingest").strip()
            os.sched_setaffinity(0, {0})
            quiet = Quiet(quiet_key, addresses["tcp"])
            before = quiet.measure(arguments.seconds)
            offered = multiprocessing.Value("q", 0)
            stop = multiprocessing.Event()
            ready = multiprocessing.Event()
            flood = {"tcp": flood_tcp, "udp": flood_udp, "http": flood_http}[way]
            noisy = multiprocessing.Process(
                target=flood, daemon=True,
                args=(noisy_key if way != "http" else http_key, addresses[way],
                      10 * arguments.limit, ready, stop, offered))
            noisy.start()
            ready.wait()
            began = time.monotonic()
            during = quiet.measure(arguments.seconds)
            elapsed = time.monotonic() - began
            stop.set()
            noisy.join(timeout=5)
            usage = json.loads(meterctl(
                "usage", "agent_calls", "--tenant", "noisy", "-o", "json"))
            counted = sum(int(row["value"]) for row in usage["data"])
            most = arguments.limit * (elapsed + 3 + BURST_SECONDS) * 1.1
            if counted > most:
                raise SystemExit(f"{way}: the noisy tenant got {counted}, more than {most:.0f}")
            if counted < arguments.limit * elapsed * 0.5:
                raise SystemExit(f"{way}: the noisy tenant got {counted} only")
            print(f"{way:6}{before[0]:12.2f}{before[1]:12.2f}{during[0]:12.2f}{during[1]:12.2f}"
                  f"{offered.value / elapsed:13,.0f}/s{counted / elapsed:13,.0f}/s", flush=True)
        finally:
            server.terminate()
            server.wait()


class Quiet:
    """One source on one connection."""

    def __init__(self, key, address):
        self.key, self.source, self.next = key, os.urandom(16), 0
        host, port = address.rsplit(":", 1)
        self.socket = socket.create_connection((host, int(port)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.incoming = bytearray()

    def measure(self, seconds):
        """p50 and p99 of the acknowledgements, in milliseconds."""
        took = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            payload = payload_of("quiet", 10)
            frame = wire.seal(self.key, self.source, wire.EVENTS, self.next, 10, payload.base,
                              self.next, payload.bytes())
            self.next += 10
            began = time.perf_counter()
            self.socket.sendall(struct.pack(">I", len(frame)) + frame)
            while self.acknowledged() < self.next:
                pass
            took.append((time.perf_counter() - began) * 1_000)
            time.sleep(0.02)
        took.sort()
        return statistics.median(took), took[int(len(took) * 0.99)]

    def acknowledged(self):
        through = 0
        self.incoming += self.socket.recv(65_536)
        while len(self.incoming) >= 4:
            (size,) = struct.unpack_from(">I", self.incoming)
            if len(self.incoming) < 4 + size:
                break
            through = wire.open_acknowledgement(
                bytes(self.incoming[4:4 + size]), self.key).durable_through
            del self.incoming[:4 + size]
        return through


def payload_of(tenant, count):
    payload = wire.Payload(1 << 19)
    now = int(time.time() * 1_000)
    for number in range(count):
        payload.append(wire.Event(now, tenant, f"bot-{number % 10}",
                                  {"input_tokens": 1204, "output_tokens": 300, "agent_calls": 1}))
    return payload


def sealed(key, events, limit):
    """Frames of one source, enough for some seconds; sealed before anything is measured."""
    source = os.urandom(16)
    payload = payload_of("noisy", events)
    data = payload.bytes()
    return [wire.seal(key, source, wire.EVENTS, number * events, events, payload.base, 0, data)
            for number in range(30 * limit // events)]


def flood_tcp(key, address, rate, ready, stop, offered):
    frames = sealed(key, 500, rate)
    host, port = address.rsplit(":", 1)
    connection = socket.create_connection((host, int(port)))
    connection.settimeout(0.1)
    ready.set()
    for frame in frames:
        data = struct.pack(">I", len(frame)) + frame
        while data and not stop.is_set():
            try:
                data = data[connection.send(data):]
            except TimeoutError:
                pass  # Held back.
        if stop.is_set():
            return
        offered.value += 500


def flood_udp(key, address, rate, ready, stop, offered):
    frames = sealed(key, 40, rate)
    host, port = address.rsplit(":", 1)
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.connect((host, int(port)))
    datagrams.setblocking(False)
    ready.set()
    # What is not acknowledged is sent again and again, in order: a flood that never gives up.
    began, sent, first = time.monotonic(), 0, 0
    window = rate // 40
    while not stop.is_set():
        due = int((time.monotonic() - began) * rate / 40)
        for _ in range(min(due - sent, 200)):
            datagrams.send(frames[(first + sent % window) % len(frames)])
            sent += 1
            offered.value += 40
        try:
            while True:
                answer = wire.open_acknowledgement(datagrams.recv(65_536), key)
                first = max(first, answer.durable_through // 40)
        except (BlockingIOError, wire.WireError):
            pass
        time.sleep(0.002)


def flood_http(key, address, rate, ready, stop, offered):
    host, port = address.rsplit(":", 1)
    connection = http.client.HTTPConnection(host, int(port))
    bodies = queue.Queue()
    number = 0
    ready.set()
    began, sent = time.monotonic(), 0
    while not stop.is_set():
        if sent * 500 > (time.monotonic() - began) * rate:
            time.sleep(0.001)
            continue
        if bodies.empty():
            now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            event = ('{"specversion":"1.0","type":"agent.call","source":"/noisy","id":"%d","time":"'
                     + now + '","subject":"bot","data":{"amounts":{"agent_calls":1}}}')
            bodies.put("[" + ",".join(event % (number + n) for n in range(500)) + "]")
            number += 500
        connection.request("POST", "/api/v1/events", bodies.queue[0],
                           {"Authorization": "Bearer " + key, "Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status == 200:
            bodies.get()
        sent += 1
        offered.value += 500


if __name__ == "__main__":
    sys.exit(main())
