#!/usr/bin/env python3
"""Tries out the rules of Waldur that Meter relies on: one table of behaviours, expected and seen.

WALDUR_URL                      a real Waldur; without it the double that WALDUR_DOUBLE names
WALDUR_TOKEN, WALDUR_TOKEN_FILE the reporting account's token; never an argument, which others could read
WALDUR_RESOURCE                 a resource for trials whose figures of this month may change. They are put back,
                                and each change is on its customer's invoice until then. Without it nothing is written
WALDUR_SECOND_TOKEN             another account that may report it, to see what a foreign write looks like

Exits 1 where a behaviour differs, 2 where Waldur cannot be asked.
"""

import os
import sys
import textwrap

import double as doubles
from behaviours import BEHAVIOURS, Differs, NotTried
from waldur import Unreadable, Waldur


class World:
    """What behaviours are tried on: a Waldur, what may be written there, and, for the double, its controls."""

    def __init__(self, waldur, resource, second=None, is_double=False):
        self.waldur, self._resource, self.second, self.is_double = waldur, resource, second, is_double
        self.before = {}
        # Left by one behaviour for another.
        self.ended_period = None

    @property
    def month(self):
        return self.waldur.now().strftime("%Y-%m")

    @property
    def resource(self):
        if not self._resource:
            raise NotTried("WALDUR_RESOURCE names no resource to write to")
        return self._resource

    def of_double(self, name, why):
        """A resource of the double's that may be changed for good; on a real Waldur the behaviour is not tried."""
        if not self.is_double:
            raise NotTried(why)
        return doubles.RESOURCES[name]

    @property
    def staff(self):
        return self.waldur.account(doubles.STAFF)

    @property
    def buyer(self):
        return self.waldur.account(doubles.BUYER)

    def control(self, route, **body):
        answer = self.waldur.post(f"/double/{route}", body)
        assert answer.status == 200, answer.brief

    @property
    def calls(self):
        """How many calls the double has had."""
        return self.waldur.get("/double/dump").json["calls"]

    def component(self, is_capped=False):
        """A component of the trial resource that is billed by usage and has a price."""
        found = self.waldur.get(f"/api/marketplace-provider-resources/{self.resource}/").json
        offering = self.waldur.get(f"/api/marketplace-provider-offerings/{found['offering_uuid']}/").json
        plan = next(p for p in offering["plans"] if p["uuid"] == found["plan_uuid"])
        for component in offering["components"]:
            if component["billing_type"] != "usage" or component["type"] not in plan["prices"]:
                continue
            if bool(component.get("limit_amount")) == is_capped:
                return component
        raise NotTried("the offering has no component " + ("with a limit amount" if is_capped else "by usage"))

    def remember(self):
        """Keeps what the trial resource shows, to put it back."""
        if self._resource and not self.is_double:
            for period in self.waldur.periods(self._resource):
                if period["end"] is None:
                    self.before = {row["type"]: row["usage"] for row in period["components"]}

    def put_back(self):
        if not self._resource or self.is_double:
            return
        for period in self.waldur.periods(self._resource):
            for row in period["components"]:
                usual = self.before.get(row["type"], "0.00")
                if period["end"] is None and row["usage"] != usual:
                    answer = self.waldur.report(self._resource, (row["type"], usual))
                    if answer.status != 201:
                        print(f"could not put back {row['type']} to {usual}: {answer.brief}", file=sys.stderr)


def secret(name):
    path = os.environ.get(name + "_FILE")
    if path:
        with open(path, encoding="utf-8") as file:
            return file.read().strip()
    return os.environ.get(name, "").strip()


def attempt(behaviour, world):
    try:
        return "as expected", behaviour.trial(world) or "as expected"
    except NotTried as reason:
        return "not tried", str(reason)
    except Differs as difference:
        return "DIFFERS", str(difference)
    except Unreadable as trouble:
        return "DIFFERS", str(trouble)


def table(rows, widths=(4, 24, 44, 11, 56)):
    def line(cells):
        wrapped = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, widths)]
        for part in range(max(map(len, wrapped))):
            cells = [w[part] if part < len(w) else "" for w in wrapped]
            print("  ".join(cell.ljust(width) for cell, width in zip(cells, widths)).rstrip())

    line(["no", "behaviour", "expected", "", "seen, or why not tried"])
    print("  ".join("-" * width for width in widths))
    for row in rows:
        line(row)


def main():
    url, started = os.environ.get("WALDUR_URL"), None
    if url:
        token = secret("WALDUR_TOKEN")
        if not token:
            print("set WALDUR_TOKEN or WALDUR_TOKEN_FILE: the token of the reporting account", file=sys.stderr)
            return 2
        world = World(Waldur(url, token), os.environ.get("WALDUR_RESOURCE"), secret("WALDUR_SECOND_TOKEN") or None)
    else:
        started = doubles.Double(os.environ["WALDUR_DOUBLE"])
        world = World(
            Waldur(started.url, doubles.PROVIDER), doubles.RESOURCES["main"], doubles.SECOND, is_double=True
        )
    try:
        user = world.waldur.get("/api/users/me/")
        if user.status != 200:
            print(f"{world.waldur.base} does not know the account: {user.brief}", file=sys.stderr)
            return 2
        print(f"{'the double' if started else world.waldur.base}, account {user.json['username']}\n")
        world.remember()
        rows = []
        try:
            for number, behaviour in enumerate(BEHAVIOURS, start=1):
                verdict, seen = attempt(behaviour, world)
                rows.append([str(number), behaviour.name, behaviour.expected, verdict, seen])
        finally:
            world.put_back()
        table(rows)
        counts = {v: sum(row[3] == v for row in rows) for v in ("as expected", "DIFFERS", "not tried")}
        print("\n" + ", ".join(f"{count} {verdict}" for verdict, count in counts.items()))
        # Of the double everything can be tried.
        return 1 if counts["DIFFERS"] or started and counts["not tried"] else 0
    except OSError as error:
        print(f"{world.waldur.base} cannot be asked: {error}", file=sys.stderr)
        return 2
    finally:
        if started:
            started.stop()


if __name__ == "__main__":
    sys.exit(main())
