"""Meters agent calls: one file, standard library only, written from Documentation/Wire.md.

    from meter_emitter import Emitter, openai_amounts

    with Emitter("udp://meter:7401", key="mtrw_...") as emitter:
        emitter.record("acme", "support-bot", {"input_tokens": 1204, "output_tokens": 300}, model="m1")

``record`` never waits for the network: a background thread seals events into frames (suite 1), sends
them, and sends the same bytes again until the server has them on its disk. Memory is bounded; what
there is no room for is dropped and told in claims. In the child of a fork the emitter goes on with a
source of its own. At exit everything is flushed for a few seconds.
"""

from __future__ import annotations

import argparse
import atexit
import hashlib
import hmac
import os
import select
import socket
import ssl
import struct
import sys
import threading
import time
import weakref
from dataclasses import dataclass, field
from typing import Callable, Iterable, Mapping, Optional
from urllib.parse import urlsplit

OUTCOMES = {"ok": 0, "error": 1, "refused": 2, "cached": 3}
EVENTS, CLAIM = 1, 2
PENDING, GIVEN_UP, DROPPED = 0, 1, 2
HEADER_BYTES, TAG_BYTES = 64, 16
VALUE_MAX = 2**63 - 1
FRAME_BYTES_MAX = 1 << 20
WOULD_BLOCK = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
HEADER = struct.Struct(">2sBBB3xQ16sQIIqQ")


class WireError(ValueError):
    """Bytes or values that break a rule of the wire."""


# --- Integers and names -------------------------------------------------------------------------


def varint(value: int) -> bytes:
    """Seven bits a byte, least significant first."""
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def zigzag(value: int) -> bytes:
    """A varint of a signed integer."""
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


def name(text: str) -> bytes:
    """Length and UTF-8; refuses what is no name."""
    data = text.encode("utf-8")
    if not 1 <= len(data) <= 255 or any(ord(c) < 32 or 0x7F <= ord(c) <= 0x9F for c in text):
        raise WireError(f"a name is 1 to 255 bytes without control characters, not {text!r}")
    return varint(len(data)) + data


class Reader:
    """A cursor over bytes that came from outside."""

    def __init__(self, data: bytes) -> None:
        self.data, self.position = data, 0

    def byte(self) -> int:
        if self.position >= len(self.data):
            raise WireError("truncated")
        self.position += 1
        return self.data[self.position - 1]

    def varint(self) -> int:
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if (byte == 0 and shift > 0) or value > VALUE_MAX:
                    raise WireError("a varint that is too long")
                return value
            shift += 7
            if shift > 63:
                raise WireError("a varint that is too long")

    def ranges(self) -> list[tuple[int, int]]:
        """Half-open ranges of sequences."""
        found, end = [], 0
        for position in range(self.varint()):
            gap, length = self.varint(), self.varint()
            if length == 0 or (gap == 0 and position > 0):
                raise WireError("a range that is empty or touches the one before")
            found.append((end + gap, end + gap + length))
            end += gap + length
        return found


def encode_ranges(ranges: Iterable[tuple[int, int]]) -> bytes:
    ranges, out, end = list(ranges), bytearray(), 0
    out += varint(len(ranges))
    for first, last in ranges:
        out += varint(first - end) + varint(last - first)
        end = last
    return bytes(out)


# --- Keys and frames ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Key:
    """A wire key: its id and 32 secret bytes."""

    id: int
    secret: bytes = field(repr=False)

    @staticmethod
    def parse(text: str) -> "Key":
        """Reads the form that ``meterctl keys create`` shows."""
        parts = text.strip().split("_")
        if len(parts) != 4 or parts[0] != "mtrw" or len(parts[1]) != 16 or len(parts[2]) != 64:
            raise WireError("a wire key is mtrw_ID_SECRET_CHECK")
        body = "_".join(parts[:3])
        if hashlib.sha256(body.encode()).hexdigest()[:6] != parts[3]:
            raise WireError("the key has a typing error")
        return Key(int(parts[1], 16), bytes.fromhex(parts[2]))

    def tag(self, data: bytes) -> bytes:
        return hmac.new(self.secret, data, hashlib.sha256).digest()[:TAG_BYTES]


def seal(key: Key, source: bytes, kind: int, first: int, count: int, base: int, durable: int,
         payload: bytes) -> bytes:
    """A frame of suite 1."""
    header = HEADER.pack(b"MF", 1, 1, kind, key.id, source, first, count, len(payload), base, durable)
    return header + payload + key.tag(header + payload)


@dataclass
class Event:
    """One agent call."""

    time_ms: int
    tenant: str
    agent: str
    amounts: Mapping[str, int]
    access: Optional[str] = None
    model: Optional[str] = None
    user: Optional[str] = None
    outcome: str = "ok"
    duration_ms: Optional[int] = None


class Payload:
    """Events put together until a byte limit: a dictionary, then the events."""

    SECTIONS = ("tenants", "agents", "components", "accesses", "models", "users", "shapes")

    def __init__(self, byte_limit: int) -> None:
        self.byte_limit = byte_limit
        self.sections: dict[str, dict[bytes, int]] = {section: {} for section in self.SECTIONS}
        self.section_bytes = 7
        self.events = bytearray()
        self.count = 0
        self.base = self.previous = 0
        self.lines: dict[tuple[str, str], list[int]] = {}

    def _index(self, added: list[tuple[str, bytes]], section: str, entry: bytes) -> int:
        entries = self.sections[section]
        if entry not in entries:
            entries[entry] = len(entries)
            self.section_bytes += len(entry)
            added.append((section, entry))
        return entries[entry]

    def append(self, event: Event) -> bool:
        """False if there is no room; raises WireError if there never is. Both leave it as it was."""
        added: list[tuple[str, bytes]] = []
        try:
            encoded = self._encode(event, added)
            entries = sum(len(section) for section in self.sections.values())
            counts = sum(len(varint(len(s))) - 1 for s in self.sections.values())
            size = self.section_bytes + counts + len(self.events) + len(encoded)
            fits = size <= self.byte_limit and entries <= 65_535 and self.count < 65_535
            if not fits and self.count == 0:
                raise WireError(f"one event is larger than {self.byte_limit} bytes")
        except Exception:
            self._take_back(added)
            raise
        if not fits:
            self._take_back(added)
            return False
        if self.count == 0:
            self.base = event.time_ms
        self.previous = event.time_ms
        self.events += encoded
        self.count += 1
        add_lines(self.lines, event)
        return True

    def _take_back(self, added: list[tuple[str, bytes]]) -> None:
        for section, entry in reversed(added):
            del self.sections[section][entry]
            self.section_bytes -= len(entry)

    def _encode(self, event: Event, added: list[tuple[str, bytes]]) -> bytes:
        if not 1 <= len(event.amounts) <= 64:
            raise WireError("an event has 1 to 64 components")
        if event.outcome not in OUTCOMES:
            raise WireError(f"an outcome is one of {', '.join(OUTCOMES)}")
        if abs(event.time_ms) > 2**61:
            raise WireError("the time is out of range")
        tenant = self._index(added, "tenants", name(event.tenant))
        agent = self._index(added, "agents", varint(tenant) + name(event.agent))
        shape = varint(len(event.amounts)) + b"".join(
            varint(self._index(added, "components", name(component)))
            for component in event.amounts)
        flags, details = OUTCOMES[event.outcome], b""
        if event.access is not None:
            access = bytes.fromhex(event.access.replace("-", ""))
            if len(access) != 16:
                raise WireError("an access is a uuid")
            flags |= 4
            details += varint(self._index(added, "accesses", access))
        if event.model is not None:
            flags |= 8
            details += varint(self._index(added, "models", name(event.model)))
        if event.user is not None:
            flags |= 16
            details += varint(self._index(added, "users", name(event.user)))
        if event.duration_ms is not None:
            flags |= 32
            details += varint(checked(event.duration_ms, "duration"))
        previous = self.previous if self.count else event.time_ms
        return b"".join((
            varint(agent), zigzag(event.time_ms - previous), bytes((flags,)),
            varint(self._index(added, "shapes", shape)), details,
            *(varint(checked(amount, c)) for c, amount in event.amounts.items())))

    def bytes(self) -> bytes:
        out = bytearray()
        for section in self.SECTIONS:
            out += varint(len(self.sections[section])) + b"".join(self.sections[section])
        return bytes(out + self.events)


def checked(amount: int, what: str) -> int:
    """An amount that may be on the wire; never a float, never a bool."""
    if type(amount) is not int or not 0 <= amount <= VALUE_MAX:
        raise WireError(f"{what} must be a whole number from 0 to 2^63 - 1, not {amount!r}")
    return amount


def add_lines(lines: dict[tuple[str, str], list[int]], event: Event) -> None:
    """Adds an event to sums by tenant and component: [amount, earliest, latest]."""
    for component, amount in event.amounts.items():
        add_line(lines, (event.tenant, component), [amount, event.time_ms, event.time_ms])


def add_line(lines: dict[tuple[str, str], list[int]], key: tuple[str, str], add: list[int]) -> None:
    line = lines.setdefault(key, [0, add[1], add[2]])
    line[0] += add[0]
    line[1] = min(line[1], add[1])
    line[2] = max(line[2], add[2])


Line = tuple[int, str, str, int, int, int]


def claim_payload(number: int, last: bool, recorded: int, dropped: int,
                  totals: Mapping[str, int], lines: list[Line], given_up: list[tuple[int, int]],
                  base: int, byte_limit: int = FRAME_BYTES_MAX, complete: bool = True) -> bytes:
    """A claim; lines are (kind, tenant, component, amount, earliest, latest)."""
    tenants: dict[str, int] = {}
    components: dict[str, int] = {}
    body = varint(len(totals))
    for component, amount in totals.items():
        body += varint(components.setdefault(component, len(components))) + varint(amount)
    body += varint(len(lines))
    for kind, tenant, component, amount, earliest, latest in lines:
        body += bytes((kind,)) + varint(tenants.setdefault(tenant, len(tenants)))
        body += varint(components.setdefault(component, len(components))) + varint(amount)
        body += zigzag(earliest - base) + varint(latest - earliest)
    flags = (1 if last else 0) | (0 if complete else 2)
    payload = varint(number) + bytes((flags,)) + varint(recorded) + varint(dropped)
    for names in (tenants, components):
        payload += varint(len(names)) + b"".join(name(text) for text in names)
    payload += body + encode_ranges(given_up)
    if len(payload) > byte_limit and lines:
        return claim_payload(number, last, recorded, dropped, totals, lines[: len(lines) // 2],
                             given_up, base, byte_limit, complete=False)
    return payload


# --- Acknowledgements ---------------------------------------------------------------------------


@dataclass
class Acknowledgement:
    """What the server has of a source."""

    source: bytes
    durable_through: int = 0
    archived_through: Optional[int] = None
    claim_number: int = 0
    quarantined: bool = False
    ranges_left_out: bool = False
    accepted: Optional[int] = None
    behind: int = 0
    duplicate: int = 0
    unverified_duplicate: int = 0
    in_conflict: int = 0
    refused: dict[int, int] = field(default_factory=dict)
    durable: list[tuple[int, int]] = field(default_factory=list)
    missing: list[tuple[int, int]] = field(default_factory=list)
    deferred: list[tuple[int, int]] = field(default_factory=list)


def open_acknowledgement(data: bytes, key: Key) -> Acknowledgement:
    """Verifies and reads; raises WireError."""
    if len(data) < 29 + TAG_BYTES or data[:4] != b"MA\x01\x01":
        raise WireError("not an acknowledgement of suite 1")
    if struct.unpack(">Q", data[4:12])[0] != key.id:
        raise WireError("another key")
    if not hmac.compare_digest(key.tag(data[:-TAG_BYTES]), data[-TAG_BYTES:]):
        raise WireError("a wrong tag")
    reader = Reader(data[28:-TAG_BYTES])
    flags = reader.byte()
    if flags > 15:
        raise WireError("reserved bits")
    answer = Acknowledgement(data[12:28], reader.varint())
    if flags & 2:
        answer.archived_through = reader.varint()
    answer.claim_number = reader.varint()
    answer.quarantined, answer.ranges_left_out = bool(flags & 1), bool(flags & 8)
    if flags & 4:
        answer.accepted, answer.behind = reader.varint(), reader.varint()
        answer.duplicate, answer.unverified_duplicate = reader.varint(), reader.varint()
        answer.in_conflict = reader.varint()
        for _ in range(reader.varint()):
            reason = reader.byte()
            answer.refused[reason] = reader.varint()
    answer.durable, answer.missing, answer.deferred = (
        reader.ranges(), reader.ranges(), reader.ranges())
    if reader.position != len(reader.data):
        raise WireError("trailing bytes")
    return answer


# --- Tokens (Documentation/Tokens.md) -----------------------------------------------------------


def _tokens(total: int, cached: int, created: int, output: int, reasoning: int) -> dict[str, int]:
    if cached + created > total or reasoning > output:
        raise WireError("a detail is larger than its total: were counts copied under other names?")
    counts = {"input_tokens": total - cached - created, "cached_input_tokens": cached,
              "cache_creation_input_tokens": created, "output_tokens": output - reasoning,
              "reasoning_tokens": reasoning}
    return {component: count for component, count in counts.items() if count}


def openai_amounts(prompt: int, completion: int, cached: int = 0, cache_written: int = 0,
                   reasoning: int = 0) -> dict[str, int]:
    """From OpenAI's usage, where details are parts of the totals."""
    return _tokens(prompt, cached, cache_written, completion, reasoning)


def anthropic_amounts(input_tokens: int, output_tokens: int, cache_read: int = 0,
                      cache_creation: int = 0) -> dict[str, int]:
    """From Anthropic's usage, where the three input counts stand side by side."""
    return _tokens(input_tokens + cache_read + cache_creation, cache_read, cache_creation,
                   output_tokens, 0)


def opentelemetry_amounts(input_tokens: int, output_tokens: int, cache_read: int = 0,
                          cache_creation: int = 0, reasoning: int = 0) -> dict[str, int]:
    """From gen_ai.usage attributes, where details are parts of the totals."""
    return _tokens(input_tokens, cache_read, cache_creation, output_tokens, reasoning)


# --- One source's life --------------------------------------------------------------------------


@dataclass
class Frame:
    """Sealed, and not known to be on the server's disk."""

    first: int
    end: int
    data: bytes
    lines: dict[tuple[str, str], list[int]]
    sent_at: Optional[float] = None
    sends: int = 0
    not_before: float = 0.0


class Source:
    """Frames from sealing until they are durable, and claims. Knows no sockets; time comes in."""

    def __init__(self, key: Key, datagrams: bool, frame_bytes: int, window_bytes: int,
                 claim_seconds: float, now: float) -> None:
        self.id = os.urandom(16)
        self.key, self.datagrams = key, datagrams
        self.payload_bytes = frame_bytes - HEADER_BYTES - TAG_BYTES
        self.window_bytes, self.claim_seconds = window_bytes, claim_seconds
        self.resend_seconds = 0.25 if datagrams else 5.0
        self.frames: list[Frame] = []
        self.next_sequence = self.durable_through = self.dropped = 0
        self.outstanding_bytes = 0
        self.totals: dict[str, int] = {}
        self.dropped_lines: dict[tuple[str, str], list[int]] = {}
        self.lines_left_out = False
        self.given_up: list[tuple[int, int]] = []
        self.given_up_lines: dict[tuple[str, str], list[int]] = {}
        self.claim = b""
        self.claim_number = self.claim_durable = self.claim_sends = 0
        self.claim_made_at, self.claim_sent_at = now, 0.0
        self.last_claim: Optional[int] = None
        self.finishing = self.quarantined = False
        self.answer: Optional[Acknowledgement] = None
        self.frames_sent = self.frames_resent = 0

    @property
    def used(self) -> bool:
        return self.next_sequence > 0 or self.dropped > 0

    @property
    def finished(self) -> bool:
        if not self.finishing or self.frames:
            return False
        return not self.used or (self.last_claim is not None and self.claim_durable >= self.last_claim)

    def seal(self, payload: Payload) -> bytes:
        data = seal(self.key, self.id, EVENTS, self.next_sequence, payload.count, payload.base,
                    self.durable_through, payload.bytes())
        end = self.next_sequence + payload.count
        self.frames.append(Frame(self.next_sequence, end, data, payload.lines))
        self.next_sequence = end
        self.outstanding_bytes += len(data)
        for (_, component), line in payload.lines.items():
            self.totals[component] = self.totals.get(component, 0) + line[0]
        return data

    def drop(self, event: Event) -> None:
        self.dropped += 1
        try:
            name(event.tenant)
            for component, amount in event.amounts.items():
                name(component), checked(amount, component)
            if abs(event.time_ms) > 2**61:
                raise WireError("the time is out of range")
        except (WireError, AttributeError, TypeError):
            self.lines_left_out = True
            return
        add_lines(self.dropped_lines, event)
        for component, amount in event.amounts.items():
            self.totals[component] = self.totals.get(component, 0) + amount

    def give_up(self) -> None:
        for frame in self.frames:
            if self.given_up and self.given_up[-1][1] == frame.first:
                self.given_up[-1] = (self.given_up[-1][0], frame.end)
            else:
                self.given_up.append((frame.first, frame.end))
            for key, line in frame.lines.items():
                add_line(self.given_up_lines, key, line)
        self.frames, self.outstanding_bytes = [], 0

    def make_claim(self, last: bool, now: float, wall_ms: int) -> int:
        pending: dict[tuple[str, str], list[int]] = {}
        for frame in self.frames:
            for key, line in frame.lines.items():
                add_line(pending, key, line)
        lines: list[Line] = [
            (kind, tenant, component, *line)
            for kind, group in ((DROPPED, self.dropped_lines), (GIVEN_UP, self.given_up_lines),
                                (PENDING, pending))
            for (tenant, component), line in sorted(group.items())]
        self.claim_number += 1
        payload = claim_payload(self.claim_number, last, self.next_sequence + self.dropped,
                                self.dropped, self.totals, lines, self.given_up, wall_ms,
                                self.payload_bytes, complete=not self.lines_left_out)
        self.claim = seal(self.key, self.id, CLAIM, self.next_sequence, 0, wall_ms,
                          self.durable_through, payload)
        self.claim_sends, self.claim_made_at, self.claim_sent_at = 0, now, 0.0
        if last:
            self.last_claim = self.claim_number
        return self.claim_number

    def _delay(self, sends: int) -> float:
        return min(self.resend_seconds * 2 ** min(max(sends - 1, 0), 4), 8.0)

    def due(self, now: float, wall_ms: int) -> list[bytes]:
        """What to send now."""
        out: list[bytes] = []
        in_flight = sum(len(f.data) for f in self.frames if f.sent_at is not None)
        for frame in self.frames:
            if frame.sent_at is not None and now - frame.sent_at < self._delay(frame.sends):
                continue
            if frame.not_before > now:
                continue
            if frame.sent_at is None:
                if in_flight and in_flight + len(frame.data) > self.window_bytes:
                    break
                in_flight += len(frame.data)
            out.append(frame.data)
            self.frames_sent += 1
            self.frames_resent += frame.sends > 0
            frame.sent_at, frame.sends = now, frame.sends + 1
        if self.used:
            if self.finishing and not self.frames:
                if self.last_claim is None:
                    self.make_claim(True, now, wall_ms)
            elif now - self.claim_made_at >= self.claim_seconds:
                self.make_claim(False, now, wall_ms)
            if self.claim_number > self.claim_durable and (
                    self.claim_sends == 0
                    or now - self.claim_sent_at >= self._delay(self.claim_sends)):
                out.append(self.claim)
                self.claim_sends, self.claim_sent_at = self.claim_sends + 1, now
        return out

    def connection_opened(self) -> None:
        """Everything that is not durable goes again, in order."""
        for frame in self.frames:
            frame.sent_at = None
        self.claim_sends = 0

    def apply(self, answer: Acknowledgement, now: float) -> None:
        """Takes an acknowledgement, however old or often it comes."""
        if answer.quarantined or answer.durable_through > self.next_sequence:
            self.quarantined = True
        self.durable_through = max(
            self.durable_through, min(answer.durable_through, self.next_sequence))
        self.claim_durable = max(self.claim_durable, min(answer.claim_number, self.claim_number))
        if answer.accepted is not None and (
                self.answer is None or answer.accepted >= (self.answer.accepted or 0)):
            self.answer = answer
        kept: list[Frame] = []
        for frame in self.frames:
            if frame.end <= self.durable_through or any(
                    first <= frame.first and frame.end <= end for first, end in answer.durable):
                self.outstanding_bytes -= len(frame.data)
                continue
            kept.append(frame)
            if frame.sent_at is None:
                continue
            if any(first < frame.end and frame.first < end for first, end in answer.deferred):
                frame.sent_at, frame.not_before = None, now + self.resend_seconds
            elif now - frame.sent_at > 0.05 and any(
                    first < frame.end and frame.first < end for first, end in answer.missing):
                frame.sent_at = None
        self.frames = kept


# --- The emitter --------------------------------------------------------------------------------


@dataclass
class Statistics:
    """What an emitter did so far."""

    recorded: int = 0
    dropped: int = 0
    invalid: int = 0
    durable: int = 0
    outstanding: int = 0
    frames_sent: int = 0
    frames_resent: int = 0
    accepted: int = 0
    duplicate: int = 0
    refused: int = 0


class Emitter:
    """Takes events without waiting and sees to it that each is counted once."""

    def __init__(self, url: str, key: "str | Key", *, memory_bytes: int = 64 << 20,
                 seal_seconds: float = 0.2, claim_seconds: float = 3.0,
                 clock: Callable[[], float] = time.time,
                 on_sealed_frame: Optional[Callable[[bytes], None]] = None,
                 ca_file: Optional[str] = None, certificate_file: Optional[str] = None,
                 key_file: Optional[str] = None) -> None:
        """``ca_file`` says whom a ``tls://`` server's certificate is trusted from, the system's
        authorities otherwise; ``certificate_file`` and ``key_file`` are shown where it asks for them."""
        parts = urlsplit(url)
        if parts.scheme not in ("udp", "tcp", "tls") or not parts.hostname or not parts.port:
            raise ValueError("the url is udp://, tcp:// or tls://, then host:port")
        self._address = (parts.hostname, parts.port)
        self._tls: Optional[ssl.SSLContext] = None
        if parts.scheme == "tls":
            self._tls = ssl.create_default_context(cafile=ca_file)
            self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
            if certificate_file:
                self._tls.load_cert_chain(certificate_file, key_file)
        elif ca_file or certificate_file or key_file:
            raise ValueError("certificates are for tls:// urls")
        self._datagrams = parts.scheme == "udp"
        self._key = Key.parse(key) if isinstance(key, str) else key
        self._memory_bytes, self._seal_seconds = memory_bytes, seal_seconds
        self._claim_seconds, self._clock = claim_seconds, clock
        self._on_sealed_frame = on_sealed_frame
        self._frame_bytes = 1_400 if self._datagrams else 65_536
        self._begin()
        _emitters.add(self)
        atexit.register(_close_at_exit, weakref.ref(self))

    def _begin(self) -> None:
        self._changed = threading.Condition()
        self._queue: list[Event] = []
        self._queue_bytes = 0
        self._drops: list[Event] = []
        self._drops_unnamed = 0
        self._statistics = Statistics()
        self._past = Statistics()
        self._flush_wanted = self._flush_done = 0
        self._closing = self._closed = self._gave_up = False
        self._give_up_at = float("inf")
        self._source = self._new_source()
        self._draining: list[Source] = []
        self._socket: Optional[socket.socket] = None
        self._connecting = self._handshaking = self._handshake_writes = False
        self._connect_by = 0.0
        self._problem: Optional[str] = None
        self._retry_at, self._backoff = 0.0, 0.05
        self._unsent, self._incoming = bytearray(), bytearray()
        self._wake_read, self._wake_write = socket.socketpair()
        self._wake_read.setblocking(False)
        self._wake_write.setblocking(False)
        self._thread = threading.Thread(target=self._run, name="meter-emitter", daemon=True)
        self._thread.start()

    def _new_source(self) -> Source:
        return Source(self._key, self._datagrams, self._frame_bytes,
                      (256 << 10) if self._datagrams else (4 << 20), self._claim_seconds,
                      time.monotonic())

    def __enter__(self) -> "Emitter":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # Callers

    def record(self, tenant: str, agent: str, amounts: Mapping[str, int], *,
               access: Optional[str] = None, model: Optional[str] = None,
               user: Optional[str] = None, outcome: str = "ok",
               duration_ms: Optional[int] = None, time_ms: Optional[int] = None) -> None:
        """Takes one agent call; adds ``agent_calls`` 1 unless given. Never waits, never raises: what
        is wrong or has no room is dropped and counted."""
        try:
            counts = dict(amounts)
            counts.setdefault("agent_calls", 1)
            when = int(self._clock() * 1_000) if time_ms is None else time_ms
            event = Event(when, tenant, agent, counts, access, model, user, outcome, duration_ms)
        except Exception:
            with self._changed:
                self._statistics.recorded += 1
                self._statistics.invalid += 1
                self._drops_unnamed += 1
            return
        size = 64 + 16 * len(counts)
        with self._changed:
            self._statistics.recorded += 1
            outstanding = self._source.outstanding_bytes + sum(
                source.outstanding_bytes for source in self._draining)
            if self._closing or outstanding + self._queue_bytes + size > self._memory_bytes:
                self._statistics.dropped += 1
                if not self._closing:
                    self._drops.append(event) if len(self._drops) < 10_000 else self._count_drop()
                return
            self._queue.append(event)
            self._queue_bytes += size
            ring = len(self._queue) == 64
        if ring:
            self._ring()

    def _count_drop(self) -> None:
        self._drops_unnamed += 1

    def flush(self, timeout: float = 5.0) -> bool:
        """Waits until everything recorded before is on the server's disk."""
        with self._changed:
            if self._closed:
                return not self._gave_up
            self._flush_wanted += 1
            wanted = self._flush_wanted
            self._ring()
            return self._changed.wait_for(
                lambda: self._flush_done >= wanted or self._closed, timeout) and (
                    self._flush_done >= wanted)

    def close(self, timeout: float = 5.0) -> bool:
        """Flushes, then sends the last claim; what is not durable by then is named in it."""
        with self._changed:
            self._closing = True
            self._give_up_at = min(self._give_up_at, time.monotonic() + timeout)
            self._ring()
            self._changed.wait_for(lambda: self._closed, timeout + 1.5)
            return self._closed and not self._gave_up

    @property
    def statistics(self) -> Statistics:
        """A copy of the figures."""
        with self._changed:
            return Statistics(**vars(self._statistics))

    @property
    def problem(self) -> Optional[str]:
        """Why the server could not be reached lately, in one line; None once it has acknowledged."""
        return self._problem

    def _ring(self) -> None:
        try:
            self._wake_write.send(b"\0")
        except OSError:
            pass

    # The thread

    def _run(self) -> None:
        partial = Payload(self._source.payload_bytes)
        partial_since = 0.0
        flush: Optional[tuple[int, Source, int, int]] = None
        flush_sealed, last_chance = 0, float("inf")
        while True:
            now = time.monotonic()
            with self._changed:
                events, self._queue, self._queue_bytes = self._queue, [], 0
                drops, self._drops = self._drops, []
                unnamed, self._drops_unnamed = self._drops_unnamed, 0
                wanted, closing, give_up_at = self._flush_wanted, self._closing, self._give_up_at
            for event in drops:
                self._source.drop(event)
            if unnamed:
                self._source.dropped += unnamed
                self._source.lines_left_out = True
            for event in events:
                if partial.count == 0:
                    partial_since = now
                partial = self._append(partial, event)
            aged = partial.count and now - partial_since >= self._seal_seconds
            if partial.count and (aged or closing or wanted > flush_sealed):
                self._seal(partial)
                partial = Payload(self._source.payload_bytes)
            if wanted > flush_sealed:
                flush_sealed = wanted
                source = self._source
                number = source.make_claim(False, now, self._wall()) if source.used else 0
                flush = (wanted, source, source.next_sequence, number)
            if closing and not self._source.finishing:
                self._source.finishing = True
            if closing and now >= give_up_at and last_chance == float("inf"):
                last_chance = now + 1.0
                self._gave_up = bool(self._source.frames or any(s.frames for s in self._draining))
                for source in (self._source, *self._draining):
                    source.give_up()
            self._exchange(now)
            with self._changed:
                self._publish()
                if flush and self._is_durable(*flush[1:]):
                    self._flush_done, flush = flush[0], None
                    self._changed.notify_all()
                done = closing and self._source.finished and not self._draining
                if done or time.monotonic() >= last_chance:
                    self._closed = True
                    self._gave_up = self._gave_up or not done
                    self._changed.notify_all()
                    self._disconnect(now)
                    self._wake_read.close()
                    self._wake_write.close()
                    return
            self._wait()

    def _is_durable(self, source: Source, through: int, claim: int) -> bool:
        frames = [f for s in (self._source, *self._draining) for f in s.frames
                  if s is not source or f.first < through]
        return not frames and (source is not self._source or source.claim_durable >= claim)

    def _append(self, partial: Payload, event: Event) -> Payload:
        try:
            if partial.append(event):
                return partial
            self._seal(partial)
            partial = Payload(self._source.payload_bytes)
            partial.append(event)
        except Exception:
            self._source.drop(event)
            with self._changed:
                self._statistics.invalid += 1
        return partial

    def _seal(self, payload: Payload) -> None:
        if self._source.quarantined:
            self._source.finishing = True
            self._draining.append(self._source)
            self._source = self._new_source()
        data = self._source.seal(payload)
        if self._on_sealed_frame:
            self._on_sealed_frame(data)

    def _wall(self) -> int:
        return int(self._clock() * 1_000)

    def _publish(self) -> None:
        figures = self._statistics
        for source in [s for s in self._draining if s.finished]:
            self._add(self._past, source)
            self._draining.remove(source)
        now = Statistics(**vars(self._past))
        for source in (self._source, *self._draining):
            self._add(now, source)
        for figure in ("durable", "outstanding", "frames_sent", "frames_resent", "accepted",
                       "duplicate", "refused"):
            setattr(figures, figure, getattr(now, figure))

    @staticmethod
    def _add(figures: Statistics, source: Source) -> None:
        outstanding = sum(frame.end - frame.first for frame in source.frames)
        given_up = sum(end - first for first, end in source.given_up)
        figures.outstanding += outstanding
        figures.durable += source.next_sequence - outstanding - given_up
        figures.frames_sent += source.frames_sent
        figures.frames_resent += source.frames_resent
        if source.answer:
            figures.accepted += source.answer.accepted or 0
            figures.duplicate += source.answer.duplicate + source.answer.unverified_duplicate
            figures.refused += sum(source.answer.refused.values())

    # The socket

    def _exchange(self, now: float) -> None:
        if self._open(now) and not self._datagrams:
            for source in (self._source, *self._draining):
                source.connection_opened()
        self._receive(now)
        if self._socket is not None and not self._connecting and len(self._unsent) < 1 << 20:
            for source in (*self._draining, self._source):
                for data in source.due(now, self._wall()):
                    self._send(data)
        self._write(now)

    def _open(self, now: float) -> bool:
        """Whether a connection was opened by this call."""
        if self._socket is not None:
            if not self._connecting:
                return False
            if now >= self._connect_by:
                self._disconnect(now, "the server does not answer")
                return False
            return self._connected(now)
        if now < self._retry_at:
            return False
        kind = socket.SOCK_DGRAM if self._datagrams else socket.SOCK_STREAM
        try:
            family, kind, protocol, _, address = socket.getaddrinfo(*self._address, type=kind)[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
            self._connecting, self._connect_by = not self._datagrams, now + 10.0
            try:
                self._socket.connect(address)
            except BlockingIOError:
                pass
        except OSError as error:
            self._disconnect(now, str(error))
            return False
        return self._datagrams

    def _connected(self, now: float) -> bool:
        """Goes on with a connection that is being opened; whether it is open now."""
        assert self._socket is not None
        try:
            if not self._handshaking:
                if not select.select([], [self._socket], [], 0)[1]:
                    return False
                number = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
                if number:
                    raise OSError(number, os.strerror(number))
                if self._tls is not None:
                    self._socket = self._tls.wrap_socket(
                        self._socket, server_hostname=self._address[0],
                        do_handshake_on_connect=False)
                    self._handshaking = True
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket.do_handshake()
        except ssl.SSLWantReadError:
            self._handshake_writes = False
            return False
        except ssl.SSLWantWriteError:
            self._handshake_writes = True
            return False
        except OSError as error:
            self._disconnect(now, str(error))
            return False
        self._connecting = self._handshaking = False
        self._backoff = 0.05
        return True

    def _disconnect(self, now: float, problem: Optional[str] = None) -> None:
        if problem:
            self._problem = problem
        if self._socket is not None:
            try:
                if isinstance(self._socket, ssl.SSLSocket) and not self._handshaking:
                    self._socket.unwrap()
            except (OSError, ValueError):
                pass  # Said goodbye; what the server says to it is not waited for.
            self._socket.close()
        self._socket, self._connecting, self._handshaking = None, False, False
        self._unsent.clear()
        self._incoming.clear()
        self._retry_at, self._backoff = now + self._backoff, min(self._backoff * 2, 2.0)

    def _send(self, data: bytes) -> None:
        if not self._datagrams:
            self._unsent += struct.pack(">I", len(data)) + data
            return
        try:
            assert self._socket is not None
            self._socket.send(data)
        except OSError:
            pass  # Lost, as on the way; it is sent again.

    def _write(self, now: float) -> None:
        while self._unsent and self._socket is not None and not self._connecting:
            try:
                written = self._socket.send(self._unsent)
            except WOULD_BLOCK:
                return
            except OSError as error:
                self._receive(now)  # What the server said before it closed says more.
                if self._socket is not None:
                    self._disconnect(now, str(error))
                return
            del self._unsent[:written]

    def _receive(self, now: float) -> None:
        while self._socket is not None and not self._connecting:
            try:
                data = self._socket.recv(65_536)
            except WOULD_BLOCK:
                return
            except OSError as error:
                if not self._datagrams:
                    self._disconnect(now, str(error))
                return
            if self._datagrams:
                self._answer(data, now)
                continue
            if not data:
                self._disconnect(now)
                return
            self._incoming += data
            while len(self._incoming) >= 4:
                (size,) = struct.unpack_from(">I", self._incoming)
                if not 0 < size <= FRAME_BYTES_MAX:
                    self._disconnect(now)
                    return
                if len(self._incoming) < 4 + size:
                    break
                self._answer(bytes(self._incoming[4:4 + size]), now)
                del self._incoming[:4 + size]

    def _answer(self, data: bytes, now: float) -> None:
        try:
            answer = open_acknowledgement(data, self._key)
        except WireError:
            return
        self._problem = None
        for source in (self._source, *self._draining):
            if source.id == answer.source:
                source.apply(answer, now)

    def _wait(self) -> None:
        reading: list[socket.socket] = [self._wake_read]
        writing: list[socket.socket] = []
        if self._socket is not None:
            reading.append(self._socket)
            if self._handshaking:
                waits_to_write = self._handshake_writes
            else:
                waits_to_write = self._connecting or bool(self._unsent)
            if waits_to_write:
                writing.append(self._socket)
        busy = bool(self._source.frames or self._draining or self._closing)
        try:
            select.select(reading, writing, [], min(self._seal_seconds, 0.05 if busy else 1.0))
            self._wake_read.recv(4_096)
        except OSError:
            pass

    def _begin_again_after_fork(self) -> None:
        """What was recorded before is the parent's to send."""
        if not self._closed:
            self._begin()


_emitters: "weakref.WeakSet[Emitter]" = weakref.WeakSet()


def _close_at_exit(reference: "weakref.ref[Emitter]") -> None:
    emitter = reference()
    if emitter is not None and not emitter._closed:
        emitter.close(timeout=3.0)


def _after_fork() -> None:
    for emitter in list(_emitters):
        emitter._begin_again_after_fork()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


# --- Command line -------------------------------------------------------------------------------


def main() -> int:
    parser = argparse.ArgumentParser(description="Sends events to a Meter server.")
    parser.add_argument("--url", required=True, help="udp://, tcp:// or tls://, then host:port")
    parser.add_argument("--ca-file", help="tls: whom the server's certificate is trusted from")
    parser.add_argument("--certificate-file", help="tls: shown where the server asks for one")
    parser.add_argument("--key-file", help="tls: the certificate's key")
    parser.add_argument("--key", help="the wire key as meterctl showed it; or set METER_KEY")
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--agent", required=True)
    parser.add_argument("--events", type=int, default=1)
    parser.add_argument("--input-tokens", type=int, default=100)
    parser.add_argument("--output-tokens", type=int, default=10)
    parser.add_argument("--model")
    parser.add_argument("--time-ms", type=int, help="time of every event; default now")
    parser.add_argument("--timeout", type=float, default=10.0)
    arguments = parser.parse_args()
    key = arguments.key or os.environ.get("METER_KEY", "")
    emitter = Emitter(arguments.url, key, ca_file=arguments.ca_file,
                      certificate_file=arguments.certificate_file, key_file=arguments.key_file)
    for _ in range(arguments.events):
        emitter.record(arguments.tenant, arguments.agent,
                       {"input_tokens": arguments.input_tokens,
                        "output_tokens": arguments.output_tokens},
                       model=arguments.model, time_ms=arguments.time_ms)
    done = emitter.close(timeout=arguments.timeout)
    if emitter.problem:
        print(emitter.problem, file=sys.stderr)
    figures = emitter.statistics
    print(f"recorded={figures.recorded} durable={figures.durable} accepted={figures.accepted} "
          f"refused={figures.refused} duplicate={figures.duplicate} dropped={figures.dropped} "
          f"invalid={figures.invalid} frames={figures.frames_sent} resent={figures.frames_resent}")
    return 0 if done and figures.durable == arguments.events else 1


if __name__ == "__main__":
    raise SystemExit(main())
