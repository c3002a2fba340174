import Meter
import MeterTesting
import MeterWire
import Testing

/// A user's name goes from details; amounts, calls and everything about others stay.
@Suite struct DetailsErasureTests {
    private func event(_ number: Int, tenant: String, user: String) -> UsageEvent {
        UsageEvent(
            time: EventWorkload.start.advanced(byMilliseconds: Int64(number) * 200_000),
            tenant: tenant, agent: "agent-\(number % 3)",
            amounts: [ComponentAmount("input_tokens", UInt64(number + 1))],
            model: "model-\(number % 2)", user: user, durationMilliseconds: UInt64(number * 7))
    }

    private func events(_ range: Range<Int>) -> [UsageEvent] {
        range.flatMap { number in
            [
                event(number, tenant: "acme", user: "eve"),
                event(number, tenant: "acme", user: "bob"),
                event(number, tenant: "nordix", user: "eve"),
            ]
        }
    }

    /// The events as they are to be found once acme's eve was erased.
    private func erased(_ events: [UsageEvent]) -> [UsageEvent] {
        events.map { event in
            var event = event
            if event.tenant == "acme", event.user == "eve" { event.user = "__erased__" }
            return event
        }
    }

    private func decide(_ harness: EngineHarness, number: UInt64 = 1) {
        harness.engine.erasures.append(
            DetailsErasure(
                tenant: "acme", user: "eve", position: harness.engine.appended, reason: "asked to"),
            number: number)
    }

    private func holds(_ name: String, _ disk: any Disk) throws -> [String] {
        let disk = try #require(disk as? SimulatedDisk)
        let wanted = Array(name.utf8)
        return disk.image.files.keys.sorted().filter { file in
            guard file.hasPrefix("details-"), let bytes = disk.image.files[file] else {
                return false
            }
            return bytes.indices.dropLast(wanted.count - 1).contains {
                bytes[$0..<$0 + wanted.count].elementsEqual(wanted)
            }
        }
    }

    @Test func `an erased user is gone from answers at once, and from the files after the rewrite`()
        throws
    {
        // One user of one tenant alone, so that the name is nowhere else in the files.
        let harness = try EngineHarness(disk: SimulatedDisk())
        var maker = FrameMaker(source: 1)
        let sent = events(0..<6).filter { $0.tenant == "acme" }
        harness.receive(maker.frame(sent))
        try harness.checkpoint()
        let usage = try harness.totals()
        let dump = try harness.engine.canonicalDump()
        let segments = harness.engine.segments.map(\.name)
        #expect(try holds("eve", harness.disk).count == 1)
        decide(harness)
        let expected = NaiveDetails(erased(sent)).answer(.everything)
        #expect(try harness.details() == expected)
        #expect(try harness.engine.eraseNext() != nil)
        #expect(try harness.engine.eraseNext() == nil)
        #expect(try holds("eve", harness.disk).isEmpty)
        #expect(try harness.details() == expected)
        #expect(try harness.totals() == usage)
        #expect(try harness.engine.canonicalDump() == dump)
        #expect(harness.engine.segments.map(\.name) == segments)
        let reopened = try harness.reopened()
        #expect(try reopened.details() == expected)
        for file in reopened.engine.detailsFiles { try file.verify() }
    }

    @Test(arguments: 0..<16 as Range<UInt64>)
    func
        `live, flushing, flat and merged details are erased, other tenants' and later ones are not`(
            seed: UInt64
        ) throws
    {
        var random = Seed(seed)
        var options = EngineHarness.options
        options.mergeCountMin = 2
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        var before: [UsageEvent] = []
        for round in 0..<5 {
            let more = events(round * 4..<round * 4 + 4)
            before += more
            harness.receive(maker.frame(more))
            if random.oneIn(2) { try harness.checkpoint() }
            if random.oneIn(2) { while try harness.engine.mergeNext(at: harness.now) != nil {} }
        }
        decide(harness)
        let expected = NaiveDetails(erased(before)).answer(.everything)
        #expect(try harness.details() == expected)
        try harness.checkpoint()
        #expect(try harness.details() == expected)
        let later = events(2..<6)
        harness.receive(maker.frame(later))
        let all = NaiveDetails(erased(before) + later).answer(.everything)
        #expect(try harness.details() == all)
        for _ in 0..<4 {
            if random.oneIn(2) { while try harness.engine.mergeNext(at: harness.now) != nil {} }
            if random.oneIn(2) { _ = try harness.engine.eraseNext() }
            if random.oneIn(2) { try harness.checkpoint() }
            #expect(try harness.details() == all)
        }
        while try harness.engine.eraseNext() != nil {}
        #expect(try harness.details() == all)
    }

    @Test func `a rewrite that is cut off by a power cut leaves one whole file`() throws {
        let sent = events(0..<4)
        let harness = CrashHarness(
            oracle: 0, policies: [.nothingKept, .everythingKept, .anything], answersMax: 12
        ) { run in
            let harness = try EngineHarness(disk: run.disk)
            let details = try harness.details()
            let plain = NaiveDetails(sent).answer(.everything)
            let erased = NaiveDetails(self.erased(sent)).answer(.everything)
            guard details == erased || (run.oracle == 0 && details == plain) else {
                throw EngineMismatch(description: "neither before nor after the rewrite")
            }
        }
        try harness.run { run in
            let harness = try EngineHarness(disk: run.disk)
            var maker = FrameMaker(source: 1)
            harness.receive(maker.frame(sent))
            try harness.checkpoint()
            run.skipCrashesSoFar()
            self.decide(harness)
            while try harness.engine.eraseNext() != nil {}
            run.note { $0 = 1 }
        }
        #expect(harness.checkCount > 3)
    }
}
