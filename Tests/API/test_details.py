"""What details add to the usage API, against a naive model over HTTP: percentiles of a production trace, splits,
the period before, filters and groups, erasure, and which credential sees which field.
"""

import collections
import csv
import io
import json
import math
import random
import time
import unittest

from server import ROOT, Server, encode

TRACE = ROOT.parent / "shared" / "data" / "AzureLLMInferenceTrace_code.csv"
USAGE_API = (ROOT / "Documentation" / "UsageAPI.md").read_text()
STATED_ERROR = 1 / 64
OUTCOMES = ["ok", "error", "refused", "cached"]


def text(second):
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


def exact(values, per_mille):
    """Nearest rank: the least value that at least so many of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(len(ordered) * per_mille / 1000), 1) - 1]


class DetailsCase(unittest.TestCase):
    arguments = ()

    @classmethod
    def setUpClass(cls):
        # A checkpoint every second: what is asked for is live, being written and in files.
        cls.server = Server("--checkpoint-seconds", "1", *cls.arguments)
        cls.platform = cls.server.key("ingest", "usage", "usage-users", platform=["all"])
        # A whole hour that is over, and so many more before it.
        cls.hour = int(time.time()) // 3600 * 3600 - 7200

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def send(self, events):
        """(second, tenant, agent, amounts, further data) each."""
        for first in range(0, len(events), 2000):
            batch = [
                {
                    "specversion": "1.0", "type": "agent.call", "source": "/details",
                    "id": f"{time.monotonic_ns()}-{number}", "time": text(second), "subject": agent,
                    "data": {"tenant": tenant, "amounts": amounts, **further},
                }
                for number, (second, tenant, agent, amounts, further) in enumerate(events[first : first + 2000])
            ]
            reply = self.server.call(
                "POST", "/api/v1/events", json.dumps(batch), key=self.platform,
                headers={"Content-Type": "application/cloudevents-batch+json"},
            )
            self.assertEqual(reply.status, 200, reply.text)

    def ask(self, target, key=None, status=200):
        reply = self.server.call("GET", target, key=key or self.platform)
        self.assertEqual(reply.status, status, reply.text)
        return reply

    def usage(self, agent, query, tenant="acme"):
        return self.ask(f"/api/v1/tenants/{tenant}/agents/{encode(agent)}/usage?{query}").json

    def period(self, first=0, last=1):
        return f"from={text(self.hour + first * 3600)}&to={text(self.hour + last * 3600)}"


class PercentileTests(DetailsCase):
    def assertPercentiles(self, shown, values):
        self.assertEqual(shown["count"], str(len(values)))
        for per_mille in (500, 950, 990):
            true = exact(values, per_mille)
            error = abs(int(shown[f"p{per_mille // 10}"]) - true) / max(true, 1)
            self.assertLessEqual(error, STATED_ERROR, f"{per_mille} of {len(values)}")

    def calls(self):
        """(input, output) of each call of the trace; of a made-up one where the trace is not here."""
        if not TRACE.exists():
            print(f"the trace is not at {TRACE}: percentiles are compared on made-up calls")
            draw = random.Random(7)
            return [(int(draw.paretovariate(1.1) * 50), draw.randrange(1, 900)) for _ in range(4000)]
        with open(TRACE) as file:
            return [(int(row["ContextTokens"]), int(row["GeneratedTokens"])) for row in csv.DictReader(file)]

    def test_percentiles_of_the_trace_are_within_the_stated_error(self):
        calls = self.calls()
        self.send([
            (
                self.hour + number % 3600, "acme", "coder", {"input_tokens": given, "output_tokens": made},
                # The trace has no durations: 50 ms and 12 ms for each token that was generated.
                {
                    "model": f"model-{number % 3}", "user": f"user-{number % 40}",
                    "outcome": OUTCOMES[number % 7 % 4], "duration_ms": 50 + 12 * made,
                },
            )
            for number, (given, made) in enumerate(calls)
        ])
        answer = self.usage("coder", self.period() + "&split=model,user&split=outcome")
        details = answer["details"]
        self.assertEqual(float(details["relativeError"]), STATED_ERROR)
        self.assertTrue(details["complete"])
        self.assertEqual(details["calls"], str(len(calls)))
        self.assertPercentiles(details["tokensPerCall"], [a + b for a, b in calls])
        self.assertPercentiles(details["durationMs"], [50 + 12 * b for _, b in calls])
        self.assertNotIn("series", details)
        self.assertSeries("coder", calls)
        for split, of in (
            ("model", lambda n: f"model-{n % 3}"), ("user", lambda n: f"user-{n % 40}"),
            ("outcome", lambda n: OUTCOMES[n % 7 % 4]),
        ):
            parts = collections.defaultdict(list)
            for number, call in enumerate(calls):
                parts[of(number)].append(call)
            rows = details["splits"][split]
            self.assertEqual({row["value"] for row in rows}, set(parts))
            counts = [int(row["calls"]) for row in rows]
            self.assertEqual(counts, sorted(counts, reverse=True), "most calls first")
            for row in rows:
                own = parts[row["value"]]
                self.assertEqual(row["calls"], str(len(own)))
                self.assertPercentiles(row["tokensPerCall"], [a + b for a, b in own])
                self.assertPercentiles(row["durationMs"], [50 + 12 * b for _, b in own])
                self.assertEqual(
                    {c["component"]: c["total"] for c in row["components"]},
                    {"input_tokens": str(sum(a for a, _ in own)), "output_tokens": str(sum(b for _, b in own))},
                )


    def assertSeries(self, agent, calls):
        """Windows have the figures of their own calls, and those of one window are those of the period."""
        whole = self.usage(agent, self.period(-1, 2) + "&windowSize=HOUR")["details"]["series"]
        self.assertEqual([row["calls"] for row in whole], ["0", str(len(calls)), "0"])
        self.assertIsNone(whole[0]["durationMs"])
        self.assertPercentiles(whole[1]["tokensPerCall"], [a + b for a, b in calls])
        self.assertEqual(whole[1]["windowStart"], text(self.hour))
        # Adelaide is half an hour off, so that an hour of its is two halves of UTC's.
        halves = self.usage(agent, self.period() + "&windowSize=HOUR&windowTimeZone=Australia/Adelaide")
        halves = halves["details"]["series"]
        self.assertEqual(len(halves), 2)
        for row, part in zip(halves, (0, 1)):
            own = [call for number, call in enumerate(calls) if number % 3600 // 1800 == part]
            self.assertEqual(row["calls"], str(len(own)))
            self.assertPercentiles(row["tokensPerCall"], [a + b for a, b in own])
            self.assertEqual(sum(int(n) for n in row["outcomes"].values()), len(own))
        # Minutes are finer than details are kept.
        self.assertNotIn("series", self.usage(agent, self.period() + "&windowSize=MINUTE")["details"])


class ModelTests(DetailsCase):
    """Random calls against dictionaries."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        draw = random.Random(11)
        cls.events = []
        for _ in range(1500):
            further = {"outcome": draw.choice(OUTCOMES)}
            if draw.random() < 0.9:
                further["model"] = draw.choice(["m1", "m2", "=m3"])
            if draw.random() < 0.9:
                further["user"] = draw.choice(["annabel", "bob", "cy"])
            if draw.random() < 0.8:
                further["duration_ms"] = draw.randrange(60)
            amounts = {"input_tokens": draw.randrange(1 << 40)}
            if draw.random() < 0.5:
                amounts["agent_calls"] = 1
            # Three hours, the middle one of which is asked for.
            cls.events.append(
                (
                    cls.hour + draw.randrange(-3600, 7200), draw.choice(["acme", "acme", "zeta"]),
                    draw.choice(["bot", "aide"]), amounts, further,
                )
            )
        cls.send(cls(), cls.events)

    def matching(self, tenant=None, agent=None, first=0, last=1, **further):
        for event in self.events:
            second, own_tenant, own_agent, _, data = event
            if not self.hour + first * 3600 <= second < self.hour + last * 3600:
                continue
            if tenant and own_tenant != tenant or agent and own_agent != agent:
                continue
            if all(data.get(name) == value for name, value in further.items()):
                yield event

    def figures(self, events):
        """What the answer should say of these events."""
        events = list(events)
        components = collections.Counter()
        counts = collections.Counter()
        for _, _, _, amounts, _ in events:
            for name, amount in amounts.items():
                components[name] += amount
                counts[name] += 1
        return {
            "calls": str(len(events)),
            "outcomes": {o: str(sum(1 for e in events if e[4]["outcome"] == o)) for o in OUTCOMES},
            "lastEvent": text(max(e[0] for e in events)) if events else None,
            "durationMs": self.percentiles([e[4]["duration_ms"] for e in events if "duration_ms" in e[4]]),
            "components": [
                {"component": name, "total": str(components[name]), "count": str(counts[name])}
                for name in sorted(components)
            ],
        }

    def percentiles(self, values):
        """Exact: the durations here are below 64, where each value has a bucket of its own."""
        if not values:
            return None
        return {"count": str(len(values)), **{f"p{p // 10}": str(exact(values, p)) for p in (500, 950, 990)}}

    def assertShows(self, shown, expected, leaving=()):
        for name, value in expected.items():
            if name not in leaving:
                self.assertEqual(shown[name], value, name)

    def test_one_agent_its_splits_and_the_hour_before(self):
        answer = self.usage("bot", self.period() + "&compare=previous&split=model,user,outcome")
        details = answer["details"]
        self.assertEqual((details["from"], details["to"]), (text(self.hour), text(self.hour + 3600)))
        now, before = {}, {"first": -1, "last": 0}
        for shown, when in ((details, now), (details["previous"], before)):
            self.assertShows(shown, self.figures(self.matching("acme", "bot", **when)), ["components"])
        for split in ("model", "user", "outcome"):
            values = {e[4].get(split) for e in self.matching("acme", "bot")}
            self.assertEqual({row["value"] for row in details["splits"][split]}, values)
            for row in details["splits"][split]:
                for shown, when in ((row, now), (row["previous"], before)):
                    self.assertShows(
                        shown, self.figures(self.matching("acme", "bot", **when, **{split: row["value"]}))
                    )

    def test_usage_and_details_are_of_one_moment_and_agree(self):
        answer = self.usage("bot", self.period() + "&split=outcome")
        for component in answer["components"]:
            parts = [
                int(own["total"])
                for row in answer["details"]["splits"]["outcome"]
                for own in row["components"]
                if own["component"] == component["component"]
            ]
            self.assertEqual(sum(parts), int(component["total"]))

    def test_a_period_within_a_quarter_hour_is_widened_and_says_so(self):
        first, last = text(self.hour + 60), text(self.hour + 120)
        details = self.usage("bot", f"from={first}&to={last}")["details"]
        self.assertEqual((details["from"], details["to"]), (text(self.hour), text(self.hour + 900)))
        self.assertShows(details, self.figures(self.matching("acme", "bot", 0, 0.25)), ["components"])

    def test_the_csv_has_the_same_figures(self):
        query = self.period() + "&compare=previous&split=model,outcome"
        shown = self.usage("bot", query)["details"]
        reply = self.ask(f"/api/v1/tenants/acme/agents/bot/usage?{query}&format=csv")
        rows = list(csv.DictReader(io.StringIO(reply.text)))
        self.assertNotIn("annabel", reply.text)
        expected = []
        for part, start in ((lambda d: d, self.hour), (lambda d: d["previous"], self.hour - 3600)):
            expected.append((text(start), "", "", part(shown)["calls"], part(shown)["durationMs"]["p95"]))
            for split in ("model", "outcome"):
                for row in shown["splits"][split]:
                    value = row["value"] or ""
                    # What a spreadsheet would run has an apostrophe in front.
                    value = "'" + value if value.startswith("=") else value
                    duration = part(row)["durationMs"] or {"p95": ""}
                    expected.append((text(start), split, value, part(row)["calls"], duration["p95"]))
        self.assertEqual(
            [(r["windowStart"], r["split"], r["value"], r["calls"], r["durationMs.p95"]) for r in rows], expected
        )

    def test_the_list_has_calls_outcomes_and_the_latest_event(self):
        page = self.ask(f"/api/v1/tenants/acme/agents?{self.period()}").json
        self.assertEqual([each["agent"] for each in page["agents"]], ["aide", "bot"])
        self.assertTrue(page["details"]["complete"])
        for each in page["agents"]:
            expected = self.figures(self.matching("acme", each["agent"]))
            self.assertShows(each, expected, ["durationMs"])
        reply = self.ask(f"/api/v1/tenants/acme/agents?{self.period()}&format=csv")
        rows = list(csv.DictReader(io.StringIO(reply.text)))
        self.assertEqual([r["error"] for r in rows], [a["outcomes"]["error"] for a in page["agents"]])
        self.assertEqual([r["lastEvent"] for r in rows], [a["lastEvent"] for a in page["agents"]])

    def test_a_meter_by_model_user_and_outcome(self):
        groups = ["tenant", "agent", "model", "user", "outcome"]
        answer = self.ask(
            f"/api/v1/meters/input_tokens/query?{self.period(0, 2)}&windowSize=HOUR&groupBy={','.join(groups)}"
        ).json
        self.assertTrue(answer["details"]["complete"])
        expected = collections.defaultdict(lambda: [0, 0])
        keys = set()
        for second, tenant, agent, amounts, data in self.matching(last=2):
            key = (tenant, agent, data.get("model"), data.get("user"), data["outcome"])
            keys.add(key)
            row = expected[(text(second // 3600 * 3600), *key)]
            row[0] += amounts["input_tokens"]
            row[1] += 1
        shown = {
            (row["windowStart"], *(row["groupBy"][name] for name in groups)): [int(row["value"]), int(row["count"])]
            for row in answer["data"]
        }
        self.assertEqual(len(answer["data"]), 2 * len(keys), "zeros included")
        self.assertEqual({k: v for k, v in shown.items() if v[1]}, dict(expected))

    def test_filters_by_model_user_and_outcome(self):
        for filters in (
            {"model": "m1"}, {"user": "bob"}, {"outcome": "error"},
            {"model": "=m3", "user": "annabel", "outcome": "ok", "tenant": "zeta"}, {"model": "unheard-of"},
        ):
            query = "".join(f"&{encode(f'filterGroupBy[{n}]')}={encode(v)}" for n, v in filters.items())
            (row,) = self.ask(f"/api/v1/meters/input_tokens/query?{self.period()}{query}").json["data"]
            total = sum(e[3]["input_tokens"] for e in self.matching(**filters))
            self.assertEqual(row["value"], str(total), filters)

    def test_sums_by_detail_are_those_of_usage(self):
        whole = self.ask(f"/api/v1/meters/agent_calls/query?{self.period()}").json["data"]
        for name in ("model", "user", "outcome"):
            rows = self.ask(f"/api/v1/meters/agent_calls/query?{self.period()}&groupBy={name}").json["data"]
            for figure in ("value", "count"):
                self.assertEqual(sum(int(r[figure]) for r in rows), int(whole[0][figure]))

    def test_what_details_cannot_answer_is_refused(self):
        meter = "/api/v1/meters/input_tokens/query?"
        minute = f"from={text(self.hour + 60)}&to={text(self.hour + 3600)}"
        self.ask(meter + minute)
        self.assertIn("quarter hour", self.ask(meter + minute + "&groupBy=model", status=400).text)
        self.ask(meter + self.period() + "&windowSize=MINUTE&groupBy=outcome", status=400)
        self.ask(meter + self.period() + "&filterGroupBy%5Boutcome%5D=bad", status=400)
        self.ask("/api/v1/tenants/acme/agents/bot/usage?split=colour", status=400)
        # Without `to` the period ends with the quarter hour of now.
        answer = self.ask(meter + "groupBy=model").json
        self.assertEqual(answer["details"]["to"], answer["to"])


class FoldingTests(DetailsCase):
    arguments = ("--limits-detail-users", "3", "--limits-detail-models", "2")

    def test_what_a_limit_folds_still_adds_up(self):
        self.send([
            (self.hour, "acme", "bot", {"input_tokens": 1 << n}, {"user": f"user-{n}", "model": f"model-{n}"})
            for n in range(30)
        ])
        answer = self.usage("bot", self.period() + "&split=user,model")
        for split in ("user", "model"):
            rows = answer["details"]["splits"][split]
            self.assertIn("__other__", [row["value"] for row in rows])
            self.assertLess(len(rows), 30)
            self.assertEqual(
                sum(int(c["total"]) for row in rows for c in row["components"]), (1 << 30) - 1
            )
        self.assertEqual(answer["components"][0]["total"], str((1 << 30) - 1))


class ErasureTests(DetailsCase):
    def test_an_erased_user_is_in_no_answer_and_every_sum_stays(self):
        self.send([
            (
                self.hour + n, "acme", "bot", {"input_tokens": 1000 + n},
                {"user": ["annabel", "bob"][n % 2], "model": "m1"},
            )
            for n in range(20)
        ])
        targets = [
            f"/api/v1/tenants/acme/agents/bot/usage?{self.period()}&split=user,model",
            f"/api/v1/tenants/acme/agents/bot/usage?{self.period()}&split=user&format=csv",
            f"/api/v1/tenants/acme/agents?{self.period()}",
            f"/api/v1/meters/input_tokens/query?{self.period()}&groupBy=user",
            f"/api/v1/meters/input_tokens/query?{self.period()}&groupBy=user&format=csv",
            f"/api/v1/meters/input_tokens/query?{self.period()}",
            f"/api/v1/meters/input_tokens/query?{self.period()}&groupBy=user&filterGroupBy%5Buser%5D=annabel",
        ]
        before = [self.ask(target) for target in targets]
        self.assertIn("annabel", before[0].text)
        erased = self.server.call(
            "POST", "/admin/v1/details/erase", {"tenant": "acme", "user": "annabel", "reason": "asked for"}, admin=True
        )
        self.assertEqual(erased.status, 202, erased.text)

        def check():
            for target, old in zip(targets, before):
                # What a browser keeps of the answer with the name is not confirmed any more.
                tag = dict(old.headers)["ETag"]
                reply = self.server.call("GET", target, key=self.platform, headers={"If-None-Match": tag})
                if "annabel" in old.text:
                    self.assertEqual(reply.status, 200, target)
                self.assertNotIn("annabel", reply.text, target)
            self.assertEqual(self.ask(targets[5]).json["data"], before[5].json["data"])
            self.assertEqual(self.ask(targets[6]).json["data"], [])
            rows = {r["groupBy"]["user"]: r["value"] for r in self.ask(targets[3]).json["data"]}
            old = {r["groupBy"]["user"]: r["value"] for r in before[3].json["data"]}
            self.assertEqual(rows, {"__erased__": old["annabel"], "bob": old["bob"]})
            now, then = self.ask(targets[0]).json["details"], before[0].json["details"]
            for name in ("calls", "outcomes", "lastEvent", "durationMs", "tokensPerCall"):
                self.assertEqual(now[name], then[name])
            self.assertEqual(now["splits"]["model"], then["splits"]["model"])

        # At once; and when files are written anew.
        check()
        deadline = time.monotonic() + 120
        while self.server.call("GET", "/admin/v1/details", admin=True).json["erasuresPending"]:
            self.assertLess(time.monotonic(), deadline, "the erasure was not carried out")
            time.sleep(0.1)
        check()
        # Neither what everybody may read nor the log has the name.
        self.assertNotIn("annabel", self.server.call("GET", "/metrics").text)
        self.assertNotRegex(self.server.logged, r"\bann\b")


class FieldTests(DetailsCase):
    """The table of fields in UsageAPI.md, row by row and column by column."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        server = cls.server
        platform = server.key("usage", "usage-users", platform=["acme"])
        cls.keys = {
            "`usage`": server.key("usage", tenant="acme"),
            "`usage`, `usage-users`": server.key("usage", "usage-users", tenant="acme"),
            "token": server.token(platform, "acme"),
            "token with `users`": server.token(platform, "acme", users=True),
            "token for `components`": server.token(platform, "acme", components=["input_tokens"]),
        }
        cls.send(
            cls(),
            [
                (
                    cls.hour + n, "acme", "bot", {"input_tokens": 7, "output_tokens": 31337},
                    {"model": "m1", "user": "annabel", "outcome": "error", "duration_ms": 5},
                )
                for n in range(3)
            ],
        )

    # Of each row of the table: what is asked, and whether the answer shows the field.
    FIELDS = {
        "calls, outcomes, latest event": ("usage", "", lambda j: j["details"]["calls"] == "3"),
        "percentiles of durations": ("usage", "", lambda j: j["details"]["durationMs"]["p99"] == "5"),
        "percentiles of tokens per call": ("usage", "", lambda j: j["details"]["tokensPerCall"] is not None),
        "by model, by outcome": ("usage", "&split=model,outcome", lambda j: j["details"]["splits"]["model"]),
        "by user": ("usage", "&split=user", lambda j: j["details"]["splits"]["user"][0]["value"] == "annabel"),
        "a meter by user": ("meter", "&groupBy=user", lambda j: j["data"][0]["groupBy"]["user"] == "annabel"),
        "a meter of one user": ("meter", "&filterGroupBy%5Buser%5D=annabel", lambda j: j["data"][0]["value"] == "21"),
        "components that are not named": (
            "usage", "&split=model",
            lambda j: "31337" in json.dumps(j) or "94011" in json.dumps(j),
        ),
    }

    def table(self):
        lines = USAGE_API.split("Another test is made from this one.")[1].strip().splitlines()
        cells = [[c.strip() for c in line.strip("|").split("|")] for line in lines if line.startswith("|")]
        return cells[0][1:], [row for row in cells[2:] if len(row) == len(cells[0])]

    def test_every_credential_sees_what_the_table_says(self):
        columns, rows = self.table()
        self.assertEqual(set(columns), set(self.keys))
        self.assertEqual({row[0] for row in rows}, set(self.FIELDS))
        for name, *cells in rows:
            route, query, found = self.FIELDS[name]
            base = {
                "usage": "/api/v1/tenants/acme/agents/bot/usage?", "meter": "/api/v1/meters/input_tokens/query?",
            }[route]
            for column, cell in zip(columns, cells):
                with self.subTest(f"{name}, {column}"):
                    target = base + self.period() + query
                    reply = self.server.call("GET", target, key=self.keys[column])
                    self.assertIn(reply.status, (200, 403))
                    shown = reply.status == 200 and bool(found(reply.json))
                    self.assertEqual(shown, cell == "yes")
                    exported = self.server.call("GET", target + "&format=csv", key=self.keys[column])
                    self.assertEqual(exported.status, reply.status)
                    for reply in (reply, exported):
                        if "users" not in column:
                            self.assertNotIn("annabel", reply.text)
                        if "components" in column:
                            self.assertNotRegex(reply.text, "output_tokens|31337|31344|94011")

    def test_no_answer_without_the_scope_names_a_user(self):
        for column in ("`usage`", "token", "token for `components`"):
            for target in (
                f"/api/v1/tenants/acme/agents?{self.period()}",
                f"/api/v1/tenants/acme/agents/bot/usage?{self.period()}&split=model,outcome",
                f"/api/v1/meters/input_tokens/query?{self.period()}&groupBy=model,outcome,agent",
            ):
                for form in ("", "&format=csv"):
                    self.assertNotIn("annabel", self.ask(target + form, key=self.keys[column]).text)



if __name__ == "__main__":
    unittest.main()
