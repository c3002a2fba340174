import Meter
import MeterTesting
import MeterWire
import Testing

/// Rates hold back and lose nothing: what is deferred is taken when it comes again, and nobody's flood
/// touches another's.
@Suite struct EngineRateTests {
    private func options(
        tenant: LimitValues = [:],
        principal: LimitValues = [:]
    ) -> EngineOptions {
        var options = EngineHarness.options
        options.burstMilliseconds = 1_000
        options.limits.tenant = tenant
        options.limits.principal = principal
        return options
    }

    private func events(_ count: Int, of tenant: String = "acme") -> [UsageEvent] {
        (0..<count).map { _ in .call(of: tenant) }
    }

    @Test func `a tenant gets its rate and its burst, and what was deferred later`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(tenant: [.eventsPerSecond: 100])
        )
        var maker = FrameMaker(source: 1)
        var waiting: [[UInt8]] = []
        // A second's worth may come at once, and one frame more.
        for number in 0..<30 {
            let frame = maker.frame(events(10))
            let outcome = harness.receive(frame)
            if number <= 10 {
                #expect(outcome.disposition == .new)
            } else {
                #expect(outcome.disposition == .deferred(.tenantRate))
                #expect(outcome.waitMilliseconds == 100)
                #expect(outcome.sequences == UInt64(number * 10)..<UInt64(number * 10 + 10))
                waiting.append(frame)
            }
        }
        #expect(harness.counts.deferred == 190)
        // From then on a hundred a second: one frame in a tenth of a second.
        for frame in waiting {
            harness.now = harness.now.advanced(byMilliseconds: 99)
            #expect(harness.receive(frame).disposition == .deferred(.tenantRate))
            harness.now = harness.now.advanced(byMilliseconds: 1)
            #expect(harness.receive(frame).disposition == .new)
        }
        #expect(try harness.totals().sum == 300)
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
        let hits = harness.engine.limiters.hits()
        #expect(hits.count == 1)
        #expect(hits.first?.subject == .tenant("acme"))
        #expect(hits.first?.limit == .eventsPerSecond)
        #expect(hits.first?.count == 38)
    }

    @Test func `bytes are limited like events`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(tenant: [.bytesPerSecond: 1_000])
        )
        var maker = FrameMaker(source: 1)
        let frame = maker.frame(events(1))
        let fitting = 1_000 / frame.count + 1
        #expect(harness.receive(frame).disposition == .new)
        for _ in 1..<fitting {
            #expect(harness.receive(maker.frame(events(1))).disposition == .new)
        }
        #expect(harness.receive(maker.frame(events(1))).disposition == .deferred(.tenantRate))
        #expect(harness.engine.limiters.hits().first?.limit == .bytesPerSecond)
    }

    @Test func `nothing is too large to pass`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(tenant: [.eventsPerSecond: 1])
        )
        var maker = FrameMaker(source: 1)
        #expect(harness.receive(maker.frame(events(500))).disposition == .new)
        let next = maker.frame(events(1))
        let outcome = harness.receive(next)
        #expect(outcome.disposition == .deferred(.tenantRate))
        #expect(outcome.waitMilliseconds == 499_000)
        harness.now = harness.now.advanced(byMilliseconds: 499_000)
        #expect(harness.receive(next).disposition == .new)
    }

    @Test func `one tenant's flood holds back no other, not even in the same frame`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(tenant: [.eventsPerSecond: 50])
        )
        var noisy = FrameMaker(source: 1)
        var quiet = FrameMaker(source: 2)
        var mixed = FrameMaker(source: 3)
        var naive = NaiveMeter()
        var deferredCount = 0
        for _ in 0..<100 {
            harness.now = harness.now.advanced(byMilliseconds: 100)
            let flood = events(50, of: "noisy")
            if harness.receive(noisy.frame(flood)).disposition == .new {
                naive.count(flood)
            } else {
                deferredCount += 1
                noisy.restart(at: harness.source(of: noisy)?.watermark ?? 0)
            }
            let calm = events(2, of: "quiet")
            #expect(harness.receive(quiet.frame(calm)).disposition == .new)
            let both = events(1, of: "noisy") + events(1, of: "quiet")
            #expect(harness.receive(mixed.frame(both)).disposition == .new)
            naive.count(calm + both)
        }
        // Ten seconds at ten times the rate: the rest waits.
        #expect((85...95).contains(deferredCount), "\(deferredCount)")
        #expect(try harness.totals() == naive)
    }

    @Test func `a frame of several tenants charges each for its own events`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(tenant: [.eventsPerSecond: 100])
        )
        var maker = FrameMaker(source: 1)
        // The name of a third tenant in the dictionary, without an event, changes nothing.
        let frame = maker.frame(events(300, of: "a") + events(20, of: "b"))
        #expect(harness.receive(frame).disposition == .new)
        #expect(harness.receive(maker.frame(events(1, of: "a"))).waitMilliseconds == 2_000)
        var other = FrameMaker(source: 2)
        #expect(harness.receive(other.frame(events(80, of: "b"))).disposition == .new)
        #expect(harness.receive(other.frame(events(1, of: "b"))).disposition == .new)
        #expect(harness.receive(other.frame(events(1, of: "b"))).waitMilliseconds == 10)
        // Held back only while all of its tenants are over: as long as the one that is soonest free.
        let both = other.frame(events(1, of: "a") + events(1, of: "b"))
        #expect(harness.receive(both).waitMilliseconds == 10)
        harness.now = harness.now.advanced(byMilliseconds: 10)
        #expect(harness.receive(both).disposition == .new)
    }

    @Test func `a principal has rates of its own, and a frame over them is not even opened`() throws
    {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(principal: [.eventsPerSecond: 100])
        )
        var maker = FrameMaker(source: 1)
        #expect(harness.receive(maker.frame(events(2_000))).disposition == .new)
        let waiting = maker.frame(events(1))
        var answered = 0
        var unanswered = 0
        for _ in 0..<2_000 {
            let outcome = harness.receive(waiting, by: .udp)
            #expect(outcome.disposition == .deferred(.principalRate))
            #expect(outcome.waitMilliseconds == 19_000)
            if outcome.source == nil { unanswered += 1 } else { answered += 1 }
        }
        #expect((250...270).contains(answered), "\(answered)")
        #expect(unanswered == 2_000 - answered)
        // What was not opened is no event of anybody's.
        #expect(harness.counts.deferred == UInt64(answered))
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
        harness.now = harness.now.advanced(byMilliseconds: 19_000)
        #expect(harness.receive(waiting).disposition == .new)
    }

    @Test func `what comes again costs its principal bytes and its tenant nothing`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(
                tenant: [.eventsPerSecond: 10],
                principal: [.bytesPerSecond: 10_000]
            )
        )
        var maker = FrameMaker(source: 1)
        let frame = maker.frame(events(5))
        #expect(harness.receive(frame).disposition == .new)
        var repeated = 0
        while repeated < 1_000, harness.receive(frame).disposition == .duplicate { repeated += 1 }
        // Beyond its rate some are still looked at, so that their emitter is answered.
        #expect((250...270).contains(repeated - 10_000 / frame.count), "\(repeated)")
        harness.now = harness.now.advanced(byMilliseconds: 1_000)
        #expect(harness.receive(maker.frame(events(5))).disposition == .new)
    }

    @Test func `nobody uses up the rates of a tenant that it may not send for`() throws {
        let owner = PrincipalID(rawValue: 2)
        let policy = AdmissionPolicy(
            credentials: [
                EngineHarness.key.id: .init(
                    key: EngineHarness.key, principal: EngineHarness.principal)
            ],
            principals: [EngineHarness.principal: .only(["other"]), owner: .only(["acme"])]
        )
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            policy: policy,
            options: options(tenant: [.eventsPerSecond: 5])
        )
        #expect(harness.receive(IngestBatch([(1, .call())], principal: owner)).items == [.accepted])
        var stranger = FrameMaker(source: 1)
        for _ in 0..<50 { harness.receive(stranger.frame(events(10))) }
        #expect(harness.counts.refused == 500)
        for id in 2...5 {
            let batch = IngestBatch([(UInt64(id), .call())], principal: owner)
            #expect(harness.receive(batch).items == [.accepted])
        }
        #expect(harness.engine.limiters.hits().isEmpty)
    }

    @Test func `limits that were decided for one apply to that one, at once`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(tenant: [.eventsPerSecond: 10])
        )
        func decide(_ limits: [LimitSubject: LimitValues]) {
            let old = harness.engine.policy
            harness.engine.policy = AdmissionPolicy(
                credentials: old.credentials,
                principals: old.principals,
                limits: limits
            )
        }
        var makers = [FrameMaker(source: 1), FrameMaker(source: 2)]
        func isTaken(_ count: Int, of tenant: String, _ index: Int) -> Bool {
            var maker = makers[index]
            let outcome = harness.receive(maker.frame(events(count, of: tenant)))
            if outcome.disposition == .new { makers[index] = maker }
            return outcome.disposition == .new
        }
        #expect(isTaken(10, of: "a", 0))
        #expect(isTaken(1, of: "a", 0))
        #expect(!isTaken(1, of: "a", 0))
        decide([.tenant("a"): [.eventsPerSecond: 0]])
        #expect(isTaken(10_000, of: "a", 0))
        #expect(isTaken(10_000, of: "a", 0))
        #expect(isTaken(11, of: "b", 1))
        #expect(!isTaken(1, of: "b", 1))
        // A new rate begins with a full bucket: what was used at the old one is no debt.
        decide([.tenant("b"): [.eventsPerSecond: 1_000]])
        #expect(isTaken(1_001, of: "b", 1))
        #expect(!isTaken(1, of: "b", 1))
        #expect(isTaken(1, of: "a", 0))
    }

    @Test func `a clock that is set back holds nobody up`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(tenant: [.eventsPerSecond: 100])
        )
        var maker = FrameMaker(source: 1)
        harness.now = harness.now.advanced(byMilliseconds: 3_600_000)
        #expect(harness.receive(maker.frame(events(150))).disposition == .new)
        #expect(harness.receive(maker.frame(events(1))).disposition == .deferred(.tenantRate))
        harness.now = harness.now.advanced(byMilliseconds: -3_600_000)
        maker.restart(at: 150)
        #expect(harness.receive(maker.frame(events(150))).disposition == .new)
        #expect(harness.receive(maker.frame(events(1))).disposition == .deferred(.tenantRate))
    }

    @Test func `batches are held back by the same rates, with their reason`() throws {
        let harness = try EngineHarness(
            disk: SimulatedDisk(),
            options: options(
                tenant: [.eventsPerSecond: 10],
                principal: [.eventsPerSecond: 100]
            )
        )
        let many = (0..<20).map { (id: UInt64($0), event: UsageEvent.call(of: "a")) }
        #expect(harness.receive(IngestBatch(many)).items.count == 20)
        let one = IngestBatch([(100, .call(of: "a"))])
        let held = harness.receive(one)
        #expect(held.deferral == .tenantRate)
        #expect(
            held.hit
                == LimitHit(
                    subject: .tenant("a"), limit: .eventsPerSecond, value: 10,
                    waitMilliseconds: 1_000)
        )
        #expect(held.items.isEmpty)
        let others = (200..<300).map { (id: UInt64($0), event: UsageEvent.call(of: "t\($0)")) }
        #expect(harness.receive(IngestBatch(others)).items.count == 100)
        #expect(harness.receive(IngestBatch([(400, .call(of: "b"))])).deferral == .principalRate)
        #expect(harness.counts.deferred == 2)
        harness.now = harness.now.advanced(byMilliseconds: 1_000)
        #expect(harness.receive(one).items == [.accepted])
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
    }

    @Test func `more tenants than there may be are refused by name, known ones never`() throws {
        var options = options()
        options.tenantCountMax = 3
        let harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        let known = (0..<3).flatMap { events(1, of: "tenant-\($0)") }
        harness.receive(maker.frame(known))
        harness.receive(maker.frame(known + events(2, of: "one-too-many")))
        #expect(harness.counts == AdmissionCounts(events: 8, accepted: 6, refused: 2))
        try harness.checkpoint()
        harness.receive(maker.frame(events(1, of: "another") + known))
        #expect(harness.counts == AdmissionCounts(events: 12, accepted: 9, refused: 3))
    }
}
