#!/usr/bin/env python3
"""From agent calls to lines in Waldur: a trace, a kill -9 in the middle, a report, a reconciliation.

A Waldur double, a Meter server and emitters run on one shared clock that is set in mid-month. Expected
totals come from scripts/expected_totals.py, which reads the trace and nothing else; ours from what the
double has in its usage rows and invoice items. Exits 1 on any difference.
"""
import argparse
import calendar
import datetime
import json
import math
import os
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED_TRACE = ROOT.parent / "shared" / "data" / "AzureLLMInferenceTrace_code.csv"
TENANTS = [f"{number:032x}" for number in range(0xC0570001, 0xC0570005)]
AGENTS = ["coder", "reviewer", "tester", "writer", "planner"]
COMPONENTS = ["agent_calls", "input_tokens", "output_tokens"]
TOKEN = "d" * 40
PRICES = {"agent_calls": "0.0100000000", "input_tokens": "0.0000031250",
          "output_tokens": "0.0000125000"}
SECONDS_OF_REPLAY = 16


class Failed(Exception):
    """Something that the demo shows did not happen."""


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binaries", required=True, help="where the programs were built")
    options.add_argument("--trace", help="a CSV file with TIMESTAMP,ContextTokens,GeneratedTokens")
    options.add_argument("--seed", type=int, default=1, help="of the kill and of a made trace")
    arguments = options.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="meter-demo-"))
    demo = Demo(pathlib.Path(arguments.binaries), directory, arguments.seed)
    try:
        demo.run(trace(arguments.trace, arguments.seed, directory))
    except Failed as failure:
        print(f"\nFAILED: {failure}\nEverything is in {directory}", file=sys.stderr)
        return 1
    finally:
        demo.stop()
    demo.verify()
    demo.what_next()
    return 0


def trace(named, seed, directory):
    """The trace to replay: the one named, the shared one, or one that is made from the seed."""
    if named:
        return pathlib.Path(named)
    if SHARED_TRACE.exists():
        print(f"Trace: {SHARED_TRACE.name}, real calls to an LLM coding service (CC-BY, Microsoft)")
        return SHARED_TRACE
    print(f"Trace: the shared trace is not here, so calls of the same shape are made (seed {seed})")
    source = random.Random(seed)
    path = directory / "made-trace.csv"
    moment = datetime.datetime(2023, 11, 16, 18, 17, 3)
    with path.open("w") as file:
        file.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for _ in range(8819):
            moment += datetime.timedelta(seconds=source.expovariate(1 / 0.39))
            tokens_in = min(7437, max(3, int(source.lognormvariate(7.2, 0.9))))
            tokens_out = min(2000, max(1, int(source.lognormvariate(2.6, 1.1))))
            file.write(f"{moment:%Y-%m-%d %H:%M:%S.%f}0,{tokens_in},{tokens_out}\n")
    return path


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Demo:
    def __init__(self, binaries, directory, seed):
        self.binaries, self.directory = binaries, directory
        self.random = random.Random(seed)
        self.data = directory / "data"
        self.data.mkdir()
        self.processes = {}
        now = datetime.datetime.now(datetime.timezone.utc)
        middle = now.replace(day=15, hour=12, minute=0, second=0, microsecond=0)
        self.offset = int((middle - now).total_seconds())
        self.udp, self.tcp = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        self.http, self.waldur = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)

    # Programs

    def start(self, name, *command, log):
        file = open(self.directory / log, "ab")
        self.processes[name] = subprocess.Popen(
            [str(part) for part in command], stdout=file, stderr=file, cwd=self.directory)
        return self.processes[name]

    def stop(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def meterctl(self, *arguments, expect=0):
        result = subprocess.run(
            [str(self.binaries / "meterctl"), *map(str, arguments)],
            capture_output=True, text=True, timeout=120)
        if expect is not None and result.returncode != expect:
            raise Failed(f"meterctl {' '.join(map(str, arguments))} ended with {result.returncode}:\n"
                         f"{result.stdout}{result.stderr}")
        return result.stdout

    def admin(self, *arguments, **named):
        return self.meterctl(*arguments, "--socket", self.data / "admin.sock", **named)

    def start_waldur(self):
        fixture = self.directory / "waldur.json"
        self.resources = {}
        resources = []
        for tenant_number, tenant in enumerate(TENANTS):
            for agent_number, agent in enumerate(AGENTS):
                uuid = f"{0xA6E47000 + tenant_number * 16 + agent_number:032x}"
                self.resources[(tenant, agent)] = uuid
                resources.append({
                    "name": f"{agent} of customer {tenant_number + 1}", "uuid": uuid,
                    "offering": "Agents", "project": f"project {tenant_number + 1}",
                    "plan": "Standard", "state": "OK", "backend_id": agent,
                    "created": self.month_start() + "T08:00:00Z"})
        fixture.write_text(json.dumps({
            "customers": [{"name": "Provider"}] + [
                {"name": f"customer {number + 1}", "uuid": tenant}
                for number, tenant in enumerate(TENANTS)],
            "projects": [{"name": f"project {number + 1}", "customer": f"customer {number + 1}"}
                         for number in range(len(TENANTS))],
            "users": [{"username": "meter", "token": TOKEN,
                       "roles": [{"role": "owner", "customer": "Provider"}]}],
            "offerings": [{
                "name": "Agents", "customer": "Provider",
                "components": [{"type": name, "measured_unit": "unit"} for name in COMPONENTS],
                "plans": [{"name": "Standard", "prices": PRICES}]}],
            "resources": resources}))
        self.start("waldur", self.binaries / "WaldurDouble", "--port", self.waldur,
                   "--fixture", fixture, f"--clock-offset-seconds={self.offset}",
                   log="waldur.log")
        self.wait("the Waldur double", lambda: self.get("/api/users/me/") is not None)

    def month_start(self):
        shifted = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(
            seconds=self.offset)
        return shifted.strftime("%Y-%m-01")

    def start_server(self):
        self.start("server", self.binaries / "MeterServer", "--data", self.data,
                   "--udp", f"127.0.0.1:{self.udp}", "--tcp", f"127.0.0.1:{self.tcp}",
                   "--http", f"127.0.0.1:{self.http}",
                   "--master-key-file", self.directory / "master.key",
                   "--waldur-url", f"http://127.0.0.1:{self.waldur}/api/",
                   "--waldur-token-file", self.directory / "waldur.token",
                   "--checkpoint-seconds", "5",
                   f"--clock-offset-seconds={self.offset}", log="server.log")
        self.wait("the server", lambda: self.metrics() is not None)

    def wait(self, what, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.1)
        raise Failed(f"{what} is not ready after {seconds} s")

    # What is read

    def get(self, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.waldur}{path}", headers={"Authorization": f"Token {TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    def metrics(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=5) as page:
                return page.read().decode()
        except OSError:
            return None

    def metric(self, name):
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", self.metrics() or "", re.M)
        return int(sum(float(value) for value in found))

    # The story

    def run(self, path):
        expected = json.loads(subprocess.run(
            [sys.executable, ROOT / "scripts" / "expected_totals.py", path],
            check=True, capture_output=True, text=True).stdout)
        (self.directory / "master.key").write_text(os.urandom(32).hex() + "\n")
        (self.directory / "waldur.token").write_text(TOKEN + "\n")
        os.chmod(self.directory / "master.key", 0o600)
        os.chmod(self.directory / "waldur.token", 0o600)
        print(f"Shared clock: {self.offset:+d} s, {self.month_start()[:7]}-15 12:00 UTC")
        self.start_waldur()
        self.start_server()
        self.set_up()
        sent = self.replay_with_a_kill(path)
        self.report()
        self.reconcile(expected, sent)

    def set_up(self):
        key = self.admin("keys", "create", "wire", "--platform", "all", "--label", "demo runtime")
        (self.directory / "runtime.key").write_text(key)
        os.chmod(self.directory / "runtime.key", 0o600)
        for component in COMPONENTS:
            self.admin("components", "set", component, "--unit", component.split("_")[1])
        for (tenant, agent), resource in self.resources.items():
            self.admin("map", "set", "--tenant", tenant, "--agent", agent, "--resource", resource,
                       "--from", self.month_start() + "T09:00:00Z", "--live", "--yes")
        print(f"Set up: 1 wire key, {len(COMPONENTS)} components, {len(self.resources)} agents of "
              f"{len(TENANTS)} tenants bound to {len(self.resources)} Waldur resources")

    def replay_with_a_kill(self, path):
        with open(path) as file:
            stamps = [line.split(",")[0] for line in file.read().splitlines()[1:]]
        first, last = (datetime.datetime.fromisoformat(stamp[:26]) for stamp in
                       (stamps[0], stamps[-1]))
        speed = max(1, math.ceil((last - first).total_seconds() / SECONDS_OF_REPLAY))
        command = [self.binaries / "meterctl", "replay", path,
                   "--udp", f"127.0.0.1:{self.udp}", "--tcp", f"127.0.0.1:{self.tcp}",
                   "--wire-key-file", self.directory / "runtime.key", "--speed", speed,
                   f"--clock-offset={self.offset}", "--resend", "-o", "json"]
        for tenant in TENANTS:
            command += ["--tenant", tenant]
        for agent in AGENTS:
            command += ["--agent", agent]
        print(f"Replaying {len(stamps)} calls at {speed} times their pace, half over UDP and half "
              "over TCP ...")
        began = time.monotonic()
        emitters = subprocess.Popen([str(part) for part in command], stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE, text=True)
        self.processes["emitters"] = emitters
        time.sleep(SECONDS_OF_REPLAY * self.random.uniform(0.3, 0.6))
        position = self.metric("meter_journal_durable_bytes")
        self.processes["server"].send_signal(signal.SIGKILL)
        self.processes["server"].wait()
        killed = time.monotonic() - began
        print(f"Killed the server with -9 after {killed:.1f} s, journal durable through byte "
              f"{position}")
        time.sleep(1)
        self.start_server()
        print(f"Started it again after {time.monotonic() - began:.1f} s; the emitters carried on")
        output, errors = emitters.communicate(timeout=120)
        if emitters.returncode != 0:
            raise Failed(f"the replay ended with {emitters.returncode}:\n{output}{errors}")
        return json.loads(output)

    def report(self):
        self.admin("report", "submit")
        print("\nTold Waldur: meterctl report status")
        print(self.admin("report", "status"))

    def reconcile(self, expected, sent):
        rows = {name: 0 for name in COMPONENTS}
        items = {name: 0 for name in COMPONENTS}
        for resource in self.resources.values():
            page = self.get("/api/marketplace-component-usages/?page_size=300&resource_uuid=" + resource)
            for row in page or []:
                rows[row["type"]] += hundredths(row["usage"])
        for page in range(1, 100):
            found = self.get(f"/api/provider-invoice-items/?page_size=300&page={page}")
            for item in found or []:
                if item["details"].get("offering_component_type") in items:
                    items[item["details"]["offering_component_type"]] += hundredths(item["quantity"])
            if not found or len(found) < 300:
                break
        print(f"{'component':<16}{'expected':>14}{'usage rows':>14}{'invoice items':>16}"
              f"{'difference':>12}")
        different = False
        for name in COMPONENTS:
            difference = max(abs(rows[name] - expected[name] * 100),
                             abs(items[name] - expected[name] * 100))
            different = different or difference != 0
            print(f"{name:<16}{expected[name]:>14,}{decimal(rows[name]):>14}"
                  f"{decimal(items[name]):>16}{decimal(difference):>12}")
        resent, again = int(sent["framesResent"]), sent["resent"]
        print(f"\nFrames sent again because no acknowledgement came: {resent:,}. Then the whole trace "
              f"a second time:\n{int(again['frames']):,} frames, the same bytes; "
              f"{int(again['duplicates']):,} of {int(again['events']):,} events counted as duplicates")
        self.admin("reconcile")
        if different:
            raise Failed("Waldur's figures are not the trace's")
        if resent == 0:
            raise Failed("no frame was sent again: the kill was not in the middle")
        if again["duplicates"] != again["events"]:
            raise Failed("not every event of the second time was a duplicate")
        print("0 differences")

    def verify(self):
        print("\nStopped gracefully; meterctl verify reads every byte that is left:")
        print(self.meterctl("verify", self.data))

    def what_next(self):
        tool = self.binaries / "meterctl"
        print(f"""Look at it:
  {tool} inspect {self.data}
  {tool} verify {self.data}
  less {self.directory}/server.log
Then: Documentation/ (Wire, Journal, Segments, Book, Waldur, UsageAPI), and README.md for your own server.""")


def hundredths(text):
    whole, _, fraction = text.partition(".")
    if fraction.strip("0")[2:]:
        raise Failed(f"{text} has more than two decimals")
    return int(whole) * 100 + int((fraction + "00")[:2])


def decimal(count):
    return f"{count // 100:,}" + (f".{count % 100:02d}" if count % 100 else "")


if __name__ == "__main__":
    sys.exit(main())
