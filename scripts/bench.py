#!/usr/bin/env python3
"""The server over TCP on the canonical workload: authenticated, acknowledged after the sync.

All threads of the server run on one core, the load on the other. Each run's totals are compared with the
generator's by `meterctl usage` before its figure counts. Checkpoints are far more frequent than by default, so
that each run has some. Prints the median of the runs.

With --sizes: memory, and how long starts and stops take, for Documentation/Operations.md.
"""
import argparse
import contextlib
import json
import os
import pathlib
import socket
import statistics
import subprocess
import sys
import tempfile
import time


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--load", required=True)
    options.add_argument("--server", required=True)
    options.add_argument("--meterctl", required=True)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--events", type=int, default=1000, help="events in a frame")
    options.add_argument("--frames", type=int, default=12_000)
    options.add_argument("--checkpoint", type=int, default=2, help="seconds between checkpoints")
    options.add_argument("--window", type=int, default=4096, help="KiB not acknowledged yet")
    options.add_argument("--sizes", action="store_true", help="memory and times of start and stop instead")
    arguments = options.parse_args()
    return sizes(arguments) if arguments.sizes else throughput(arguments)


def throughput(arguments):
    runs = []
    for _ in range(arguments.runs):
        with directory() as place:
            server = Server(arguments, place, arguments.checkpoint)
            runs.append(server.load(arguments.frames))
            server.stop()
    wall = [figures["amounts"] / figures["seconds"] / 1e6 for figures in runs]
    core = [figures["amounts"] / figures["processorSeconds"] / 1e6 for figures in runs]
    p50 = [figures["acknowledgementMilliseconds"]["p50"] for figures in runs]
    p99 = [figures["acknowledgementMilliseconds"]["p99"] for figures in runs]
    first = runs[0]
    print(f"TCP, suite 1, acknowledged after fdatasync, {arguments.events} events a frame, "
          f"{first['bytes'] / first['events']:.1f} B an event, a checkpoint every {arguments.checkpoint} s, "
          f"{arguments.runs} runs, totals equal:")
    print(f"  {statistics.median(wall):.1f} M amounts/s wall [{min(wall):.1f}-{max(wall):.1f}]")
    print(f"  {statistics.median(core):.1f} M amounts/s per core of the server's processor time "
          f"[{min(core):.1f}-{max(core):.1f}]")
    print(f"  acknowledgement p50 {statistics.median(p50):.1f} ms, p99 {statistics.median(p99):.1f} ms")
    return 0


def sizes(arguments):
    """What Documentation/Operations.md says of memory, start and stop."""
    frames = 4_000_000 // arguments.events
    with directory() as place:
        server = Server(arguments, place, arguments.checkpoint)
        print(f"memory when idle: {server.memory()}")
        server.load(frames)
        print(f"memory after 4,000,000 events, a checkpoint every {arguments.checkpoint} s: {server.memory()}")
        print(f"stop: {server.stop():.2f} s")
        server = Server(arguments, place, arguments.checkpoint)
        print(f"start after a stop: {server.started:.2f} s")
        server.stop()
    with directory() as place:
        server = Server(arguments, place, 86_400)
        server.load(frames)
        print(f"memory with 4,000,000 events and no checkpoint: {server.memory()}")
        server.kill()
        journal = sum(file.stat().st_size for file in (place / "data").glob("journal-*"))
        server = Server(arguments, place, 86_400)
        print(f"start after kill -9, {journal / 1e6:.0f} MB of journal: {server.started:.2f} s, "
              f"{4 / server.started:.1f} M events/s")
        server.stop()
    return 0


@contextlib.contextmanager
def directory():
    """A place for data, with a master key."""
    with tempfile.TemporaryDirectory(prefix="meter-bench-") as name:
        place = pathlib.Path(name)
        (place / "master.key").write_text(os.urandom(32).hex() + "\n")
        os.chmod(place / "master.key", 0o600)
        yield place


class Server:
    """A server on one core over a directory that may hold data already."""

    def __init__(self, arguments, place, checkpoint):
        self.arguments, self.place = arguments, place
        ports = place / "ports.json"
        ports.unlink(missing_ok=True)
        began = time.monotonic()
        self.process = subprocess.Popen(
            ["taskset", "-c", "1", arguments.server, "--data", place / "data",
             "--checkpoint-seconds", str(checkpoint),
             "--udp", "off", "--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0",
             "--master-key-file", place / "master.key", "--port-file", ports],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        wait(ports)
        self.started = time.monotonic() - began
        self.host, self.port = json.loads(ports.read_text())["tcp"].rsplit(":", 1)

    def load(self, frames):
        """Sends the workload, compares the totals, and gives what the load measured."""
        ctl = [self.arguments.meterctl]
        where = ["--data", str(self.place / "data")]
        key = subprocess.run(ctl + ["keys", "create", "wire", "--platform", "all"] + where,
                             check=True, capture_output=True, text=True).stdout
        (self.place / "wire.key").write_text(key)
        try:
            load = subprocess.run(
                ["taskset", "-c", "0", self.arguments.load, self.host, self.port, self.place / "wire.key",
                 str(self.process.pid), str(self.arguments.events), str(frames),
                 str(self.arguments.window)], check=True, capture_output=True, text=True)
            figures = json.loads(load.stdout)
            compare(figures["totals"], ctl, where)
            return figures
        except BaseException:
            self.kill()
            raise

    def memory(self):
        """Resident now, and at the highest."""
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        kib = {line.split(":")[0]: int(line.split()[1]) for line in status.splitlines() if line.startswith("Vm")}
        return f"{kib['VmRSS'] / 1024:.0f} MiB, {kib['VmHWM'] / 1024:.0f} MiB at the highest"

    def stop(self):
        began = time.monotonic()
        self.process.terminate()
        self.process.wait()
        return time.monotonic() - began

    def kill(self):
        self.process.kill()
        self.process.wait()


def wait(ports):
    for _ in range(3000):
        if ports.exists() and ports.read_text().strip():
            return
        time.sleep(0.01)
    sys.exit("the server did not start")


def compare(totals, ctl, where):
    for component, expected in totals.items():
        shown = subprocess.run(
            ctl + ["usage", component, "-o", "json"] + where,
            check=True, capture_output=True, text=True).stdout
        counted = sum(int(row["value"]) for row in json.loads(shown)["data"])
        if counted != int(expected):
            sys.exit(f"{component}: counted {counted}, sent {expected}")


if __name__ == "__main__":
    sys.exit(main())
