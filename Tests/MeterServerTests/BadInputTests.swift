internal import Foundation
internal import Meter
internal import MeterTesting
internal import MeterWire
internal import Testing

/// Whatever comes in is refused with its reason counted: no crash, no memory beyond its limit, and
/// nothing else is lost.
@Suite struct BadInputTests {
    /// Seals a payload that no encoder would make.
    private struct Forger {
        let sealer: FrameSealer
        var random: Seed

        init(key: WireKey, seed: UInt64) {
            random = Seed(seed)
            let source = SourceID(high: random.next(), low: random.next())
            sealer = FrameSealer(source: source, protection: .signed(key))
        }

        mutating func frame(
            _ payload: [UInt8],
            count: Int = 1,
            first: UInt64 = 0,
            time: Int64 = Int64(Date().timeIntervalSince1970 * 1_000),
            kind: FrameKind = .events
        ) -> [UInt8] {
            sealer.seal(
                kind: kind,
                payload: payload,
                eventCount: count,
                firstSequence: first,
                baseTime: time,
                durableThrough: 0,
                using: &random
            )
        }
    }

    private func event(
        tenant: String = "acme",
        offsetMilliseconds: Int64 = 0,
        amount: UInt64 = 1
    ) -> UsageEvent {
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        return UsageEvent(
            time: Timestamp(milliseconds: now + offsetMilliseconds),
            tenant: tenant,
            agent: "a",
            amounts: [ComponentAmount("agent_calls", amount)]
        )
    }

    private func payload(_ events: [UsageEvent]) -> (bytes: [UInt8], time: Int64) {
        var encoder = PayloadEncoder(byteCountMax: 1 << 19)
        for event in events { _ = encoder.append(event) }
        return (encoder.payload(), encoder.baseTime)
    }

    @Test func `what is not authentic is ignored by reason, over both transports`() throws {
        let site = try TestSite(seed: 30)
        let (_, key) = try site.addKey()
        let server = try site.start()
        var emitter = RawEmitter(seed: 31, key: key)
        let good = emitter.makeFrame(5)
        func changed(_ index: Int, _ value: UInt8) -> [UInt8] {
            var bytes = good
            bytes[index] = value
            return bytes
        }
        // Reason, bytes of a datagram or of a frame in a stream.
        let cases: [(String, [UInt8])] = [
            ("truncated", Array(good.prefix(70))), ("not-a-frame", changed(0, 0)),
            ("unknown-version", changed(2, 9)), ("unknown-suite", changed(3, 77)),
            ("unknown-kind", changed(4, 77)), ("reserved-not-zero", changed(6, 1)),
            ("other-key", changed(15, good[15] ^ 1)), ("wrong-tag", changed(70, good[70] ^ 1)),
            ("event-count", changed(40, 0xFF)), ("frame-too-large", changed(44, 0x40)),
            ("sequence", changed(32, 0xFF)), ("durable-beyond-sequence", changed(63, 7)),
        ]
        let datagrams = try TestSocket(udp: server.addresses.udp ?? "")
        for (_, bytes) in cases { try datagrams.send(bytes) }
        for (reason, bytes) in cases {
            let stream = try TestSocket(tcp: server.addresses.tcp ?? "")
            try stream.send(RawEmitter.framed(bytes))
            if reason != "truncated" {
                #expect(stream.receive(milliseconds: 5_000) == [], "\(reason): closed, no answer")
            }
        }
        for transport in ["udp", "tcp"] {
            for (reason, _) in cases {
                let sample =
                    "meter_frames_ignored_total{transport=\"\(transport)\",reason=\"\(reason)\"}"
                try waitUntil { try server.metric(sample) >= 1 }
            }
        }
        for length: [UInt8] in [
            [0, 0, 0, 0], [0x40, 0, 0, 0], [0, 0, 0, 63], [0xFF, 0xFF, 0xFF, 0xFF],
        ] {
            let stream = try TestSocket(tcp: server.addresses.tcp ?? "")
            try stream.send(length + Array(repeating: 1, count: 100))
            #expect(stream.receive(milliseconds: 5_000) == [])
        }
        #expect(
            try server.metric(#"meter_frames_ignored_total{transport="tcp",reason="frame-length"}"#)
                == 4
        )
        let settled = try emitter.settle(tcp: server.addresses.tcp ?? "")
        #expect(settled, "a good frame is still taken")
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == emitter.totals)
    }

    @Test func `authentic nonsense is refused for good, and its reason told`() throws {
        let site = try TestSite(seed: 32)
        let (_, key) = try site.addKey(.platform(tenants: ["acme"]))
        let server = try site.start()
        let (good, time) = payload([event()])
        let day: Int64 = 86_400_000
        let future = payload([event(offsetMilliseconds: 10 * 60_000)])
        let ancient = payload([event(offsetMilliseconds: -63 * day)])
        let other = payload([event(tenant: "globex")])
        var notUTF8 = good
        if let place = notUTF8.firstIndex(of: UInt8(ascii: "a")) { notUTF8[place] = 0xFF }
        let billion: [UInt8] = [0x80, 0x94, 0xEB, 0xDC, 0x03]
        let cases: [(String, RefusalReason, [UInt8], Int64, Int)] = [
            ("a billion tenants", .malformed, billion + good, time, 1),
            (
                "a name of a gibibyte", .malformed, [1, 0x80, 0x80, 0x80, 0x80, 0x04] + good, time,
                1
            ),
            ("bytes after the end", .malformed, good + [0], time, 1),
            ("cut short", .malformed, Array(good.dropLast()), time, 1),
            ("fewer events than announced", .malformed, good, time, 2),
            ("nothing", .malformed, [0], time, 1),
            ("not UTF-8", .malformed, notUTF8, time, 1),
            ("noise", .malformed, (0..<200).map { UInt8(truncatingIfNeeded: $0 &* 37) }, time, 1),
            ("in future", .inFuture, future.bytes, future.time, 1),
            ("ancient", .tooOld, ancient.bytes, ancient.time, 1),
            ("the end of time", .malformed, good, .max, 1),
            ("another tenant", .tenantNotAllowed, other.bytes, other.time, 1),
        ]
        for (index, (name, reason, payload, time, count)) in cases.enumerated() {
            var forger = Forger(key: key, seed: UInt64(400 + index))
            let socket = try TestSocket(tcp: server.addresses.tcp ?? "")
            try socket.send(
                RawEmitter.framed(forger.frame(payload, count: count, time: time))
            )
            let answer = try acknowledgement(from: socket, key: key)
            let refused = answer?.counters?.refused ?? []
            // The end of time is refused as a time or as a frame; it must not be counted.
            if name == "the end of time" {
                #expect(refused.reduce(0) { $0 + $1.count } == 1, "\(name): \(refused)")
            } else {
                #expect(
                    refused == [.init(reason: reason.rawValue, count: UInt64(count))],
                    "\(name): \(refused)"
                )
            }
            #expect(answer?.durableThrough == UInt64(count), "\(name): consumes its number")
        }
        var emitter = Forger(key: key, seed: 33)
        let socket = try TestSocket(tcp: server.addresses.tcp ?? "")
        try socket.send(RawEmitter.framed(emitter.frame(good, time: time)))
        #expect(try acknowledgement(from: socket, key: key)?.counters?.accepted == 1)
        #expect(try server.metric("meter_principals_not_conserved") == 0)
        #expect(server.residentByteCount < 400 << 20)
        #expect(server.stop() == 0)
        let sum = try site.stored().totals.totals.values.reduce(0) { $0 + $1.sum }
        #expect(sum == 1)
    }

    @Test func `a source id of another principal's is a source of its own`() throws {
        let site = try TestSite(seed: 34)
        let (_, first) = try site.addKey()
        let (_, second) = try site.addKey()
        let server = try site.start()
        // The same seed draws the same source id and the same sequences.
        var owner = RawEmitter(seed: 35, key: first)
        var thief = RawEmitter(seed: 35, key: second)
        #expect(owner.source == thief.source)
        _ = thief.makeFrame(7)
        let isThiefSettled = try thief.settle(tcp: server.addresses.tcp ?? "")
        #expect(isThiefSettled)
        for _ in 0..<5 { _ = owner.makeFrame(11) }
        let isOwnerSettled = try owner.settle(tcp: server.addresses.tcp ?? "")
        #expect(isOwnerSettled)
        #expect(owner.last?.counters?.accepted == 55)
        #expect(owner.last?.counters?.inConflict == 0)
        #expect(server.stop() == 0)
    }

    @Test func `noise on every port ends nothing`() throws {
        let site = try TestSite(seed: 36)
        let (_, key) = try site.addKey()
        let server = try site.start(["--limits-first-frame-seconds", "1"])
        var random = Seed(37)
        let datagrams = try TestSocket(udp: server.addresses.udp ?? "")
        for _ in 0..<300 {
            try datagrams.send((0..<random.below(1_400)).map { _ in UInt8(random.below(256)) })
        }
        for address in [server.addresses.tcp, server.addresses.http] {
            for _ in 0..<30 {
                let stream = try TestSocket(tcp: address ?? "")
                try? stream.send((0..<random.below(5_000)).map { _ in UInt8(random.below(256)) })
            }
        }
        // Connections that say nothing are closed.
        let silent = try TestSocket(tcp: server.addresses.tcp ?? "")
        #expect(silent.receive(milliseconds: 5_000) == [])
        var emitter = RawEmitter(seed: 38, key: key)
        for _ in 0..<10 { _ = emitter.makeFrame(10) }
        let settled = try emitter.settle(tcp: server.addresses.tcp ?? "")
        #expect(settled)
        #expect(server.residentByteCount < 400 << 20)
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == emitter.totals)
    }

    @Test func `connections beyond the limit are closed, others go on`() throws {
        let site = try TestSite(seed: 39)
        let (_, key) = try site.addKey()
        let server = try site.start(["--limits-connections-per-address", "3"])
        var emitter = RawEmitter(seed: 40, key: key)
        let first = try TestSocket(tcp: server.addresses.tcp ?? "")
        try first.send(RawEmitter.framed(emitter.makeFrame(1)))
        if let bytes = first.receive(milliseconds: 5_000) { try emitter.receive(bytes) }
        let held = try (0..<2).map { _ in try TestSocket(tcp: server.addresses.tcp ?? "") }
        usleep(100_000)
        let refused = try TestSocket(tcp: server.addresses.tcp ?? "")
        #expect(refused.receive(milliseconds: 5_000) == [])
        try first.send(RawEmitter.framed(emitter.makeFrame(1)))
        try waitUntil {
            if let bytes = first.receive(milliseconds: 100) { try emitter.receive(bytes) }
            return emitter.outstanding.isEmpty
        }
        withExtendedLifetime(held) {}
        #expect(server.stop() == 0)
    }

    private func acknowledgement(
        from socket: TestSocket,
        key: WireKey
    ) throws -> Acknowledgement? {
        var bytes: [UInt8] = []
        while let more = socket.receive(milliseconds: 5_000), !more.isEmpty {
            bytes += more
            let length = bytes.prefix(4).reduce(0) { $0 << 8 | Int($1) }
            guard bytes.count >= 4 + length else { continue }
            return try unsafe bytes[4..<(4 + length)].withUnsafeBytes {
                unsafe try Acknowledgement.open($0, key: key)
            }
        }
        return nil
    }
}
