"""One Waldur as the contract suite talks to it: requests with an account's token, and where the clock stands."""

import json
import urllib.error
import urllib.parse
import urllib.request
from email.utils import parsedate_to_datetime


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """The token goes nowhere but to the Waldur that was named."""

    def redirect_request(self, *_):
        return None


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers = status, headers
        self.text = body.decode("utf-8", "replace")

    @property
    def json(self):
        # Prices are JSON numbers: read from their text, they lose nothing.
        return json.loads(self.text, parse_float=str)

    @property
    def brief(self):
        text = self.text if not self.text.lstrip().startswith("<") else "a page"
        return f"{self.status} {text}".strip()[:160]


class Waldur:
    """Calls with one token; `account(token)` is the same Waldur for another one."""

    def __init__(self, url, token, timeout=120):
        url = url.rstrip("/")
        self.base = url[:-4] if url.endswith("/api") else url
        self.token, self.timeout = token, timeout
        self.opener = urllib.request.build_opener(NoRedirects)

    def account(self, token):
        return Waldur(self.base, token, self.timeout)

    def call(self, method, path, body=None):
        request = urllib.request.Request(
            self.base + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json", "Accept": "application/json"},
        )
        if self.token:
            request.add_header("Authorization", f"Token {self.token}")
        try:
            with self.opener.open(request, timeout=self.timeout) as answer:
                return Answer(answer.status, answer.headers, answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, error.headers, error.read())

    def get(self, path, **query):
        return self.call("GET", path + ("?" + urllib.parse.urlencode(query) if query else ""))

    def post(self, path, body=None):
        return self.call("POST", path, body or {})

    def rows(self, path, **query):
        answer = self.get(path, page_size=300, **query)
        if answer.status != 200:
            raise Unreadable(f"GET {path}: {answer.brief}")
        return answer.json

    def now(self):
        """What Waldur's own clock says, to the second."""
        return parsedate_to_datetime(self.get("/api/configuration/").headers["Date"])

    # What the suite asks for more than once.

    def report(self, resource, *usages, period=None):
        body = {"resource": resource, "usages": [dict(type=t, amount=a) for t, a in usages]}
        if period:
            body["plan_period"] = period
        return self.post("/api/marketplace-component-usages/set_usage/", body)

    def periods(self, resource):
        return self.rows(f"/api/marketplace-provider-resources/{resource}/plan_periods/")

    def usage(self, resource, component, month=None):
        """The rows of a component, as (month, usage), newest month first."""
        rows = self.rows("/api/marketplace-component-usages/", resource_uuid=resource, type=component)
        found = [(row["billing_period"][:7], row["usage"]) for row in rows if row["resource_uuid"] == resource]
        return [row for row in sorted(found, reverse=True) if month in (None, row[0])]

    def items(self, resource, component, month):
        """What is billed of a component in a month, as (quantity, unit price)."""
        offering = self.get(f"/api/marketplace-provider-resources/{resource}/").json["offering_uuid"]
        year, number = month.split("-")
        items = self.rows(
            "/api/provider-invoice-items/",
            offering_uuid=offering, invoice_year=int(year), invoice_month=int(number),
        )
        return sorted(
            (str(item["quantity"]), str(item["unit_price"]))
            for item in items
            if item.get("billing_type") == "usage"
            and item["details"].get("resource_uuid") == resource
            and item["details"].get("offering_component_type") == component
        )


class Unreadable(Exception):
    """A list that the account should see cannot be read."""
