"""schemathesis against the running server, as two tenants: no answer that the document does not allow, no
failure of the server, and none of the other tenant's data in anything it gets.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from server import Server

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


class FuzzTests(unittest.TestCase):
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

    def fuzz(self, key, secrets, *arguments, examples=12):
        """Requests by the document; administration is left to the other tests, streams have no end.

        One worker: with two, Python's own parser fails now and then under hypothesis.
        """
        command = [
            pathlib.Path(sys.executable).parent / "schemathesis", "run", self.server.url + "/openapi.yaml",
            "--url", self.server.url, "--header", f"Authorization: Bearer {key}",
            "--checks", CHECKS, "--max-examples", str(examples), "--seed", "7", "--workers", "1",
            "--phases", "examples,coverage,fuzzing", "--mode", "all", "--no-color",
            "--exclude-path-regex", "^/admin/|/live$", "--request-timeout", "10",
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

    def test_as_the_first_tenant(self):
        key = self.server.key("ingest", "usage", "usage-users", "finance", tenant="acme")
        self.fuzz(key, self.secrets("acme"))

    def test_as_the_second_tenant(self):
        key = self.server.key("ingest", "usage", "usage-users", "finance", tenant="zeta")
        self.fuzz(key, self.secrets("zeta"))

    def test_the_checks_bite(self):
        """A key that reaches both tenants is shown what the check forbids."""
        key = self.server.key("usage", platform=["acme", "zeta"])
        with self.assertRaisesRegex(AssertionError, "the answer tells of 987654321"):
            self.fuzz(key, ["987654321"], "--include-path-regex", "/query$|/usage$|/agents$", examples=100)


if __name__ == "__main__":
    unittest.main()
