internal import Foundation
internal import Meter
internal import MeterTesting
internal import MeterWire
internal import Testing

@Suite struct KillTests {
    /// Emitters send as fast as the server takes it. The server is killed at a random moment, or in the
    /// instant in which an acknowledgement arrives, while later frames wait for their sync; then it is
    /// started again, and everything outstanding is sent again as the same bytes.
    @Test(arguments: [UInt64](1...3))
    func `what was acknowledged survives kill -9 at random points and nothing counts twice`(
        seed: UInt64
    ) throws {
        let site = try TestSite(seed: seed)
        let (_, key) = try site.addKey()
        var random = Seed(seed)
        var emitters = (0..<3).map { RawEmitter(seed: seed * 100 + $0, key: key) }
        var killedWithOutstanding = 0
        for round in 0..<10 {
            // Sealed beforehand: the server is to be busy, not the test.
            for index in emitters.indices {
                for _ in 0..<100 { _ = emitters[index].makeFrame(1 + random.below(30)) }
            }
            // A small limit of counters makes checkpoints part of what is interrupted.
            let server = try site.start([
                "--limits-live-keys", "1000", "--checkpoint-seconds", "1",
            ])
            let sockets = try emitters.map { _ in try TestSocket(tcp: server.addresses.tcp ?? "") }
            var waiting = emitters.map { $0.outstanding.map { RawEmitter.framed($0.bytes) }[...] }
            for index in emitters.indices { emitters[index].forgetIncoming() }
            let end = Date().addingTimeInterval(0.01 + Double(random.below(200)) / 1_000)
            // Every second round ends with the n-th answer.
            var answersLeft = round.isMultiple(of: 2) ? Int.max : 1 + random.below(12)
            sending: while Date() < end || round % 2 == 1 {
                let index = random.below(emitters.count)
                if waiting.allSatisfy(\.isEmpty), Date() > end { break }
                for _ in 0..<4 {
                    guard let frame = waiting[index].popFirst() else { break }
                    try? sockets[index].send(frame)
                }
                for index in emitters.indices {
                    guard let bytes = sockets[index].receive(milliseconds: 0), !bytes.isEmpty
                    else { continue }
                    answersLeft -= 1
                    if answersLeft == 0 { server.kill() }
                    try emitters[index].receive(bytes)
                    if answersLeft == 0 { break sending }
                }
            }
            server.kill()
            // What was on its way when the power went: an acknowledgement that was sent counts.
            for index in emitters.indices {
                while let bytes = sockets[index].receive(milliseconds: 0), !bytes.isEmpty {
                    try emitters[index].receive(bytes)
                }
                killedWithOutstanding += emitters[index].outstanding.isEmpty ? 0 : 1
            }
            let stored = try site.stored()
            for emitter in emitters {
                let summary = stored.sources[emitter.source]
                #expect(
                    (summary?.watermark ?? 0) >= emitter.durableThrough,
                    "round \(round): acknowledged through \(emitter.durableThrough)"
                )
            }
        }
        #expect(killedWithOutstanding > 0, "the kills hit nothing that was on its way")
        let server = try site.start()
        var model = NaiveMeter()
        for index in emitters.indices {
            let settled = try emitters[index].settle(tcp: server.addresses.tcp ?? "")
            #expect(settled)
            for frame in emitters[index].frames { model.count(frame.events) }
        }
        #expect(server.stop() == 0)
        #expect(try site.stored().totals == model)
    }

    @Test func `a stop under load exits 0 within its time and keeps what was acknowledged`() throws
    {
        for seed in UInt64(1)...4 {
            let site = try TestSite(seed: 50 + seed)
            let (_, key) = try site.addKey()
            let server = try site.start()
            var emitter = RawEmitter(seed: 500 + seed, key: key)
            let socket = try TestSocket(tcp: server.addresses.tcp ?? "")
            var random = Seed(seed)
            let stopAt = Date().addingTimeInterval(0.05 + Double(random.below(300)) / 1_000)
            var signalled: Date?
            var isOpen = true
            while isOpen {
                if signalled == nil, Date() >= stopAt {
                    server.signal(SIGTERM)
                    signalled = Date()
                }
                let frame = emitter.makeFrame(1 + random.below(50))
                do { try socket.send(RawEmitter.framed(frame)) } catch { isOpen = false }
                while let bytes = socket.receive(milliseconds: 0) {
                    if bytes.isEmpty {
                        isOpen = false
                        break
                    }
                    try emitter.receive(bytes)
                }
                if let signalled, Date().timeIntervalSince(signalled) > 12 { break }
            }
            while let bytes = socket.receive(milliseconds: 100), !bytes.isEmpty {
                try emitter.receive(bytes)
            }
            #expect(server.waitUntilExit() == 0, "\(server.log)")
            #expect(Date().timeIntervalSince(signalled ?? Date()) < 10)
            let stored = try site.stored()
            #expect(!stored.recovery.wasUnclean)
            #expect(stored.sources[emitter.source]?.watermark ?? 0 >= emitter.durableThrough)
            #expect(emitter.durableThrough > 0)
            // The rest goes to the next server; together it is everything, once.
            let next = try site.start()
            let settled = try emitter.settle(tcp: next.addresses.tcp ?? "")
            #expect(settled)
            #expect(next.stop() == 0)
            #expect(try site.stored().totals == emitter.totals)
        }
    }

    @Test func `the second signal ends the process at once`() throws {
        let site = try TestSite(seed: 60)
        let server = try site.start()
        // An idle connection would be waited for.
        let socket = try TestSocket(tcp: server.addresses.tcp ?? "")
        var emitter = RawEmitter(seed: 61, key: nil)
        try socket.send(Array(emitter.makeFrame(1).prefix(3)))
        server.signal(SIGTERM)
        server.signal(SIGINT)
        let began = Date()
        _ = server.waitUntilExit()
        #expect(Date().timeIntervalSince(began) < 5)
        let next = try site.start()
        #expect(next.stop() == 0)
    }
}
