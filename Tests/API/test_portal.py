"""A portal's page in a real browser, on another origin than the server: with a token it reads one tenant's
usage, live too, and nothing else.
"""

import http.server
import json
import os
import pathlib
import shutil
import threading
import unittest

from playwright.sync_api import sync_playwright
from server import Server

HERE = pathlib.Path(__file__).parent
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")


class Portal(http.server.BaseHTTPRequestHandler):
    """Serves the page with what the portal's server puts into it."""

    content = b""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(self.content)

    def log_message(self, *_):
        pass


def site(content):
    handler = type("Site", (Portal,), {"content": content.encode()})
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


class PortalTests(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.listed = site("<title>set below</title>")
        cls.unlisted = site("<title>set below</title>")
        cls.origin = f"http://127.0.0.1:{cls.listed.server_port}"
        cls.server = server = Server("--http-cors-origins", cls.origin)
        cls.platform = server.key("ingest", "usage", platform=["all"])
        server.send(
            cls.platform,
            [
                (
                    "acme", "support-bot", {"input_tokens": 1204, "output_tokens": 300},
                    {"model": "m-large", "user": "annabel", "outcome": "error", "duration_ms": 40},
                ),
                ("acme", "<b>sales</b>", {"input_tokens": 9007199254740993}, {}),
                ("zeta", "zeta-agent", {"input_tokens": 987654321}, {}),
            ],
        )
        cls.token = server.token(cls.platform, "acme", seconds=600)
        cls.playwright = sync_playwright().start()
        cls.browser = cls.playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )

    @classmethod
    def tearDownClass(cls):
        cls.browser.close()
        cls.playwright.stop()
        for each in (cls.listed, cls.unlisted):
            each.shutdown()
            each.server_close()
        cls.server.stop()

    def open(self, where, token=None, tenant="acme"):
        """The portal's page on a site, with this token in it."""
        portal = json.dumps({"api": self.server.url, "token": token or self.token, "tenant": tenant})
        html = (HERE / "portal.html").read_text()
        html = html.replace("<script>", f"<script>window.portal = {portal};", 1)
        where.RequestHandlerClass.content = html.encode()
        page = self.browser.new_page(viewport={"width": 900, "height": 760}, color_scheme="light")
        page.set_default_timeout(20_000)
        page.goto(f"http://127.0.0.1:{where.server_port}/")
        page.wait_for_selector("body[data-state]")
        self.addCleanup(page.close)
        return page

    def fetched(self, page, path, method="GET"):
        """What the page's own script gets: status and text, or `blocked` by the browser."""
        return page.evaluate(
            """([url, token, method]) => fetch(url, {method, headers: {Authorization: `Bearer ${token}`}})
                .then(async (r) => [r.status, await r.text()], () => ["blocked", ""])""",
            [self.server.url + path, self.token, method],
        )

    def test_a_page_of_a_listed_origin_shows_its_tenant(self):
        page = self.open(self.listed)
        self.assertEqual(page.get_attribute("body", "data-state"), "ready")
        rows = [" ".join(row.split()) for row in page.locator("#agents tr").all_inner_texts()]
        self.assertEqual(
            rows,
            [
                "<b>sales</b> unassigned input_tokens 9,007,199,254,740,993",
                "support-bot unassigned input_tokens 1,204",
                "support-bot unassigned output_tokens 300",
            ],
        )
        calls = [" ".join(row.split()) for row in page.locator("#calls tr").all_inner_texts()]
        self.assertEqual(
            calls,
            [
                "<b>sales</b> all 1 0 – –", "<b>sales</b> unnamed 1 0 – –",
                "support-bot all 1 1 40 40", "support-bot m-large 1 1 40 40",
            ],
        )
        self.assertIn("tag seen", page.inner_text("#fresh"))
        page.wait_for_function("document.querySelector('#live').textContent.includes('output_tokens 300')")
        self.assertIn("input_tokens 9,007,199,254,742,197", page.inner_text("#live"))
        self.server.send(self.platform, [("acme", "support-bot", {"output_tokens": 45}, {})])
        page.wait_for_function("document.querySelector('#live').textContent.includes('output_tokens 345')")
        self.assertNotIn("zeta", page.content())
        if "METER_SCREENSHOTS" in os.environ:
            page.screenshot(path=pathlib.Path(os.environ["METER_SCREENSHOTS"]) / "portal.png")

    def test_the_page_reads_nothing_else(self):
        page = self.open(self.listed)
        for path, status in [
            ("/api/v1/tenants/acme/agents", 200), ("/api/v1/tenants/zeta/agents", 404),
            ("/api/v1/tenants/zeta/agents/zeta-agent/usage", 404),
            ("/api/v1/tenants/zeta/live", 404),
            ("/api/v1/tenants/acme/agents/support-bot/usage?split=user", 403),
            ("/api/v1/meters/input_tokens/query?groupBy=user", 403),
            ("/api/v1/meters/input_tokens/query?tenant=zeta", 404),
            ("/api/v1/tenants/acme/billing", "blocked"), ("/admin/v1/keys", "blocked"),
        ]:
            with self.subTest(path):
                got, text = self.fetched(page, path)
                self.assertEqual(got, status)
                self.assertNotIn("987654321", text)
                self.assertNotIn("annabel", text)
        for path in ("/api/v1/events", "/api/v1/portal-tokens"):
            self.assertEqual(self.fetched(page, path, "POST")[0], "blocked")
        got, text = self.fetched(page, "/api/v1/meters/input_tokens/query")
        self.assertEqual(got, 200)
        self.assertNotIn("987654321", text)

    def test_what_the_browser_has_is_not_sent_again(self):
        page = self.open(self.listed)
        path = "/api/v1/tenants/acme/agents?to=2026-01-01T00:00:00Z&from=2025-01-01T00:00:00Z"
        served = 'meter_http_requests_total{route="/api/v1/tenants/{tenant}/agents",status="304"}'

        def count():
            lines = self.server.call("GET", "/metrics").text.splitlines()
            return sum(int(line.rsplit(" ", 1)[1]) for line in lines if line.startswith(served))

        before = count()
        first, second = self.fetched(page, path), self.fetched(page, path)
        self.assertEqual(first[0], 200)
        self.assertEqual(second, first)
        self.assertEqual(count(), before + 1)

    def test_a_page_of_another_origin_reads_nothing(self):
        page = self.open(self.unlisted)
        self.assertEqual(page.get_attribute("body", "data-state"), "failed")
        self.assertEqual(page.locator("#agents tr").count(), 0)
        self.assertEqual(self.fetched(page, "/api/v1/tenants/acme/agents")[0], "blocked")

    def test_a_token_that_ended_says_so(self):
        page = self.open(self.listed, token="mtr_portal_e30.e30")
        self.assertEqual(page.get_attribute("body", "data-state"), "failed")
        self.assertIn("meterctl keys create", page.inner_text("#problem"))


if __name__ == "__main__":
    unittest.main()
