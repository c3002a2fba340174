#!/usr/bin/env python3
"""From agent calls to lines in Waldur: a trace, a kill -9 in the middle, a report, a reconciliation.

A Waldur double, a Meter server and emitters run on one shared clock that is set in mid-month. Expected
totals come from scripts/expected_totals.py, which reads the trace and nothing else; ours from what the
double has in its usage rows and invoice items. Exits 1 on any difference.
"""
import argparse
import datetime
import json
import math
import pathlib
import signal
import subprocess
import sys
import tempfile
import time

from demo_site import COMPONENTS, ROOT, TOKEN, Failed, Site, decimal, hundredths, trace

TENANTS = [f"{number:032x}" for number in range(0xC0570001, 0xC0570005)]
AGENTS = ["coder", "reviewer", "tester", "writer", "planner"]
PRICES = {"agent_calls": "0.0100000000", "input_tokens": "0.0000031250",
          "output_tokens": "0.0000125000"}
SECONDS_OF_REPLAY = 16


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


class Demo(Site):
    def __init__(self, binaries, directory, seed):
        super().__init__(binaries, directory, seed)
        now = datetime.datetime.now(datetime.timezone.utc)
        middle = now.replace(day=15, hour=12, minute=0, second=0, microsecond=0)
        self.offset = int((middle - now).total_seconds())

    # Programs

    def start_waldur(self):
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
        self.start_double({
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
            "resources": resources})

    def month_start(self):
        return self.now().strftime("%Y-%m-01")

    # The story

    def run(self, path):
        expected = json.loads(subprocess.run(
            [sys.executable, ROOT / "scripts" / "expected_totals.py", path],
            check=True, capture_output=True, text=True).stdout)
        self.write_secrets()
        print(f"Shared clock: {self.offset:+d} s, {self.month_start()[:7]}-15 12:00 UTC")
        self.start_waldur()
        self.start_server()
        self.set_up()
        sent = self.replay_with_a_kill(path)
        self.report()
        self.reconcile(expected, sent)

    def set_up(self):
        self.create_key("demo runtime", "runtime.key")
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
        for item in self.pages("/api/provider-invoice-items/"):
            if item["details"].get("offering_component_type") in items:
                items[item["details"]["offering_component_type"]] += hundredths(item["quantity"])
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


if __name__ == "__main__":
    sys.exit(main())
