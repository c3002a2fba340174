"""No credential reaches another tenant's data: every route × every parameter that names something × every
credential, made from the document; and who may do what, made from the table of UsageAPI.md.

A parameter that the document gets and that is not classified here fails the tests.
"""

import re
import unittest

import yaml
from server import ROOT, Server, encode

DOCUMENT = yaml.safe_load((ROOT / "Documentation" / "openapi.yaml").read_text())
USAGE_API = (ROOT / "Documentation" / "UsageAPI.md").read_text()
RESOURCE = "9f3c0000000000000000000000000001"

# What of the foreign tenant must be in no answer to anybody else: its agents, components, labels, figures.
SECRETS = ["zeta-agent", "zeta_component", "zeta-label", "zeta-user", "zeta-model", "987654321"]
OWN, FOREIGN, ABSENT = "acme", "zeta-tenant", "absent-tenant"

# Parameters that name something of a tenant's: (what the foreign tenant has, what nobody has).
NAMING = {
    "tenant": (FOREIGN, ABSENT),
    "agent": ("zeta-agent", "absent-agent"),
    "subject": ("zeta-agent", "absent-agent"),
    "component": ("zeta_component", "absent_component"),
    "project": ("zeta-label", "absent-label"),
    "filterGroupBy[tenant]": (FOREIGN, ABSENT),
    "filterGroupBy[agent]": ("zeta-agent", "absent-agent"),
    "filterGroupBy[subject]": ("zeta-agent", "absent-agent"),
    "filterGroupBy[access]": (None, "0" * 32),
    "filterGroupBy[model]": ("zeta-model", "absent-model"),
    "filterGroupBy[user]": ("zeta-user", "absent-user"),
    "cursor": (None, "e30"),
    "sort": ("-total.zeta_component", "-total.absent_component"),
}
# Parameters that choose how an answer looks, with a value for each.
SHAPING = {
    "from": "2026-01-01T00:00:00Z", "to": None, "windowSize": None, "windowTimeZone": "UTC",
    "groupBy": "tenant,agent,access,component,model,outcome", "split": "model,outcome", "format": "csv", "If-None-Match": 'W/"0"',
    "compare": "previous", "state": "shadow", "limit": "1000", "everySeconds": "60", "waldur": "waldur",
    "class": "advisory", "period": None, "filterGroupBy": None, "filterGroupBy[outcome]": "ok",
}


def parameters(operation):
    shared = DOCUMENT["components"]["parameters"]
    for parameter in operation.get("parameters", []):
        if "$ref" in parameter:
            parameter = shared[parameter["$ref"].rsplit("/", 1)[1]]
        yield parameter
        if parameter["name"] == "filterGroupBy":
            for name in parameter["schema"]["properties"]:
                yield {"name": f"filterGroupBy[{name}]", "in": "query"}


def reading_routes():
    """(path, operation) of every route that reads usage or billing."""
    for path, item in DOCUMENT["paths"].items():
        operation = item.get("get", {})
        if path.startswith("/api/") and operation:
            yield path, operation


class World(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = server = Server("--http-cors-origins", "https://portal.example")
        runtime = server.key("ingest", platform=["all"])
        cls.keys = {
            "ingest": server.key("ingest", tenant=OWN),
            "usage": server.key("usage", tenant=OWN),
            "usage-users": server.key("usage-users", tenant=OWN),
            "finance": server.key("finance", tenant=OWN),
            "every scope": server.key("ingest", "usage", "usage-users", "finance", tenant=OWN),
            "platform": server.key("usage", "usage-users", "finance", platform=[OWN]),
        }
        cls.admin = server.key("admin", platform=[OWN])
        cls.keys["token"] = server.token(cls.keys["platform"], OWN)
        cls.keys["token with users"] = server.token(cls.keys["platform"], OWN, users=True)
        cls.keys["narrow token"] = server.token(
            cls.keys["platform"], OWN, agents=["bot"], components=["input_tokens"]
        )
        cls.zeta = server.key("usage", "usage-users", "finance", tenant=FOREIGN)
        server.send(
            runtime,
            [
                (OWN, "bot", {"input_tokens": 11}, {"model": "m1", "user": "u1"}),
                (OWN, "aide", {"output_tokens": 22}, {}),
                (
                    FOREIGN, "zeta-agent", {"zeta_component": 987654321, "input_tokens": 987654321},
                    {"model": "zeta-model", "user": "zeta-user"},
                ),
            ],
        )
        bound = server.call(
            "POST", "/admin/v1/map",
            {"tenant": FOREIGN, "agent": "zeta-agent", "resource": RESOURCE, "label": "zeta-label"},
            admin=True,
        )
        assert bound.status == 201, bound.text
        cls.access = bound.json["access"]

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def get(self, target, key, headers=None):
        """A GET; of a stream only its head is read, since it has no end."""
        if "/live" in target:
            return self.head_of_stream(target, key)
        return self.server.call("GET", target, key=key, headers=headers)

    def head_of_stream(self, target, key):
        import http.client

        from server import Reply

        connection = http.client.HTTPConnection(self.server.address, timeout=10)
        connection.request("GET", target, headers={"Authorization": f"Bearer {key}"})
        response = connection.getresponse()
        try:
            if response.status != 200:
                return Reply(response.status, response.getheaders(), response.read())
            lines = []
            while (line := response.readline()) not in (b"\n", b""):
                lines.append(line)
            return Reply(200, response.getheaders(), b"".join(lines))
        finally:
            response.close()
            connection.close()

    def target(self, path, replaced=None, query=""):
        """The route's own path, or with one of its parts replaced."""
        parts = {"tenant": OWN, "agent": "bot", "component": "input_tokens", **(replaced or {})}
        for name, value in parts.items():
            path = path.replace("{" + name + "}", encode(value))
        return path + query

    def value(self, name, kind):
        foreign, absent = NAMING[name]
        if name == "filterGroupBy[access]" and kind == "foreign":
            return self.access
        if name == "cursor" and kind == "foreign":
            page = self.server.call("GET", f"/api/v1/tenants/{FOREIGN}/agents?limit=1&sort=-agent", key=self.zeta)
            return page.json["next"] or "e30"
        return foreign if kind == "foreign" else absent


class IsolationTests(World):
    def assertTellsNothing(self, reply, asked=""):
        for secret in SECRETS + [FOREIGN, self.access, RESOURCE]:
            if secret not in asked:
                self.assertNotIn(secret, reply.text)
                self.assertNotIn(secret, reply.head)

    def test_every_parameter_is_classified(self):
        for path, operation in reading_routes():
            for parameter in parameters(operation):
                self.assertIn(parameter["name"], {*NAMING, *SHAPING}, path)

    def test_the_foreign_tenant_is_there(self):
        reply = self.get(f"/api/v1/tenants/{FOREIGN}/agents", self.zeta)
        self.assertIn("zeta-agent", reply.text)
        self.assertIn("987654321", reply.text)
        self.assertIn("987654321", self.get(f"/api/v1/tenants/{FOREIGN}/billing", self.zeta).text)

    def test_what_is_foreign_answers_like_what_does_not_exist(self):
        count = 0
        for path, operation in reading_routes():
            for parameter in parameters(operation):
                name = parameter["name"]
                if name not in NAMING:
                    continue
                for holder, key in self.keys.items():
                    with self.subTest(f"{path} {name} {holder}"):
                        replies = []
                        for kind in ("foreign", "absent"):
                            value = self.value(name, kind)
                            if parameter["in"] == "path":
                                target = self.target(path, {name: value})
                            else:
                                target = self.target(path, query=f"?{encode(name)}={encode(value)}")
                            reply = self.get(target, key)
                            self.assertTellsNothing(reply, asked=target)
                            text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", reply.text)
                            head = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "TIME", reply.head)
                            head = re.sub(r"'content-length', '\d+'", "LENGTH", head)
                            head = re.sub(r'W/"[0-9a-f]+"', "TAG", head)
                            for word in (value, encode(value)):
                                text = text.replace(word, "NAME")
                            replies.append((reply.status, text, head))
                        if name != "cursor":
                            self.assertEqual(*replies)
                        count += 1
        self.assertGreater(count, 100)

    def test_a_foreign_tenant_is_404_on_every_route_that_names_one(self):
        count = 0
        for path, operation in reading_routes():
            if "{tenant}" not in path:
                continue
            for holder in ("every scope", "platform", "token", "narrow token"):
                if holder.endswith("token") and path.endswith("/billing"):
                    continue
                with self.subTest(f"{path} {holder}"):
                    reply = self.get(self.target(path, {"tenant": FOREIGN}), self.keys[holder])
                    self.assertEqual(reply.status, 404)
                    count += 1
        self.assertGreater(count, 12)

    def test_no_answer_to_a_question_of_ones_own_tells_of_others(self):
        """Every route, plain and in every shape: exports, groups, comparisons."""
        for path, operation in reading_routes():
            shapes = [
                f"{encode(p['name'])}={encode(SHAPING[p['name']])}"
                for p in parameters(operation)
                if p["in"] == "query" and SHAPING.get(p["name"])
            ]
            everything = "?" + "&".join(s for s in shapes if "state" not in s)
            queries = ["", everything] + ["?" + shape for shape in shapes]
            for holder, key in self.keys.items():
                for query in queries:
                    with self.subTest(f"{path}{query} {holder}"):
                        reply = self.get(self.target(path, query=query), key)
                        self.assertIn(reply.status, (200, 403))
                        self.assertTellsNothing(reply)

    def test_a_split_by_user_tells_of_ones_own_users_alone(self):
        count = 0
        for target in (
            "/api/v1/meters/input_tokens/query?groupBy=user,tenant",
            f"/api/v1/tenants/{OWN}/agents/bot/usage?split=user&compare=previous",
        ):
            for form in ("", "&format=csv"):
                for holder, key in self.keys.items():
                    with self.subTest(f"{target}{form} {holder}"):
                        reply = self.get(target + form, key)
                        self.assertTellsNothing(reply)
                        self.assertEqual("u1" in reply.text, reply.status == 200)
                        count += reply.status == 200
        self.assertEqual(count, 12, "three credentials may")

    def test_a_narrow_token_sees_its_agents_and_components_alone(self):
        for path, operation in reading_routes():
            for query in ("", "?format=csv", "?groupBy=agent,model", "?sort=-agent", "?split=model,outcome"):
                reply = self.get(self.target(path, query=query), self.keys["narrow token"])
                with self.subTest(path + query):
                    self.assertNotIn("aide", reply.text)
                    self.assertNotIn("output_tokens", reply.text)

    def test_caches_do_not_pass_answers_on(self):
        """The tag of another's answer, and an answer that another holds, bring nothing."""
        target = f"/api/v1/tenants/{FOREIGN}/agents"
        theirs = dict(self.server.call("GET", target, key=self.zeta).headers)
        for holder, key in self.keys.items():
            for tag in (theirs["ETag"], "*"):
                reply = self.server.call("GET", target, key=key, headers={"If-None-Match": tag})
                self.assertIn(reply.status, (403, 404), holder)
                self.assertTellsNothing(reply, asked=target)
        self.assertIn("private", theirs["Cache-Control"])
        vary = [value for name, value in self.server.call("GET", target, key=self.zeta).headers if name == "Vary"]
        self.assertIn("Authorization", ", ".join(vary))

    def test_what_is_open_to_everybody_names_nobody(self):
        for path, item in DOCUMENT["paths"].items():
            for method, operation in item.items():
                if isinstance(operation, dict) and operation.get("security") == []:
                    reply = self.server.call(method.upper(), path)
                    self.assertTellsNothing(reply)
                    self.assertNotIn(OWN, reply.text)

    def test_events_of_a_foreign_tenant_are_refused_and_nothing_is_told(self):
        for number, tenant in enumerate((FOREIGN, ABSENT)):
            event = (
                '{"specversion":"1.0","type":"t","source":"/s","id":"%d","time":"2099-01-01T00:00:00Z",'
                '"subject":"zeta-agent","data":{"tenant":"%s","amounts":{"in":1}}}' % (number, tenant)
            )
            reply = self.server.call(
                "POST", "/api/v1/events", event, key=self.keys["ingest"],
                headers={"Content-Type": "application/cloudevents+json"},
            )
            self.assertEqual(reply.status, 422)
            self.assertIn("tenant-not-allowed", reply.text)


class MatrixTests(World):
    """The table of UsageAPI.md, row by row and column by column."""

    def rows(self):
        lines = USAGE_API.split("A test is made from this table.")[1].strip().splitlines()
        cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
        table = []
        for row in cells:
            if len(row) != len(cells[0]):
                break
            table.append(row)
        return table[0][1:], table[2:]

    def targets(self, what):
        every = [
            (method.upper(), path)
            for path, item in DOCUMENT["paths"].items()
            for method in item
        ]
        if what.startswith("every route under"):
            return [each for each in every if each[1].startswith("/admin/v1/")]
        if not re.match(r"`(GET|POST) ", what):
            named = re.findall(r"`(/[^`]+)`", what)
            return [each for each in every if each[1] in named]
        method, path = what.strip("`").split(" ")
        return [(method, path)]

    def test_every_credential_may_do_what_the_table_says(self):
        columns, rows = self.rows()
        named = set()
        for row in rows:
            targets = self.targets(row[0])
            self.assertTrue(targets, row[0])
            named.update(targets)
            for column, cell in zip(columns, row[1:]):
                holder = column.strip("`")
                for method, path in targets:
                    with self.subTest(f"{method} {path} {holder}"):
                        self.assertEqual(self.may(method, path, holder), cell == "yes")
        every = {(m.upper(), p) for p, item in DOCUMENT["paths"].items() for m in item}
        self.assertEqual(named, every, "the table has every route")

    def may(self, method, path, holder):
        key = None if holder == "nobody" else self.admin if holder == "admin" else self.keys[holder]
        # Making portal tokens is a platform's: its own scopes are the question here.
        if path == "/api/v1/portal-tokens" and holder in ("usage", "usage-users", "finance", "ingest"):
            key = self.server.key(holder, platform=[OWN])
        target = self.target(path).replace("{id}", "0" * 16)
        body = {"tenant": OWN} if path == "/api/v1/portal-tokens" else {}
        if method == "GET":
            reply = self.get(target, key) if key else self.server.call(method, target)
        else:
            reply = self.server.call(method, target, body, key=key)
        self.assertEqual(reply.status == 401, key is None and not self.is_open(path))
        return reply.status not in (401, 403)

    def is_open(self, path):
        return all(o.get("security") == [] for o in DOCUMENT["paths"][path].values())


if __name__ == "__main__":
    unittest.main()
