#!/usr/bin/env python3
"""The server over TCP on the canonical workload: authenticated, acknowledged after the sync.

All threads of the server run on one core, the load on the other. Each run's totals are compared with the
generator's by `meterctl usage` before its figure counts. Checkpoints are far more frequent than by default, so
that each run has some. Prints the median of the runs.
"""
import argparse
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
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--load", required=True)
    options.add_argument("--server", required=True)
    options.add_argument("--meterctl", required=True)
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--events", type=int, default=1000, help="events in a frame")
    options.add_argument("--frames", type=int, default=12_000)
    options.add_argument("--checkpoint", type=int, default=2, help="seconds between checkpoints")
    options.add_argument("--window", type=int, default=4096, help="KiB not acknowledged yet")
    arguments = options.parse_args()
    runs = [run(arguments) for _ in range(arguments.runs)]
    wall = [figures["amounts"] / figures["seconds"] / 1e6 for figures in runs]
    core = [figures["amounts"] / figures["processorSeconds"] / 1e6 for figures in runs]
    p50 = [figures["acknowledgementMilliseconds"]["p50"] for figures in runs]
    p99 = [figures["acknowledgementMilliseconds"]["p99"] for figures in runs]
    first = runs[0]
    print(f"TCP, suite 1, acknowledged after fdatasync, {arguments.events} events a frame, "
          f"{first['bytes'] / first['events']:.1f} B an event, a checkpoint every {arguments.checkpoint} s, {arguments.runs} runs, totals equal:")
    print(f"  {statistics.median(wall):.1f} M amounts/s wall [{min(wall):.1f}-{max(wall):.1f}]")
    print(f"  {statistics.median(core):.1f} M amounts/s per core of the server's processor time "
          f"[{min(core):.1f}-{max(core):.1f}]")
    print(f"  acknowledgement p50 {statistics.median(p50):.1f} ms, p99 {statistics.median(p99):.1f} ms")
    return 0


def run(arguments):
    with tempfile.TemporaryDirectory(prefix="meter-bench-") as name:
        directory = pathlib.Path(name)
        (directory / "master.key").write_text(os.urandom(32).hex() + "\n")
        os.chmod(directory / "master.key", 0o600)
        ports = directory / "ports.json"
        server = subprocess.Popen(
            ["taskset", "-c", "1", arguments.server, "--data", directory / "data",
             "--checkpoint-seconds", str(arguments.checkpoint),
             "--udp", "off", "--tcp", "127.0.0.1:0", "--http", "127.0.0.1:0",
             "--master-key-file", directory / "master.key", "--port-file", ports],
            stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            wait(ports)
            ctl = [arguments.meterctl]
            where = ["--data", str(directory / "data")]
            key = subprocess.run(ctl + ["keys", "create", "wire", "--platform", "all"] + where,
                                 check=True, capture_output=True, text=True).stdout
            (directory / "wire.key").write_text(key)
            host, port = json.loads(ports.read_text())["tcp"].rsplit(":", 1)
            load = subprocess.run(
                ["taskset", "-c", "0", arguments.load, host, port, directory / "wire.key",
                 str(server.pid), str(arguments.events), str(arguments.frames),
                 str(arguments.window)], check=True, capture_output=True, text=True)
            figures = json.loads(load.stdout)
            compare(figures["totals"], ctl, where)
            return figures
        finally:
            server.terminate()
            server.wait()


def wait(ports):
    for _ in range(300):
        if ports.exists() and ports.read_text().strip():
            return
        time.sleep(0.1)
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
