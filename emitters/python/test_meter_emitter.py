"""python3 -m unittest discover emitters/python"""

import os
import pathlib
import random
import re
import socket
import ssl
import struct
import subprocess
import tempfile
import threading
import time
import unittest

import meter_emitter as m

KEY = m.Key(0x0123456789ABCDEF, bytes(range(32)))
SOURCE = bytes(range(0xA0, 0xB0))
DOCUMENT = pathlib.Path(__file__).parents[2] / "Documentation" / "Wire.md"


def examples():
    """The hex blocks of Wire.md by name."""
    text = DOCUMENT.read_text(encoding="utf-8")
    return {
        name: bytes.fromhex("".join(line.split(";")[0] for line in block.splitlines()).replace(" ", ""))
        for name, block in re.findall(r"^```hex (\S+)\n(.*?)^```", text, re.M | re.S)}


EVENTS = [
    m.Event(1_760_000_000_000, "acme", "support-bot",
            {"input_tokens": 1204, "output_tokens": 300, "agent_calls": 1}, model="m1", duration_ms=850),
    m.Event(1_759_999_999_750, "acme", "billing-bot", {"agent_calls": 1},
            access="00112233-4455-6677-8899-aabbccddeeff", user="u-7", outcome="error"),
]


class VectorTests(unittest.TestCase):
    def payload(self):
        payload = m.Payload(1_000)
        for event in EVENTS:
            self.assertTrue(payload.append(event))
        return payload

    def test_payload(self):
        self.assertEqual(self.payload().bytes().hex(), examples()["payload"].hex())

    def test_frame(self):
        payload = self.payload()
        frame = m.seal(KEY, SOURCE, m.EVENTS, 1_000, 2, payload.base, 900, payload.bytes())
        self.assertEqual(frame.hex(), examples()["frame-suite-1"].hex())

    def test_claim(self):
        lines = [(m.DROPPED, "acme", "agent_calls", 3, 1_759_999_990_000, 1_759_999_991_000),
                 (m.PENDING, "acme", "input_tokens", 1_204, 1_760_000_000_000, 1_760_000_000_000)]
        payload = m.claim_payload(3, False, 1_005, 3, {"agent_calls": 1_005, "input_tokens": 2**64},
                                  lines, [(950, 960)], 1_760_000_001_000)
        self.assertEqual(payload.hex(), examples()["claim-payload"].hex())
        frame = m.seal(KEY, SOURCE, m.CLAIM, 1_002, 0, 1_760_000_001_000, 900, payload)
        self.assertEqual(frame.hex(), examples()["claim-suite-1"].hex())

    def test_acknowledgement(self):
        answer = m.open_acknowledgement(examples()["acknowledgement-suite-1"], KEY)
        self.assertEqual(answer, m.Acknowledgement(
            SOURCE, 1_000, None, 3, False, False, 985, 2, 4, 0, 0, {3: 15}, [(1_002, 1_010)],
            [(1_000, 1_002)], [(1_010, 1_020)]))
        small = m.open_acknowledgement(examples()["acknowledgement-small"], KEY)
        self.assertEqual(small, m.Acknowledgement(SOURCE, 2, 0, 0, True))

    def test_every_changed_byte_of_an_acknowledgement_is_refused(self):
        data = examples()["acknowledgement-suite-1"]
        for index in range(len(data)):
            changed = bytearray(data)
            changed[index] ^= 1
            with self.assertRaises(m.WireError):
                m.open_acknowledgement(bytes(changed), KEY)
            with self.assertRaises(m.WireError):
                m.open_acknowledgement(data[:index], KEY)

    def test_tokens(self):
        self.assertEqual(m.openai_amounts(2_006, 300, cached=1_920, reasoning=256),
                         {"input_tokens": 86, "cached_input_tokens": 1_920, "output_tokens": 44,
                          "reasoning_tokens": 256})
        self.assertEqual(m.anthropic_amounts(50, 503, cache_read=100_000, cache_creation=248),
                         {"input_tokens": 50, "cached_input_tokens": 100_000,
                          "cache_creation_input_tokens": 248, "output_tokens": 503})
        self.assertEqual(m.opentelemetry_amounts(100_298, 503, 100_000, 248, 100),
                         {"input_tokens": 50, "cached_input_tokens": 100_000,
                          "cache_creation_input_tokens": 248, "output_tokens": 403,
                          "reasoning_tokens": 100})
        for wrong in (lambda: m.openai_amounts(10, 5, cached=11),
                      lambda: m.opentelemetry_amounts(50, 503, cache_read=100_000)):
            self.assertRaises(m.WireError, wrong)


class PayloadTests(unittest.TestCase):
    def test_what_is_refused_or_does_not_fit_leaves_it_as_it_was(self):
        payload = m.Payload(200)
        while payload.append(m.Event(5, "t", f"agent-{payload.count}", {"c": payload.count})):
            pass
        before = payload.bytes()
        self.assertLessEqual(len(before), 200)
        bad = [m.Event(5, "", "a", {"c": 1}), m.Event(5, "t", "a\n", {"c": 1}), m.Event(5, "t", "a", {}),
               m.Event(5, "t", "a", {"c": -1}), m.Event(5, "t", "a", {"c": 1.5}),
               m.Event(5, "t", "a", {"c": 2**63}), m.Event(5, "t", "x" * 256, {"c": 1}),
               m.Event(5, "new", "a", {"c": True}), m.Event(5, "t", "a", {"c": 1}, outcome="?")]
        for event in bad:
            with self.assertRaises(m.WireError):
                payload.append(event)
            self.assertEqual(payload.bytes(), before)

    def test_keys(self):
        text = "mtrw_0123456789abcdef_" + bytes(range(32)).hex()
        text += "_" + m.hashlib.sha256(text.encode()).hexdigest()[:6]
        self.assertEqual(m.Key.parse(text), KEY)
        self.assertNotIn(bytes(range(32)).hex(), repr(KEY))
        with self.assertRaises(m.WireError):
            m.Key.parse(text.replace("0123", "0124"))


def decode(payload, count, base):
    """The events of a payload, the simple way."""
    reader = m.Reader(payload)

    def text():
        size = reader.varint()
        reader.position += size
        return payload[reader.position - size:reader.position].decode()

    tenants = [text() for _ in range(reader.varint())]
    agents = [(tenants[reader.varint()], text()) for _ in range(reader.varint())]
    components = [text() for _ in range(reader.varint())]
    accesses = reader.varint()
    reader.position += 16 * accesses
    for _ in range(2):
        for _ in range(reader.varint()):
            text()
    shapes = [[components[reader.varint()] for _ in range(reader.varint())]
              for _ in range(reader.varint())]
    events = []
    for _ in range(count):
        agent = agents[reader.varint()]
        delta = reader.varint()
        base += (delta >> 1) ^ -(delta & 1)
        flags = reader.byte()
        shape = shapes[reader.varint()]
        for bit in (4, 8, 16, 32):
            if flags & bit:
                reader.varint()
        events.append((base, *agent, {component: reader.varint() for component in shape}))
    assert reader.position == len(payload)
    return events


class ModelServer(threading.Thread):
    """Counts every event once, loses, repeats and answers; on a real socket."""

    def __init__(self, stream, loss=0.0, drop_connection_after=None, tls=None):
        super().__init__(daemon=True)
        self.stream, self.loss, self.random = stream, loss, random.Random(1)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_STREAM if stream else socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        if stream:
            self.socket.listen()
        self.socket.settimeout(0.05)
        self.port = self.socket.getsockname()[1]
        self.events, self.claims, self.frames, self.stopped = {}, {}, 0, False
        self.drop_connection_after = drop_connection_after
        self.tls, self.clients = tls, []
        self.start()

    def take(self, data):
        head = m.HEADER.unpack(data[:64])
        _, _, suite, kind, key_id, source, first, count, size, base, durable = head
        assert suite == 1 and key_id == KEY.id and len(data) == 64 + size + 16
        assert m.hmac.compare_digest(KEY.tag(data[:-16]), data[-16:])
        self.frames += 1
        events = self.events.setdefault(source, {})
        if kind == m.EVENTS:
            for offset, event in enumerate(decode(data[64:-16], count, base)):
                assert events.setdefault(first + offset, event) == event
        else:
            reader = m.Reader(data[64:-16])
            number, flags = reader.varint(), reader.byte()
            self.claims[source] = max(
                self.claims.get(source, (0, 0, 0)), (number, flags, reader.varint()))
        through = 0
        while through in events:
            through += 1
        body = b"MA\x01\x01" + struct.pack(">Q", KEY.id) + source + b"\x04" + m.varint(through)
        body += m.varint(self.claims.get(source, (0,))[0])
        body += m.varint(len(events)) + b"\0\0\0\0\0" + b"\0\0\0"
        return body + KEY.tag(body)

    def run(self):
        while not self.stopped:
            try:
                if self.stream:
                    connection = self.socket.accept()[0]
                    if self.tls:
                        connection.settimeout(5)
                        connection = self.tls.wrap_socket(connection, server_side=True)
                        self.clients.append(connection.getpeercert())
                    self.serve(connection)
                    continue
                data, peer = self.socket.recvfrom(65_536)
            except OSError:
                continue
            if self.random.random() < self.loss:
                continue
            answer = self.take(data)
            if self.random.random() >= self.loss:
                self.socket.sendto(answer, peer)

    def serve(self, connection):
        connection.settimeout(0.05)
        data, frames = bytearray(), 0
        while not self.stopped:
            try:
                more = connection.recv(65_536)
            except OSError:
                continue
            data += more
            if not more:
                break
            if self.tls and len(more) % 7 == 0:
                time.sleep(0.01)  # So that the emitter's side fills up.
            while len(data) >= 4 and len(data) >= 4 + struct.unpack_from(">I", data)[0]:
                size = struct.unpack_from(">I", data)[0]
                answer = self.take(bytes(data[4:4 + size]))
                del data[:4 + size]
                frames += 1
                if self.drop_connection_after and frames >= self.drop_connection_after:
                    self.drop_connection_after = None
                    connection.close()
                    return
                connection.sendall(struct.pack(">I", len(answer)) + answer)
        connection.close()

    def stop(self):
        self.stopped = True
        self.join(5)
        self.socket.close()

    def all(self):
        return [event for events in self.events.values() for event in events.values()]


def certificate(directory, name, authority=None):
    """A certificate for 127.0.0.1 and its key, as files; an authority's own where none signs it."""
    made, key = (str(pathlib.Path(directory) / f"{name}.{end}") for end in ("pem", "key"))

    def openssl(*words):
        subprocess.run(["openssl", *words], check=True, capture_output=True)

    request = ["req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
               "-keyout", key, "-subj", f"/CN={name}", "-out"]
    if not authority:
        openssl(*request, made, "-x509", "-days", "2",
                "-addext", "basicConstraints=critical,CA:TRUE")
        return made, key
    openssl(*request, made + ".csr")
    pathlib.Path(made + ".ext").write_text("subjectAltName=IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", made + ".csr", "-CA", authority[0], "-CAkey", authority[1],
            "-CAcreateserial", "-days", "2", "-extfile", made + ".ext", "-out", made)
    return made, key


class EmitterTests(unittest.TestCase):
    def emit(self, server, count=2_000, **options):
        scheme = "tls" if server.tls else "tcp" if server.stream else "udp"
        emitter = m.Emitter(f"{scheme}://127.0.0.1:{server.port}", KEY, seal_seconds=0.02,
                            claim_seconds=0.2, **options)
        for number in range(count):
            emitter.record("acme", f"agent-{number % 5}", {"input_tokens": number})
        return emitter

    def check(self, server, emitter, count):
        self.assertTrue(emitter.close(20))
        self.assertEqual(len(server.all()), count)
        self.assertEqual(sum(event[3]["input_tokens"] for event in server.all()),
                         count * (count - 1) // 2)
        self.assertEqual(emitter.statistics.durable, count)
        self.assertTrue(all(claim[1] & 1 for claim in server.claims.values()))
        server.stop()

    def wait_for_problem(self, emitter, words):
        end = time.monotonic() + 60
        while words not in (emitter.problem or "") and time.monotonic() < end:
            time.sleep(0.01)
        self.assertIn(words, emitter.problem)

    def test_udp(self):
        server = ModelServer(False)
        emitter = self.emit(server)
        self.assertTrue(emitter.flush(10))
        self.assertEqual(len(server.all()), 2_000)
        self.check(server, emitter, 2_000)

    def test_lossy_udp(self):
        server = ModelServer(False, loss=0.3)
        emitter = self.emit(server)
        self.check(server, emitter, 2_000)
        self.assertGreater(emitter.statistics.frames_resent, 0)

    def test_tcp(self):
        server = ModelServer(True)
        self.check(server, self.emit(server), 2_000)

    def test_tls(self):
        with tempfile.TemporaryDirectory() as directory:
            authority = certificate(directory, "authority")
            for name, showing in (("one", None), ("two", certificate(directory, "two", authority))):
                identity = certificate(directory, name + "-server", authority)
                tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                tls.load_cert_chain(*identity)
                if showing:
                    tls.load_verify_locations(authority[0])
                    tls.verify_mode = ssl.CERT_REQUIRED
                server = ModelServer(True, tls=tls, drop_connection_after=3)
                emitter = self.emit(
                    server, 20_000, ca_file=authority[0],
                    certificate_file=showing and showing[0], key_file=showing and showing[1])
                self.check(server, emitter, 20_000)
                self.assertIsNone(emitter.problem)
                self.assertGreaterEqual(len(server.clients), 2)
                self.assertEqual(bool(server.clients[0]), bool(showing))

    def test_tls_that_is_not_trusted_gets_nothing(self):
        with tempfile.TemporaryDirectory() as directory:
            authority = certificate(directory, "authority")
            other = certificate(directory, "other")
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate(directory, "server", authority))
            server = ModelServer(True, tls=tls)
            emitter = self.emit(server, 10, ca_file=other[0])
            self.wait_for_problem(emitter, "verify failed")
            self.assertFalse(emitter.close(0.1))
            self.assertEqual(server.all(), [])
            server.stop()

    def test_tls_that_asks_for_a_certificate_says_so(self):
        # In TLS 1.3 a client hears of it after its own handshake has ended.
        with tempfile.TemporaryDirectory() as directory:
            authority = certificate(directory, "authority")
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate(directory, "server", authority))
            tls.load_verify_locations(authority[0])
            tls.verify_mode = ssl.CERT_REQUIRED
            server = ModelServer(True, tls=tls)
            emitter = self.emit(server, 10, ca_file=authority[0])
            self.wait_for_problem(emitter, "certificate required")
            self.assertFalse(emitter.close(0.1))
            self.assertEqual(server.all(), [])
            server.stop()

    def test_tls_to_a_plain_port_and_plain_to_a_tls_url(self):
        server = ModelServer(True)
        emitter = m.Emitter(f"tls://127.0.0.1:{server.port}", KEY, seal_seconds=0.02)
        emitter.record("acme", "a", {"input_tokens": 1})
        self.assertFalse(emitter.flush(0.5))
        self.assertFalse(emitter.close(0.1))
        self.assertEqual(server.frames, 0)
        server.stop()
        with self.assertRaises(ValueError):
            m.Emitter("tcp://127.0.0.1:1", KEY, ca_file="ca.pem")

    def test_a_broken_connection(self):
        server = ModelServer(True, drop_connection_after=1)
        emitter = self.emit(server)
        self.check(server, emitter, 2_000)
        self.assertGreater(emitter.statistics.frames_resent, 0)

    def test_context_manager_and_wrong_events(self):
        server = ModelServer(False)
        with m.Emitter(f"udp://127.0.0.1:{server.port}", KEY, seal_seconds=0.02) as emitter:
            emitter.record("acme", "a", {"input_tokens": 0})
            emitter.record("acme", "a", {"input_tokens": -1})
            emitter.record("acme", "", {"input_tokens": 1})
            emitter.record("acme", "a", 7)
        self.assertEqual(len(server.all()), 1)
        self.assertEqual(emitter.statistics.invalid, 3)
        self.assertEqual([claim[2] for claim in server.claims.values()], [4])
        server.stop()

    def test_bounded_without_a_server(self):
        probe = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        probe.bind(("127.0.0.1", 0))
        emitter = m.Emitter(f"udp://127.0.0.1:{probe.getsockname()[1]}", KEY, memory_bytes=20_000)
        for number in range(5_000):
            emitter.record("acme", "a", {"input_tokens": number})
        self.assertGreater(emitter.statistics.dropped, 1_000)
        self.assertFalse(emitter.flush(0.1))
        self.assertFalse(emitter.close(0.1))
        probe.close()

    @unittest.skipUnless(hasattr(os, "fork"), "this system has no fork")
    def test_fork(self):
        server = ModelServer(False)
        emitter = self.emit(server, 100)
        child = os.fork()
        if child == 0:
            for number in range(50):
                emitter.record("acme", "child", {"input_tokens": 0})
            os._exit(0 if emitter.close(10) else 1)
        self.assertEqual(os.waitpid(child, 0)[1], 0)
        self.assertTrue(emitter.close(10))
        self.assertEqual(len(server.events), 2)
        self.assertEqual(sorted(len(events) for events in server.events.values()), [50, 100])
        server.stop()


if __name__ == "__main__":
    unittest.main()
