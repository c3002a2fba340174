"""The double as the suite starts it: one provider, two buyers, an offering with two plans."""

import json
import subprocess

PROVIDER, SECOND, STAFF, BUYER = ("a" * 40, "b" * 40, "c" * 40, "d" * 40)
OFFERING = "0ff00000000000000000000000000001"
PLAN = "91a00000000000000000000000000001"
OTHER_PROJECT = "9200000000000000000000000000000b"


def fixture():
    prices = {"agent_calls": "0.02", "tokens": "0.0000031250", "capped": "1", "base_fee": "2"}
    return {
        "customers": [{"name": "Provider"}, {"name": "One"}, {"name": "Two"}],
        "projects": [
            {"name": "P1", "customer": "One"},
            {"name": "P2", "customer": "Two", "uuid": OTHER_PROJECT},
        ],
        "users": [
            {"username": "meter", "token": PROVIDER, "roles": [{"role": "owner", "customer": "Provider"}]},
            {"username": "second", "token": SECOND, "roles": [{"role": "owner", "customer": "Provider"}]},
            {"username": "staff", "token": STAFF, "staff": True},
            {"username": "buyer", "token": BUYER, "roles": [{"role": "owner", "customer": "One"}]},
        ],
        "offerings": [
            {
                "name": "Agent",
                "customer": "Provider",
                "uuid": OFFERING,
                "components": [
                    {"type": "agent_calls"},
                    {"type": "tokens"},
                    {"type": "capped", "limit_period": "total", "limit_amount": 100},
                    {"type": "unpriced"},
                    {"type": "base_fee", "billing_type": "fixed"},
                ],
                "plans": [
                    {"name": "Standard", "uuid": PLAN, "prices": prices, "quotas": {"base_fee": 1}},
                    {"name": "Premium", "prices": {**prices, "agent_calls": "0.01"}, "quotas": {"base_fee": 1}},
                ],
            }
        ],
        "resources": [
            {
                "name": name,
                "offering": "Agent",
                "project": "P1",
                "plan": "Standard",
                "uuid": uuid,
                "created": "2026-11-10T00:00:00Z",
            }
            for name, uuid in RESOURCES.items()
        ],
    }


# Each behaviour that changes a resource for good has one of its own.
RESOURCES = {name: f"{number:032x}" for number, name in enumerate(
    ["main", "switched", "ended", "moved", "late", "ordered"], start=0x11)}


class Double:
    """A double of its own, on a clock that stands until it is moved."""

    def __init__(self, binary, time="2026-11-20T12:00:00Z"):
        self.process = subprocess.Popen(
            [binary, "--port", "0", "--time", time, "--fixture-json", json.dumps(fixture())],
            stdout=subprocess.PIPE, text=True,
        )
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            raise SystemExit("the double does not start")

    def stop(self):
        self.process.terminate()
        self.process.wait()
