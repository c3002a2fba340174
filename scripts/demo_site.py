"""What the demos share: programs on one shared clock, and what is read of them."""
import datetime
import json
import os
import pathlib
import random
import re
import socket
import subprocess
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
SHARED_TRACE = ROOT.parent / "shared" / "data" / "AzureLLMInferenceTrace_code.csv"
COMPONENTS = ["agent_calls", "input_tokens", "output_tokens"]
TOKEN = "d" * 40


class Failed(Exception):
    """Something that the demo shows did not happen."""


def trace(named, seed, directory, shared=True):
    """The trace to replay: the one named, the shared one, or one that is made from the seed."""
    if named:
        return pathlib.Path(named)
    if shared and SHARED_TRACE.exists():
        print(f"Trace: {SHARED_TRACE.name}, real calls to an LLM coding service (CC-BY, Microsoft)")
        return SHARED_TRACE
    print(f"Trace: the shared trace is not here, so calls of the same shape are made (seed {seed})")
    source = random.Random(seed)
    path = directory / "made-trace.csv"
    moment = datetime.datetime(2023, 11, 16, 18, 17, 3)
    with path.open("w") as file:
        file.write("TIMESTAMP,ContextTokens,GeneratedTokens\n")
        for _ in range(8819):
            moment += datetime.timedelta(seconds=source.expovariate(1 / 0.39))
            tokens_in = min(7437, max(3, int(source.lognormvariate(7.2, 0.9))))
            tokens_out = min(2000, max(1, int(source.lognormvariate(2.6, 1.1))))
            file.write(f"{moment:%Y-%m-%d %H:%M:%S.%f}0,{tokens_in},{tokens_out}\n")
    return path


def free_port(kind):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Site:
    """A directory, the programs that run in it, and the clock that they share."""

    def __init__(self, binaries, directory, seed):
        self.binaries, self.directory = binaries, directory
        self.random = random.Random(seed)
        self.data = directory / "data"
        self.data.mkdir()
        self.processes = {}
        self.offset = 0
        self.udp, self.tcp = free_port(socket.SOCK_DGRAM), free_port(socket.SOCK_STREAM)
        self.http, self.waldur = free_port(socket.SOCK_STREAM), free_port(socket.SOCK_STREAM)

    def now(self):
        """The time on the shared clock."""
        return datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=self.offset)

    # Programs

    def start(self, name, *command, log):
        file = open(self.directory / log, "ab")
        self.processes[name] = subprocess.Popen(
            [str(part) for part in command], stdout=file, stderr=file, cwd=self.directory)
        return self.processes[name]

    def stop(self):
        for process in self.processes.values():
            if process.poll() is None:
                process.terminate()
        for process in self.processes.values():
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()

    def meterctl(self, *arguments, expect=0):
        result = subprocess.run(
            [str(self.binaries / "meterctl"), *map(str, arguments)],
            capture_output=True, text=True, timeout=120)
        if expect is not None and result.returncode != expect:
            raise Failed(f"meterctl {' '.join(map(str, arguments))} ended with {result.returncode}:\n"
                         f"{result.stdout}{result.stderr}")
        return result.stdout

    def admin(self, *arguments, **named):
        return self.meterctl(*arguments, "--socket", self.data / "admin.sock", **named)

    def write_secrets(self):
        (self.directory / "master.key").write_text(os.urandom(32).hex() + "\n")
        (self.directory / "waldur.token").write_text(TOKEN + "\n")
        os.chmod(self.directory / "master.key", 0o600)
        os.chmod(self.directory / "waldur.token", 0o600)

    def create_key(self, label, file):
        key = self.admin("keys", "create", "wire", "--platform", "all", "--label", label)
        (self.directory / file).write_text(key)
        os.chmod(self.directory / file, 0o600)

    def start_double(self, fixture):
        path = self.directory / "waldur.json"
        path.write_text(json.dumps(fixture))
        self.start("waldur", self.binaries / "WaldurDouble", "--port", self.waldur,
                   "--fixture", path, f"--clock-offset-seconds={self.offset}",
                   log="waldur.log")
        self.wait("the Waldur double", lambda: self.get("/api/users/me/") is not None)

    def start_server(self, *more):
        self.start("server", self.binaries / "MeterServer", "--data", self.data,
                   "--udp", f"127.0.0.1:{self.udp}", "--tcp", f"127.0.0.1:{self.tcp}",
                   "--http", f"127.0.0.1:{self.http}",
                   "--master-key-file", self.directory / "master.key",
                   "--waldur-url", f"http://127.0.0.1:{self.waldur}/api/",
                   "--waldur-token-file", self.directory / "waldur.token",
                   "--checkpoint-seconds", "5",
                   f"--clock-offset-seconds={self.offset}", *more, log="server.log")
        self.wait("the server", lambda: self.metrics() is not None)

    def wait(self, what, condition, seconds=30):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if condition():
                return
            time.sleep(0.1)
        raise Failed(f"{what} is not ready after {seconds} s")

    # What is read

    def get(self, path):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.waldur}{path}", headers={"Authorization": f"Token {TOKEN}"})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return json.load(answer)
        except OSError:
            return None

    def metrics(self):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.http}/metrics", timeout=5) as page:
                return page.read().decode()
        except OSError:
            return None

    def metric(self, name):
        found = re.findall(rf"^{name}(?:{{[^}}]*}})? ([0-9.e+]+)$", self.metrics() or "", re.M)
        return int(sum(float(value) for value in found))

    def pages(self, path):
        """Every element of a list of Waldur's."""
        found = []
        for page in range(1, 100):
            part = self.get(f"{path}{'&' if '?' in path else '?'}page_size=300&page={page}")
            found += part or []
            if not part or len(part) < 300:
                break
        return found


def hundredths(text):
    whole, _, fraction = text.partition(".")
    if fraction.strip("0")[2:]:
        raise Failed(f"{text} has more than two decimals")
    return int(whole) * 100 + int((fraction + "00")[:2])


def decimal(count):
    return f"{count // 100:,}" + (f".{count % 100:02d}" if count % 100 else "")
