"""schemathesis against the running server, as two tenants and as its administration: no answer that the
document does not allow, no failure of the server, and none of the other tenant's data in anything a tenant gets.
"""

import http.client
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
import urllib.parse

import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from server import Server, encode

HOOKS = '''
import os
import zlib
import schemathesis

NAMES = {
    "tenant": ["acme", "zeta"], "agent": ["acme-agent", "zeta-agent"],
    "subject": ["acme-agent", "zeta-agent"],
    "component": ["input_tokens", "acme_component", "zeta_component"],
}

def named(values):
    """Of what was made up, half becomes the name of something that there is."""
    for name, known in NAMES.items():
        if values and name in values:
            draw = zlib.crc32(repr(values[name]).encode())
            if draw % 2 == 0:
                chosen = known[draw // 2 % len(known)]
                values[name] = [chosen] if isinstance(values[name], list) else chosen
    return values

@schemathesis.hook
def map_path_parameters(ctx, path_parameters):
    return named(path_parameters)

@schemathesis.hook
def map_query(ctx, query):
    return named(query)

@schemathesis.check
def tells_nothing_of_others(ctx, response, case):
    """The other tenant's names and figures are in no answer that did not have them in its question."""
    asked = (case.formatted_path or "") + str(case.query) + str(case.body) + str(case.headers)
    for secret in os.environ["METER_SECRETS"].split(","):
        assert secret in asked or secret not in response.text, f"the answer tells of {secret}"
'''

# What is checked: the server never fails, and keeps to its document.
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,"
    "response_schema_conformance,unsupported_method,tells_nothing_of_others"
)


class Fuzzing(unittest.TestCase):
    """A server with two tenants' usage, and requests made from its document."""

    @classmethod
    def setUpClass(cls):
        cls.server = server = Server()
        cls.figures = {"acme": 123456789, "zeta": 987654321}
        runtime = server.key("ingest", platform=["all"])
        server.send(
            runtime,
            [
                (tenant, f"{tenant}-agent", {f"{tenant}_component": figure, "input_tokens": figure}, {})
                for tenant, figure in cls.figures.items()
            ],
        )
        cls.folder = tempfile.TemporaryDirectory(prefix="meter-fuzz-")
        (pathlib.Path(cls.folder.name) / "hooks.py").write_text(HOOKS)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()
        cls.folder.cleanup()

    def fuzz(self, key, secrets, *arguments, examples=12, phases="examples,coverage,fuzzing"):
        """Requests by the document; which, the arguments say.

        One worker: with two, Python's own parser fails now and then under hypothesis.
        """
        command = [
            pathlib.Path(sys.executable).parent / "schemathesis", "run", self.server.url + "/openapi.yaml",
            "--url", self.server.url, "--header", f"Authorization: Bearer {key}",
            "--checks", CHECKS, "--max-examples", str(examples), "--seed", "7", "--workers", "1",
            "--phases", phases, "--mode", "all", "--no-color", "--request-timeout", "10",
            "--suppress-health-check", "all", *arguments,
        ]
        environment = {
            **os.environ, "SCHEMATHESIS_HOOKS": "hooks", "METER_SECRETS": ",".join(secrets),
            "PYTHONPATH": self.folder.name,
        }
        done = subprocess.run(
            command, capture_output=True, text=True, env=environment, cwd=self.folder.name
        )
        self.assertEqual(done.returncode, 0, done.stdout[-6000:] + done.stderr[-2000:])
        self.assertIsNone(self.server.process.poll(), self.server.logged[-2000:])
        return done.stdout

    def secrets(self, tenant):
        (other,) = set(self.figures) - {tenant}
        return [f"{other}-agent", f"{other}_component", str(self.figures[other])]


# Administration is another matter, and streams have no end: both below.
TENANTS = ("--exclude-path-regex", "^/admin/|/live$")


class FuzzTests(Fuzzing):
    def test_as_the_first_tenant(self):
        key = self.server.key("ingest", "usage", "usage-users", "finance", tenant="acme")
        self.fuzz(key, self.secrets("acme"), *TENANTS)

    def test_as_the_second_tenant(self):
        key = self.server.key("ingest", "usage", "usage-users", "finance", tenant="zeta")
        self.fuzz(key, self.secrets("zeta"), *TENANTS)

    def test_the_checks_bite(self):
        """A key that reaches both tenants is shown what the check forbids."""
        key = self.server.key("usage", platform=["acme", "zeta"])
        with self.assertRaisesRegex(AssertionError, "the answer tells of 987654321"):
            self.fuzz(key, ["987654321"], "--include-path-regex", "/query$|/usage$|/agents$", examples=100)


class AdministrationFuzzTests(Fuzzing):
    """A server of its own, since what it is told stays with it."""

    ADMIN = ("--include-path-regex", "^/admin/", "--exclude-path-regex", "/plan$")
    # GET on `/adjustments/plan` is GET on `/adjustments/{number}`, which is no method that is missing.
    PLANS = ("--include-path-regex", "^/admin/.*/plan$", "--exclude-checks", "unsupported_method")

    def test_with_an_administrator_s_key(self):
        """Every route and body of the document, also against it; no answer tells a secret."""
        key = self.server.key("admin", platform=["all"])
        secret = key.rsplit("_", 1)[-1]
        self.fuzz(key, [secret], *self.ADMIN, examples=6)
        self.fuzz(key, [secret], *self.PLANS, examples=6)
        status = self.server.call("GET", "/admin/v1/status", admin=True)
        self.assertEqual(status.status, 200)
        self.assertTrue(status.json["events"]["conserved"], status.text)
        # What it was told is a book that reads back.
        book = self.server.call("GET", "/admin/v1/book?last=1000", admin=True).json["entries"]
        self.assertGreater(len(book), 5)

    def test_with_a_key_that_may_not(self):
        """A tenant's key of every other scope gets nothing but refusals."""
        key = self.server.key("ingest", "usage", "usage-users", "finance", tenant="acme")
        before = len(self.server.call("GET", "/admin/v1/book?last=1000", admin=True).json["entries"])
        self.fuzz(
            key, self.secrets("acme") + ["acme-agent"], *self.ADMIN, examples=1, phases="examples,coverage"
        )
        after = len(self.server.call("GET", "/admin/v1/book?last=1000", admin=True).json["entries"])
        self.assertEqual(before, after)


class LiveFuzzTests(Fuzzing):
    """Streams have no end, so each is read up to its first event and left."""

    PATH = "/api/v1/tenants/{tenant}/live"

    def first(self, target, key):
        """Status, content type, and the stream's first event or the whole answer."""
        connection = http.client.HTTPConnection(self.server.address, timeout=10)
        try:
            connection.request("GET", target, headers={"Authorization": f"Bearer {key}"})
            response = connection.getresponse()
            kind = (response.getheader("content-type") or "").split(";")[0]
            if kind != "text/event-stream":
                return response.status, kind, response.read().decode()
            text = ""
            while not text.endswith("\n\n"):
                line = response.readline()
                if not line:
                    break
                text += line.decode()
            return response.status, kind, text
        finally:
            connection.close()

    def test_as_both_tenants(self):
        keys = {tenant: self.server.key("usage", tenant=tenant) for tenant in self.figures}
        schema = schemathesis.openapi.from_url(self.server.url + "/openapi.yaml")
        operation = schema[self.PATH]["GET"]
        documented = {int(status) for status in operation.definition.raw["responses"]}
        seen = set()
        draw = random.Random(7)

        @seed(7)
        @settings(
            max_examples=60, deadline=None, database=None, phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy())
        def ask(case):
            me = draw.choice(sorted(keys))
            (other,) = set(keys) - {me}
            query = {name: value for name, value in (case.query or {}).items() if value is not None}
            # Half of what was made up becomes what there is: without it nothing would ever be streamed.
            tenant = draw.choice([me, me, other, str(case.path_parameters["tenant"])])
            for name, known in (("agent", f"{me}-agent"), ("component", "input_tokens")):
                if name in query and draw.random() < 0.5:
                    query[name] = [known]
            if draw.random() < 0.5:
                query = {name: query[name] for name in ("agent", "component") if name in query}
            target = self.PATH.replace("{tenant}", encode(tenant))
            target += "?" + urllib.parse.urlencode(query, doseq=True) if query else ""
            status, kind, text = self.first(target, keys[me])
            self.assertIn(status, documented, f"{target}: {status} {text}")
            self.assertEqual(kind, "text/event-stream" if status == 200 else "application/problem+json", target)
            if status == 200:
                self.assertRegex(text, r"(?m)^event: (totals|problem|end)$", target)
                self.assertEqual(tenant, me, "a stream of another tenant's")
            for secret in self.secrets(me):
                if secret not in urllib.parse.unquote(target):
                    self.assertNotIn(secret, text, target)
            seen.add(status)

        ask()
        self.assertLessEqual({200, 400, 404}, seen, "requests of each kind were made")
        self.assertIsNone(self.server.process.poll(), self.server.logged[-2000:])


if __name__ == "__main__":
    unittest.main()
