#!/usr/bin/env python3
"""A month's end, from the last calls to signed statements.

A Waldur double, a Meter server and emitters run on one shared clock that is set shortly before a month's
end. What the double has in its usage rows and invoice items, and what the statements say, is compared with
what scripts/expected_totals.py reads from the trace. Exits 1 on any difference.

With --page the commands and answers that the page shows are compared with those of this run, but for times,
numbers and hashes; with --renew they are written into it.
"""
import argparse
import datetime
import fcntl
import json
import os
import pathlib
import pty
import re
import shlex
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time

import demo_page
from demo_lost_host import LossyNetwork
from demo_site import COMPONENTS, ROOT, TOKEN, Failed, Site, decimal, hundredths, trace

TENANTS = ["acme", "nordix"]
AGENTS = ["coder", "reviewer", "writer"]
LOST = ("acme", "indexer")
PLANS = {"acme": "Standard", "nordix": "Premium"}
# One reported unit of each component in units of the events.
UNITS = {"agent_calls": 1, "input_tokens": 1000, "output_tokens": 1}
PRICES = {"agent_calls": "0.01", "input_tokens": "0.003125", "output_tokens": "0.0000125"}
DEARER = {"output_tokens": "0.000015"}
GUARD, DELAY, CYCLE = 5, 5, 4


def main():
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--binaries", required=True, help="where the programs were built")
    options.add_argument("--trace", help="a CSV file with TIMESTAMP,ContextTokens,GeneratedTokens")
    options.add_argument("--seed", type=int, default=1, help="of a made trace")
    options.add_argument("--lead", type=int, default=45, help="seconds before the month's end")
    options.add_argument("--page", help="a page whose examples must be what is seen")
    options.add_argument("--renew", action="store_true", help="write them into it")
    arguments = options.parse_args()
    directory = pathlib.Path(tempfile.mkdtemp(prefix="meter-demo-"))
    demo = MonthEnd(pathlib.Path(arguments.binaries), directory, arguments.seed, arguments.lead)
    try:
        # What stands on a page does not hang on which traces are here.
        demo.run(trace(arguments.trace, arguments.seed, directory, shared=not arguments.page))
        if arguments.page:
            demo_page.compare(pathlib.Path(arguments.page), demo.shown, arguments.renew)
    except Failed as failure:
        print(f"\nFAILED: {failure}\nEverything is in {directory}", file=sys.stderr)
        return 1
    finally:
        demo.stop()
    demo.what_next()
    return 0


class MonthEnd(Site):
    def __init__(self, binaries, directory, seed, lead):
        super().__init__(binaries, directory, seed)
        now = datetime.datetime.now(datetime.timezone.utc)
        self.boundary = now.replace(day=28, hour=0, minute=0, second=0, microsecond=0)
        self.boundary = (self.boundary + datetime.timedelta(days=7)).replace(day=1)
        self.lead = lead
        self.offset = int((self.boundary - now).total_seconds()) - lead
        self.month = (self.boundary - datetime.timedelta(days=1)).strftime("%Y-%m")
        self.next_month = self.boundary.strftime("%Y-%m")
        self.resources = {}
        self.shown = []

    def section(self, title):
        left = (self.boundary - self.now()).total_seconds()
        when = f"{left:.0f} s before" if left > 0 else f"{-left:.0f} s after"
        print(f"\n=== {title} ({when} the end of {self.month})", flush=True)

    def wait_until(self, seconds_after):
        """Sleeps until the shared clock is so far beyond the month's end."""
        left = (self.boundary - self.now()).total_seconds() + seconds_after
        time.sleep(max(0.0, left))

    def show(self, *arguments, expect=0, into=None):
        """What a person sees who types it at a terminal of 80 columns."""
        command = "meterctl " + shlex.join(map(str, arguments)) + (f" > {into}" if into else "")
        environment = {**os.environ, "METER_ADMIN_SOCKET": str(self.data / "admin.sock"),
                       "NO_COLOR": "1", "TERM": "xterm"}
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 80, 0, 0))
        output = open(self.directory / into, "wb") if into else slave
        process = subprocess.Popen(
            [str(self.binaries / "meterctl"), *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=output, stderr=slave, env=environment, cwd=self.directory)
        os.close(slave)
        text = b""
        while True:
            try:
                part = os.read(master, 65_536)
            except OSError:
                break
            if not part:
                break
            text += part
        os.close(master)
        code = process.wait(60)
        shown = text.decode().replace("\r\n", "\n")
        shown = re.sub(r"^.*\r", "", shown, flags=re.M)
        if code:
            shown += f"[exit {code}]\n"
        print(f"$ {command}\n{shown}", end="", flush=True)
        self.shown.append((command, shown))
        if expect is not None and code != expect:
            raise Failed(f"{command} ended with {code}, not {expect}")
        return shown

    def double(self, path, body=None):
        command = ["curl", "-sS", "-f", "-X", "POST", "-d", json.dumps(body or {}),
                   f"http://127.0.0.1:{self.waldur}/double/{path}"]
        if subprocess.run(command, capture_output=True).returncode:
            raise Failed(f"the double refused {path}")

    # The story

    def run(self, path):
        self.write_secrets()
        print(f"Shared clock: {self.offset:+d} s; the month that ends is {self.month}")
        self.section("Set-up")
        self.start_waldur()
        self.start_server(
            "--waldur-report-seconds", CYCLE, "--waldur-request-life-seconds", GUARD,
            "--waldur-guard-seconds", GUARD, "--waldur-turn-delay-seconds", DELAY)
        self.set_up()
        self.section("Agents work")
        network = LossyNetwork(self.udp)
        self.begin_replay(path)
        lost = self.lose_a_host(network)
        self.section("Before the month ends")
        self.wait_until(-GUARD - 4)
        self.show("period", "preview", self.month, expect=4)
        self.section("The month has ended; Waldur has not turned it")
        self.wait_until(CYCLE + 1)
        self.finish_replay()
        self.wait_for_cut()
        self.show("report", "status")
        self.show("period", "list")
        self.show("carry", "list")
        self.section("Waldur's monthly task runs, late")
        self.double("monthly-task")
        self.wait("Waldur's turn", self.is_turned)
        self.admin("report", "submit")
        self.show("carry", "list", "--state", "waits", expect=4)
        self.settle_carries()
        self.section("Closing")
        self.show("period", "close", self.month, "--yes", expect=4)
        self.accept_gaps(lost)
        self.show("period", "preview", self.month)
        self.show("period", "close", self.month, "--yes")
        self.statements()
        self.admin("report", "submit")
        self.show("reconcile")
        self.section("Compared with the trace")
        self.check(lost)
        self.section("Corrections")
        self.correct()

    def start_waldur(self):
        resources = []
        for number, (tenant, agent) in enumerate(
                [(tenant, agent) for tenant in TENANTS for agent in AGENTS] + [LOST]):
            uuid = f"{0xA6E47001 + number:08x}" * 4
            self.resources[(tenant, agent)] = uuid
            resources.append({
                "name": f"{agent} of {tenant}", "uuid": uuid, "offering": "Agents",
                "project": f"project of {tenant}", "plan": PLANS[tenant], "state": "OK",
                "backend_id": agent, "created": self.month + "-01T08:00:00Z"})
        self.start_double({
            # With uuids that are the same each time, since figures are listed in their order.
            "customers": [{"name": name, "uuid": f"{0xC0570000 + number:08x}" * 4}
                          for number, name in enumerate(["Provider"] + TENANTS)],
            "projects": [{"name": f"project of {name}", "customer": name} for name in TENANTS],
            "users": [{"username": "meter", "token": TOKEN,
                       "roles": [{"role": "owner", "customer": "Provider"}]}],
            "offerings": [{
                "name": "Agents", "customer": "Provider",
                "components": [
                    {"type": "agent_calls", "measured_unit": "call"},
                    {"type": "input_tokens", "measured_unit": "ktoken"},
                    {"type": "output_tokens", "measured_unit": "token"}],
                "plans": [{"name": "Standard", "prices": PRICES},
                          {"name": "Premium", "prices": PRICES}]}],
            "resources": resources})
        self.double("prices", {"plan": "Premium", "prices": DEARER})

    def set_up(self):
        self.create_key("agents", "runtime.key")
        self.create_key("night batch", "batch.key")
        for component, unit in [("agent_calls", "call"), ("output_tokens", "token")]:
            self.admin("components", "set", component, "--unit", unit)
        self.admin("components", "set", "input_tokens", "--unit", "token",
                   "--reported-unit", "ktoken", "--units-per-reported", 1000)
        for (tenant, agent), resource in self.resources.items():
            self.admin("map", "set", "--tenant", tenant, "--agent", agent, "--resource", resource,
                       "--from", self.month + "-01T09:00:00Z", "--live", "--yes")
        print(f"{len(self.resources)} agents of {len(TENANTS)} tenants are bound to resources of "
              "Waldur's; plan Premium has a dearer price from next month on")

    def begin_replay(self, path):
        """The trace, so much faster that it lasts from now until some seconds into the new month."""
        with open(path) as file:
            rows = [line.split(",") for line in file.read().splitlines()[1:]]
        moments = [datetime.datetime.fromisoformat(row[0][:26]) for row in rows]
        # From a fixed moment on, so that each run has the same calls before and after the month's end.
        self.began = self.boundary - datetime.timedelta(seconds=self.lead - 5)
        span = (self.boundary - self.began).total_seconds() + 5
        pace = (moments[-1] - moments[0]).total_seconds() / span
        self.trace = self.directory / "trace.csv"
        with open(self.trace, "w") as file:
            file.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
            for moment, row in zip(moments, rows):
                faster = moments[0] + (moment - moments[0]) / pace
                file.write(f"{faster:%Y-%m-%d %H:%M:%S.%f},{row[1]},{row[2]}\n")
        command = [self.binaries / "meterctl", "replay", self.trace,
                   "--udp", f"127.0.0.1:{self.udp}", "--tcp", f"127.0.0.1:{self.tcp}",
                   "--wire-key-file", self.directory / "runtime.key", "--speed", 1,
                   "--start", self.began.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z",
                   f"--clock-offset={self.offset}", "-o", "json"]
        for tenant in TENANTS:
            command += ["--tenant", tenant]
        for agent in AGENTS:
            command += ["--agent", agent]
        self.emitters = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            text=True)
        self.processes["emitters"] = self.emitters
        print(f"{len(rows):,} calls, {pace:.0f} times as fast as they were made: until 5 s into the "
              "new month")

    def lose_a_host(self, network):
        """An emitter whose network is down for a while, so that it must drop; then its host dies."""
        child = subprocess.Popen(
            [sys.executable, ROOT / "scripts" / "demo_lost_host.py", f"udp://127.0.0.1:{network.port}",
             str(self.directory / "batch.key"), str(self.offset), *LOST],
            stdout=subprocess.PIPE, text=True)
        self.processes["lost"] = child
        time.sleep(1.5)
        network.is_up = True
        lost = json.loads(child.stdout.readline() or "{}")
        if not lost.get("dropped"):
            raise Failed("the emitter with little memory dropped nothing")

        def is_claimed():
            gaps = json.loads(self.admin("sources", "gaps", "-o", "json", expect=None) or "{}")
            return any(gap["cause"] == "dropped" and int(gap["events"]) == lost["dropped"]
                       for gap in gaps.get("gaps", []))
        self.wait("the claim of what was dropped", is_claimed)
        child.send_signal(signal.SIGKILL)
        child.wait()
        network.stop()
        print(f"An emitter without network had room for {lost['recorded'] - lost['dropped']} of "
              f"{lost['recorded']} calls, and its host has died")
        return lost

    def finish_replay(self):
        output, errors = self.emitters.communicate(timeout=60)
        if self.emitters.returncode != 0:
            raise Failed(f"the replay ended with {self.emitters.returncode}:\n{output}{errors}")

    def wait_for_cut(self):
        def is_cut():
            periods = json.loads(self.admin("period", "list", "-o", "json"))["periods"]
            return any(row["month"] == self.month and row["state"] == "cut" for row in periods)
        self.wait("the cut", is_cut)

    def is_turned(self):
        status = json.loads(self.admin("report", "status", "-o", "json"))["reporting"][0]
        return status["state"] == "reporting"

    def carries(self, state=None):
        named = ["--state", state] if state else []
        text = self.admin("carry", "list", *named, "-o", "json", expect=None)
        return json.loads(text)["carries"]

    def settle_carries(self):
        waiting = self.carries("waits")
        if not waiting or any(carry["obstacle"] != "other-price" for carry in waiting):
            raise Failed("not the carries of the dearer plan wait for a person")
        self.show("carry", "show", waiting[0]["number"])
        for number, carry in enumerate(waiting):
            settle = ["carry", "settle", carry["number"], "--land", "--reason", "within terms",
                      "--yes"]
            if number == 0:
                self.show(*settle)
            else:
                self.admin(*settle)

    def accept_gaps(self, lost):
        self.show("sources", "gaps", expect=4)
        self.show("sources", "gaps", "--accept-gaps", "2@127.0.0.1", "--max-events", lost["dropped"],
                  "--reason", "host lost, ticket 311", "--yes", expect=4)
        self.show("sources", "gaps", "--accept-gaps", "2@127.0.0.1",
                  "--max-events", lost["dropped"] + 1, "--reason", "host lost, ticket 311", "--yes")

    def statements(self):
        self.section("Statements")
        for tenant in TENANTS:
            show = self.show if tenant == "acme" else self.keep
            show("statement", "render", tenant, "--period", self.month, into=f"{tenant}.json")
        self.show("statement", "show", "acme", "--period", self.month)
        self.show("statement", "keys", "export", into="meter.pub")
        self.show("verify", "--public-key", "meter.pub", "acme.json")
        statement = bytearray((self.directory / "acme.json").read_bytes())
        statement[statement.index(b'"confirmed":"') + len('"confirmed":"')] ^= 1
        (self.directory / "forged.json").write_bytes(statement)
        print("One bit of a confirmed figure is flipped in forged.json:")
        self.show("verify", "--public-key", "meter.pub", "forged.json", expect=3)

    def keep(self, *arguments, into):
        (self.directory / into).write_text(self.admin(*arguments))

    def correct(self):
        """After the figures were compared: what was metered is taken back, and what was lost is added."""
        sources = json.loads(self.admin("sources", "list", "-o", "json", expect=None))["sources"]
        source = next(row["source"] for row in sources if row["principal"] == "2")
        self.show("adjust", "void", "--source", source, "--first-sequence", 0, "--last-sequence", 9,
                  "--reason", "ticket 311", "--dry-run")
        minute = self.month + "-20T10:15:00Z"
        rows = [f"{minute},{','.join(LOST)},{component},{amount}"
                for component, amount in [("agent_calls", 3), ("input_tokens", 4200)]]
        (self.directory / "lost.csv").write_text(
            "\n".join(["time,tenant,agent,component,amount", *rows, ""]))
        backfill = ["adjust", "backfill", "lost.csv", "--reason", "lost host, ticket 311"]
        self.show(*backfill, "--dry-run")
        self.show(*backfill, "--yes")
        self.show(*backfill, "--yes")
        self.show("adjust", "list")

    # Compared

    def check(self, lost):
        expected = json.loads(subprocess.run(
            [sys.executable, ROOT / "scripts" / "expected_totals.py", self.trace,
             "--start", self.began.isoformat(), "--boundary", self.boundary.isoformat(),
             "--tenants", str(len(TENANTS)), "--agents", str(len(AGENTS))],
            check=True, capture_output=True, text=True).stdout)
        used = {}
        for key, total in expected.items():
            half, tenant, agent, component = key.split()
            used[half, TENANTS[int(tenant)], AGENTS[int(agent)], component] = total
        for component, amount in lost["amounts"].items():
            used["before", *LOST, component] = amount * (lost["recorded"] - lost["dropped"])
        lines = {(tenant, line["resource"], line["component"]): line
                 for tenant in TENANTS
                 for line in json.loads((self.directory / f"{tenant}.json").read_text())
                 ["statement"]["lines"]}
        rows, items = self.told()
        carried = {}
        for carry in self.carries():
            if carry["state"] not in ("landed", "written-off"):
                raise Failed(f"carry {carry['number']} is {carry['state']}")
            key = carry["resource"], carry["component"]
            carried[key] = carried.get(key, 0) + hundredths(carry["amount"])
        print(f"{'':24}{'expected':>13}{'told':>13}{'carried':>11}{'residue':>9}{'billed':>12}")
        wrong = []
        for component in COMPONENTS:
            sums = [0] * 5
            for (tenant, agent), resource in self.resources.items():
                before = used.get(("before", tenant, agent, component), 0) * 100
                after = used.get(("after", tenant, agent, component), 0) * 100
                line = lines.get((tenant, resource, component), {})
                told = [rows.get((month, resource, component), 0)
                        for month in (self.month, self.next_month)]
                scale = UNITS[component]
                out = carried.get((resource, component), 0)
                residue = before + after - sum(told) * scale
                place = f"{tenant}/{agent} {component}"
                if int(line.get("metered", -1)) * 100 != before:
                    wrong.append(f"{place}: the statement has {line.get('metered')} metered")
                if told[0] * scale + out != before:
                    wrong.append(f"{place}: {told[0]} told and {out} carried are not {before}")
                if not 0 <= residue < scale:
                    wrong.append(f"{place}: {residue} of {before + after} are nowhere")
                for month, amount in zip((self.month, self.next_month), told):
                    if items.get((month, resource, component), (0, 0))[0] != amount:
                        wrong.append(f"{place}: {month}'s invoice has another quantity")
                    due = PRICES[component]
                    if month == self.next_month and PLANS[tenant] == "Premium":
                        due = DEARER.get(component, due)
                    if amount and float(items[month, resource, component][1]) != float(due):
                        wrong.append(f"{place}: {month}'s invoice item has another price")
                billed = sum(items.get((month, resource, component), (0, 0))[0]
                             for month in (self.month, self.next_month))
                for index, amount in enumerate([before + after, sum(told) * scale, out, residue,
                                                billed * scale]):
                    sums[index] += amount
            print(f"{component:<24}" + "".join(
                f"{decimal(amount):>{width}}" for amount, width in zip(sums, (13, 13, 11, 9, 12))))
            if sums[2] <= 0:
                wrong.append(f"no {component} were carried")
        if wrong:
            raise Failed("\n  ".join(["the figures are not the trace's:"] + wrong))
        print("0 differences, resource by resource, in quantities and prices of both months")

    def told(self):
        """What the double has, by month, resource and component: rows, and items with their price."""
        rows, items = {}, {}
        for resource in self.resources.values():
            for row in self.pages("/api/marketplace-component-usages/?resource_uuid=" + resource):
                key = row["billing_period"][:7], resource, row["type"]
                rows[key] = rows.get(key, 0) + hundredths(row["usage"])
        for item in self.pages("/api/provider-invoice-items/"):
            component = item["details"].get("offering_component_type")
            if component in COMPONENTS:
                key = item["start"][:7], item["details"]["resource_uuid"], component
                items[key] = (items.get(key, (0, 0))[0] + hundredths(item["quantity"]),
                              item["unit_price"])
        return rows, items

    def what_next(self):
        tool = self.binaries / "meterctl"
        print(f"""
Look at it:
  less {self.directory}/acme.json
  {tool} verify {self.data}
  {tool} inspect {self.data}
  less {self.directory}/server.log
Then: Documentation/Finance.md closes a month step by step, Documentation/Waldur.md says what Waldur is told.""")


if __name__ == "__main__":
    sys.exit(main())
