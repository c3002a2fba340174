"""A Python client, generated from /openapi.yaml as the running server hands it out, and used."""

import importlib
import pathlib
import subprocess
import sys
import tempfile
import unittest

from server import Server


class ClientTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.folder = tempfile.TemporaryDirectory(prefix="meter-client-")
        folder = pathlib.Path(cls.folder.name)
        document = folder / "openapi.yaml"
        document.write_bytes(cls.server.call("GET", "/openapi.yaml").body)
        tool = pathlib.Path(sys.executable).parent / "openapi-python-client"
        configuration = folder / "client.yaml"
        configuration.write_text("post_hooks: []\n")
        cls.generated = subprocess.run(
            [
                tool, "generate", "--path", document, "--output-path", folder / "out", "--meta", "none",
                "--config", configuration,
            ],
            capture_output=True,
            text=True,
        )
        (folder / "out").rename(folder / "meter_client")
        sys.path.insert(0, str(folder))

    @classmethod
    def tearDownClass(cls):
        sys.path.remove(cls.folder.name)
        cls.folder.cleanup()
        cls.server.stop()

    def call(self, tag, name, client, *arguments, **members):
        module = importlib.import_module(f"meter_client.api.{tag}.{name}")
        return module.sync_detailed(*arguments, client=client, **members)

    def test_the_document_is_understood(self):
        self.assertEqual(self.generated.returncode, 0, self.generated.stderr)

    def test_every_route_of_usage_and_billing_can_be_called(self):
        from meter_client import AuthenticatedClient, models

        platform = self.server.key("ingest", "usage", "finance", platform=["acme"])
        self.server.send(platform, [("acme", "support bot/1", {"input_tokens": 2**60}, {})])
        client = AuthenticatedClient(base_url=self.server.url, token=platform)

        agents = self.call("usage", "list_agents", client, "acme", limit=1).parsed
        self.assertEqual(agents.agents[0].agent, "support bot/1")
        self.assertEqual(int(agents.agents[0].components[0].total), 2**60)
        self.assertIsNone(agents.next_)

        usage = self.call("usage", "agent_usage", client, "acme", "support bot/1").parsed
        self.assertEqual(usage.components[0].total, str(2**60))
        meter = self.call("usage", "query_meter", client, "input_tokens", subject=["support bot/1"])
        self.assertEqual(meter.parsed.data[0].value, str(2**60))
        billing = self.call("finance", "tenant_billing", client, "acme").parsed
        self.assertEqual(billing.unassigned[0].agent, "support bot/1")

        made = self.call(
            "usage", "create_portal_token", client, body=models.CreatePortalTokenBody(tenant="acme")
        )
        self.assertEqual(int(made.status_code), 201)
        page = AuthenticatedClient(base_url=self.server.url, token=made.parsed.token)
        shown = self.call("usage", "list_agents", page, "acme")
        self.assertEqual(shown.parsed.agents[0].agent, "support bot/1")
        refused = self.call("finance", "tenant_billing", page, "acme")
        self.assertEqual(int(refused.status_code), 403)
        self.assertEqual(refused.parsed.type_, "urn:meter:problem:portal-token")


if __name__ == "__main__":
    unittest.main()
