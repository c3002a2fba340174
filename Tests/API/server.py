"""A real server for the tests here: the debug build, in a directory of its own, on free ports."""

import http.client
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.parse

ROOT = pathlib.Path(__file__).parents[2]
BINARY = pathlib.Path(os.environ.get("METER_SERVER", ROOT / ".build" / "debug" / "MeterServer"))


class UnixConnection(http.client.HTTPConnection):
    """HTTP over the administration socket."""

    def __init__(self, path):
        super().__init__("localhost", timeout=30)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Reply:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def head(self):
        """Status line's number and every header but the date, in one text."""
        return f"{self.status} " + str(
            sorted((k.lower(), v) for k, v in self.headers if k.lower() != "date")
        )


class Server:
    """Started when made; ended by `stop`, or at the end of a `with`."""

    def __init__(self, *arguments):
        self.directory = pathlib.Path(tempfile.mkdtemp(prefix="meter-api-"))
        key = self.directory / "master.key"
        key.write_text("5a" * 32 + "\n")
        ports = self.directory / "ports.json"
        self.socket = str(self.directory / "admin.sock")
        self.log = open(self.directory / "log", "w+")
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("METER_", "WALDUR_"))
        }
        self.process = subprocess.Popen(
            [
                BINARY, "--data", self.directory / "data", "--master-key-file", key,
                "--http", "127.0.0.1:0", "--udp", "127.0.0.1:0", "--tcp", "127.0.0.1:0",
                "--admin-socket", self.socket, "--port-file", ports, "--stop-seconds", "3",
                *arguments,
            ],
            stdout=self.log,
            stderr=self.log,
            env=environment,
        )
        deadline = time.monotonic() + 60
        while not ports.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.process.kill()
                raise RuntimeError("the server did not start:\n" + self.logged)
            time.sleep(0.01)
        addresses = json.loads(ports.read_text())
        self.address, self.tcp = addresses["http"], addresses["tcp"]
        self.url = "http://" + self.address

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    @property
    def logged(self):
        self.log.flush()
        return (self.directory / "log").read_text()

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.directory, ignore_errors=True)

    def call(self, method, target, body=None, key=None, headers=None, admin=False):
        """One request; over the administration socket if `admin`."""
        connection = (
            UnixConnection(self.socket)
            if admin
            else http.client.HTTPConnection(self.address, timeout=30)
        )
        fields = dict(headers or {})
        if key is not None:
            fields["Authorization"] = f"Bearer {key}"
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            fields.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, target, body, fields)
            response = connection.getresponse()
            return Reply(response.status, response.getheaders(), response.read())
        finally:
            connection.close()

    def key(self, *scopes, **holder):
        """A new HTTP key: `tenant=NAME`, or `platform=[NAME, ...]`."""
        reply = self.call(
            "POST", "/admin/v1/keys", {"kind": "http", "scopes": list(scopes), **holder}, admin=True
        )
        assert reply.status == 201, reply.text
        return reply.json["key"]

    def token(self, key, tenant, **limits):
        reply = self.call("POST", "/api/v1/portal-tokens", {"tenant": tenant, **limits}, key=key)
        assert reply.status == 201, reply.text
        return reply.json["token"]

    def send(self, key, events):
        """Sends events and waits for the disk: (tenant, agent, amounts, further data) each."""
        moment = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        batch = [
            {
                "specversion": "1.0", "type": "agent.call", "source": "/tests",
                "id": f"{time.monotonic_ns()}-{number}", "time": moment, "subject": agent,
                "data": {"tenant": tenant, "amounts": amounts, **further},
            }
            for number, (tenant, agent, amounts, further) in enumerate(events)
        ]
        reply = self.call(
            "POST", "/api/v1/events", json.dumps(batch), key=key,
            headers={"Content-Type": "application/cloudevents-batch+json"},
        )
        assert reply.status == 200, reply.text


def encode(name):
    return urllib.parse.quote(name, safe="")
