internal import Foundation
internal import Meter
internal import MeterTesting
internal import MeterWire
internal import Testing

@Suite struct IngestTests {
    @Test func `frames over TCP are counted once and acknowledged`() throws {
        let site = try TestSite(seed: 10)
        let (_, key) = try site.addKey()
        let server = try site.start()
        var emitter = RawEmitter(seed: 11, key: key)
        for _ in 0..<200 { _ = emitter.makeFrame(50) }
        let settled = try emitter.settle(tcp: server.addresses.tcp ?? "")
        #expect(settled)
        // Everything again: only duplicates.
        let socket = try TestSocket(tcp: server.addresses.tcp ?? "")
        for frame in emitter.frames { try socket.send(RawEmitter.framed(frame.bytes)) }
        try waitUntil { try server.metric(#"meter_events_total{result="duplicate"}"#) == 10_000 }
        #expect(try server.metric(#"meter_events_total{result="accepted"}"#) == 10_000)
        #expect(try server.metric("meter_principals_not_conserved") == 0)
        #expect(server.stop() == 0)
        let stored = try site.stored()
        #expect(stored.totals == emitter.totals)
        #expect(!stored.recovery.wasUnclean)
    }

    @Test(arguments: [false, true])
    func `frames over UDP are counted once and acknowledged`(encrypted: Bool) throws {
        let site = try TestSite(seed: 12)
        let (_, key) = try site.addKey()
        let server = try site.start()
        var emitter = RawEmitter(seed: 13, key: key, encrypted: encrypted)
        let socket = try TestSocket(udp: server.addresses.udp ?? "")
        var sentByteCount = 0
        for _ in 0..<100 {
            let frame = emitter.makeFrame(20)
            sentByteCount += frame.count
            try socket.send(frame)
            while let bytes = socket.receive(milliseconds: 0) { try emitter.take(bytes) }
        }
        let end = Date().addingTimeInterval(10)
        while !emitter.outstanding.isEmpty, Date() < end {
            if let bytes = socket.receive(milliseconds: 200) {
                try emitter.take(bytes)
            } else {
                for frame in emitter.outstanding {
                    sentByteCount += frame.bytes.count
                    try socket.send(frame.bytes)
                }
            }
        }
        #expect(emitter.outstanding.isEmpty)
        #expect(emitter.acknowledgementByteCount <= sentByteCount)
        #expect(emitter.acknowledgementCount <= 100, "one answer covers many frames")
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == emitter.totals)
    }

    @Test func `a datagram that is not authentic is not answered`() throws {
        let site = try TestSite(seed: 14)
        let (_, key) = try site.addKey()
        let server = try site.start()
        var emitter = RawEmitter(seed: 15, key: key)
        let socket = try TestSocket(udp: server.addresses.udp ?? "")
        var frame = emitter.makeFrame(3)
        frame[frame.count - 1] ^= 1
        for _ in 0..<10 { try socket.send(frame) }
        var unsigned = RawEmitter(seed: 16, key: nil)
        for _ in 0..<10 { try socket.send(unsigned.makeFrame(3)) }
        #expect(socket.receive(milliseconds: 500) == nil)
        let ignored = #"meter_frames_ignored_total{transport="udp",reason="#
        #expect(try server.metric(ignored + #""wrong-tag"}"#) == 10)
        #expect(try server.metric(ignored + #""suite-not-allowed"}"#) == 10)
        #expect(try server.metric(#"meter_acknowledgements_total{transport="udp"}"#) == 0)
        #expect(server.stop() == 0)
        #expect(try site.stored().sources.isEmpty)
    }

    @Test func `without authentication frames of suite 0 are taken on the loopback`() throws {
        let directory = try TemporaryDirectory()
        let data = directory.path + "/data"
        let server = try ServerProcess(data: data, ["--insecure-loopback"])
        var emitter = RawEmitter(seed: 17, key: nil)
        for _ in 0..<20 { _ = emitter.makeFrame(10) }
        let settled = try emitter.settle(tcp: server.addresses.tcp ?? "")
        #expect(settled)
        #expect(server.stop() == 0)
        #expect(try Stored(data: data).totals == emitter.totals)
    }

    @Test func `a revoked key opens nothing after the next start`() throws {
        let site = try TestSite(seed: 18)
        let (_, key) = try site.addKey()
        do {
            let (book, _, _) = try Book.open(try POSIXDisk(path: site.data))
            try book.append(
                .keyRevoked(KeyRevocation(id: key.id)),
                author: "test",
                at: Timestamp(milliseconds: 1_700_000_000_001)
            )
        }
        let server = try site.start()
        var emitter = RawEmitter(seed: 19, key: key)
        _ = emitter.makeFrame(10)
        let settled = try emitter.settle(tcp: server.addresses.tcp ?? "", milliseconds: 1_000)
        #expect(!settled)
        #expect(
            try server.metric(#"meter_frames_ignored_total{transport="tcp",reason="other-key"}"#)
                == 1
        )
        #expect(server.stop() == 0)
    }

    @Test func `many connections and sources at once add up`() throws {
        let site = try TestSite(seed: 20)
        let (_, key) = try site.addKey()
        let server = try site.start()
        var emitters = (0..<20).map { RawEmitter(seed: 200 + $0, key: key) }
        let sockets = try emitters.map { _ in try TestSocket(tcp: server.addresses.tcp ?? "") }
        var seed = Seed(21)
        for _ in 0..<400 {
            let index = seed.below(emitters.count)
            var bytes = RawEmitter.framed(emitters[index].makeFrame(1 + seed.below(40)))
            // A frame in pieces: the server puts it together.
            let cut = seed.below(bytes.count)
            try sockets[index].send(Array(bytes[..<cut]))
            bytes.removeFirst(cut)
            try sockets[index].send(bytes)
            while let bytes = sockets[index].receive(milliseconds: 0), !bytes.isEmpty {
                try emitters[index].receive(bytes)
            }
        }
        var model = NaiveMeter()
        for index in emitters.indices {
            sockets[index].finishSending()
            while let bytes = sockets[index].receive(milliseconds: 5_000), !bytes.isEmpty {
                try emitters[index].receive(bytes)
            }
            #expect(emitters[index].outstanding.isEmpty, "emitter \(index)")
            for frame in emitters[index].frames { model.count(frame.events) }
        }
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == model)
    }
}

/// Asks again and again until the condition holds; fails after ten seconds.
func waitUntil(
    seconds: Double = 10,
    _ condition: () throws -> Bool,
    sourceLocation: SourceLocation = #_sourceLocation
) throws {
    let end = Date().addingTimeInterval(seconds)
    while Date() < end {
        if try condition() { return }
        usleep(20_000)
    }
    Issue.record("the condition did not hold within \(seconds) s", sourceLocation: sourceLocation)
}
