internal import Foundation
internal import Meter
internal import MeterTesting
internal import MeterWire
internal import Testing

/// Limits at the real server's doors.
@Suite struct LimitTests {
    private static let rates = [
        "--limits-tenant-events-per-second", "500", "--limits-burst-seconds", "1",
    ]

    @Test func `over TCP a noisy tenant waits, loses nothing, and holds up no other`() throws {
        let site = try TestSite(seed: 120)
        let (_, noisyKey) = try site.addKey(.tenant("noisy"))
        let (_, quietKey) = try site.addKey(.tenant("quiet"))
        let server = try site.start(Self.rates)
        let address = server.addresses.tcp ?? ""
        var noisy = RawEmitter(seed: 121, key: noisyKey, tenant: "noisy")
        var quiet = RawEmitter(seed: 122, key: quietKey, tenant: "quiet")
        let noisySocket = try TestSocket(tcp: address)
        let quietSocket = try TestSocket(tcp: address)
        // Four seconds' worth at once: ten times the rate, and more, for as long as it is sent.
        let began = Date()
        for _ in 0..<40 { try noisySocket.send(RawEmitter.framed(noisy.makeFrame(50))) }
        var rounds = 0
        while Date().timeIntervalSince(began) < 1.5 {
            try quietSocket.send(RawEmitter.framed(quiet.makeFrame(5)))
            let end = Date().addingTimeInterval(5)
            while !quiet.outstanding.isEmpty, Date() < end {
                if let bytes = quietSocket.receive(milliseconds: 50) { try quiet.receive(bytes) }
            }
            #expect(quiet.outstanding.isEmpty, "round \(rounds)")
            rounds += 1
        }
        while let bytes = noisySocket.receive(milliseconds: 0), !bytes.isEmpty {
            try noisy.receive(bytes)
        }
        // A burst, the rate since, and the frame that the bucket was overdrawn by.
        let elapsed = Date().timeIntervalSince(began) + 0.5
        #expect(noisy.acknowledgedEventCount >= 500)
        #expect(noisy.acknowledgedEventCount <= 500 + 50 + Int(500 * elapsed))
        #expect(
            try server.metric(#"meter_frames_deferred_total{transport="tcp",reason="tenant-rate"}"#)
                >= 1
        )
        // It is read again as the bucket fills, over the same connection.
        let end = Date().addingTimeInterval(20)
        while !noisy.outstanding.isEmpty, Date() < end {
            if let bytes = noisySocket.receive(milliseconds: 100) { try noisy.receive(bytes) }
        }
        #expect(noisy.outstanding.isEmpty)
        #expect(Date().timeIntervalSince(began) >= 2.5)
        #expect(try server.metric("meter_principals_not_conserved") == 0)
        #expect(server.stop() == 0)
        var model = noisy.totals
        for frame in quiet.frames { model.count(frame.events) }
        #expect(try site.stored().totals == model)
    }

    @Test func `over UDP what is over the rate is told as deferred and taken later`() throws {
        let site = try TestSite(seed: 123)
        let (_, key) = try site.addKey(.tenant("acme"))
        let server = try site.start(Self.rates)
        var emitter = RawEmitter(seed: 124, key: key, tenant: "acme")
        let socket = try TestSocket(udp: server.addresses.udp ?? "")
        var isDeferred = false
        func listen(milliseconds: Int32) throws -> Bool {
            guard let bytes = socket.receive(milliseconds: milliseconds) else { return false }
            try emitter.take(bytes)
            isDeferred = isDeferred || !(emitter.last?.deferred ?? []).isEmpty
            return true
        }
        // However slow this machine is, at some time it sends more than 500 events a second.
        let end = Date().addingTimeInterval(60)
        while !isDeferred, Date() < end {
            for _ in 0..<60 { try socket.send(emitter.makeFrame(20)) }
            while try !isDeferred && listen(milliseconds: 20) {}
        }
        #expect(isDeferred)
        while !emitter.outstanding.isEmpty, Date() < end {
            if try !listen(milliseconds: 200) {
                for frame in emitter.outstanding { try socket.send(frame.bytes) }
            }
        }
        #expect(emitter.outstanding.isEmpty)
        #expect(server.stop() == 0)
        let stored = try site.stored()
        #expect(stored.totals == emitter.totals)
        #expect(stored.sources.values.allSatisfy { $0.openHoles.isEmpty })
    }

    @Test func `one connection more than a principal may have is closed, others' are not`() throws {
        let site = try TestSite(seed: 125)
        let (_, key) = try site.addKey()
        let (_, otherKey) = try site.addKey()
        let server = try site.start(["--limits-principal-connections", "2"])
        let address = server.addresses.tcp ?? ""
        var emitters = (0..<3).map { RawEmitter(seed: 126 + $0, key: key) }
        let sockets = try emitters.map { _ in try TestSocket(tcp: address) }
        for index in 0..<2 {
            try sockets[index].send(RawEmitter.framed(emitters[index].makeFrame(3)))
            let bytes = try #require(sockets[index].receive(milliseconds: 5_000))
            try emitters[index].receive(bytes)
            #expect(emitters[index].outstanding.isEmpty)
        }
        try sockets[2].send(RawEmitter.framed(emitters[2].makeFrame(3)))
        #expect(sockets[2].receive(milliseconds: 5_000) == [])
        let refused = #"meter_tcp_connections_refused_total{limit="connections-of-principal"}"#
        #expect(try server.metric(refused) == 1)
        var other = RawEmitter(seed: 130, key: otherKey)
        _ = other.makeFrame(3)
        #expect(try other.settle(tcp: address))
        // A place that is given back may be taken.
        sockets[0].finishSending()
        #expect(sockets[0].receive(milliseconds: 5_000) == [])
        #expect(try emitters[2].settle(tcp: address))
        #expect(server.stop() == 0)
    }

    @Test func `a peer that never proves its key is not kept, whatever its key is limited by`()
        throws
    {
        let site = try TestSite(seed: 131)
        let (_, key) = try site.addKey(.tenant("acme"))
        let server = try site.start([
            "--limits-principal-events-per-second", "1", "--limits-burst-seconds", "1",
            "--limits-first-frame-seconds", "1",
        ])
        let address = server.addresses.tcp ?? ""
        var owner = RawEmitter(seed: 132, key: key, tenant: "acme")
        _ = owner.makeFrame(500)
        #expect(try owner.settle(tcp: address))
        // From now on the key is over its rate for minutes. Use up what is still looked at.
        let forger = try #require(WireKey(id: key.id, secret: [UInt8](repeating: 1, count: 32)))
        var forged = RawEmitter(seed: 133, key: forger, tenant: "acme")
        let udp = try TestSocket(udp: server.addresses.udp ?? "")
        for _ in 0..<600 { try udp.send(forged.makeFrame(1)) }
        let socket = try TestSocket(tcp: address)
        try socket.send(RawEmitter.framed(forged.makeFrame(1)))
        #expect(socket.receive(milliseconds: 5_000) == [])
        #expect(server.stop() == 0)
    }
}
