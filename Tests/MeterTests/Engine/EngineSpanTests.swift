import Meter
import MeterTesting
import MeterWire
import Testing

/// Usage that came as spans: of each agent one way counts at a time, wherever its rows are.
@Suite struct EngineSpanTests {
    private struct Call {
        var event: UsageEvent
        var way: UsageWay
    }

    /// Declarations as somebody keeps them who goes through all of them each time.
    private struct NaiveCounting {
        var declarations: [CountingDeclaration] = []

        func isCounted(_ call: Call) -> Bool {
            let minute = call.event.time.milliseconds / 60_000
            func latest(_ agent: Name?) -> UsageWay? {
                declarations
                    .filter { $0.tenant == Name(call.event.tenant) && $0.agent == agent }
                    .filter { Int64($0.from.rawValue) <= minute }
                    .enumerated()
                    .max { ($0.element.from, $0.offset) < ($1.element.from, $1.offset) }?
                    .element.way
            }
            return latest(Name(call.event.agent)) ?? latest(nil) ?? .native == call.way
        }
    }

    private static func policy(_ declarations: [CountingDeclaration]) throws -> AdmissionPolicy {
        let book = try Book.open(BookDisk()).book
        if !declarations.isEmpty {
            try book.append(
                declarations.map { .countingDeclared($0) },
                author: "test",
                at: Fixture.time
            )
        }
        let known = EngineHarness.policy()
        return AdmissionPolicy(
            credentials: known.credentials,
            principals: known.principals,
            counting: book.state.counting
        )
    }

    private static let start = Minute(
        rawValue: UInt32(EventWorkload.start.milliseconds / 60_000)
    )

    @Test(arguments: 0..<24 as Range<UInt64>)
    func
        `each class equals the naive model, whatever is declared, checkpointed, merged or reopened`(
            seed: UInt64
        ) throws
    {
        var random = Seed(seed)
        var workload = EventWorkload(
            seed: seed, tenantCount: 2, agentCount: 3, minuteCount: 55)
        var options = EngineHarness.options
        options.mergeCountMin = 2
        var counting = NaiveCounting()
        var harness = try EngineHarness(disk: SimulatedDisk(), options: options)
        var maker = FrameMaker(source: 1)
        var calls: [Call] = []
        var number: UInt64 = 0
        for _ in 0..<30 {
            switch random.below(8) {
            case 0: try harness.checkpoint()
            case 1: while try harness.engine.mergeNext(at: harness.now) != nil {}
            case 2:
                _ = try harness.engine.commit()
                harness = try harness.reopened(
                    policy: Self.policy(counting.declarations), options: options)
            case 3:
                counting.declarations.append(
                    CountingDeclaration(
                        tenant: Name("tenant-\(random.below(2))"),
                        agent: random.oneIn(2) ? Name("agent-\(random.below(3))") : nil,
                        way: random.oneIn(3) ? .native : .otlp,
                        from: Minute(rawValue: Self.start.rawValue + 15 * UInt32(random.below(4))),
                        reason: "test"
                    )
                )
                harness.engine.policy = try Self.policy(counting.declarations)
            case 4...5:
                let events = workload.events(1 + random.below(20))
                calls += events.map { Call(event: $0, way: .otlp) }
                var batch = IngestBatch(
                    events.map { event in
                        number += 1
                        return (number, event)
                    }
                )
                batch.transport = .otlp
                #expect(harness.receive(batch).deferral == nil)
            default:
                let events = workload.events(1 + random.below(30))
                calls += events.map { Call(event: $0, way: .native) }
                #expect(harness.receive(maker.frame(events)).disposition == .new)
            }
            if calls.isEmpty { continue }
            for classes in [UsageClasses.counted, .advisory, .all] {
                let wanted = calls.filter { call in
                    classes.contains(counting.isCounted(call) ? .counted : .advisory)
                }
                var query = UsageQuery.everything
                query.classes = classes
                let pending = try harness.engine.query(query, at: harness.now)
                var details = DetailsQuery.random(&random, about: calls.map(\.event))
                details.classes = classes
                let found = try harness.details(details)
                #expect(
                    harness.engine.answer(pending)?.totals
                        == NaiveMeter(wanted.map(\.event)).totals
                )
                #expect(found == NaiveDetails(wanted.map(\.event)).answer(details))
            }
        }
        for segment in harness.engine.segments { try segment.verify() }
        for file in harness.engine.detailsFiles { try file.verify() }
    }

    @Test func `windows that no declaration cuts are answered as they were asked`() throws {
        let declared = CountingDeclaration(
            tenant: "acme", way: .otlp, from: Minute(rawValue: Self.start.rawValue + 15),
            reason: "test")
        let harness = try EngineHarness(
            disk: SimulatedDisk(), policy: try Self.policy([declared]))
        var maker = FrameMaker(source: 1)
        harness.receive(maker.frame((0..<30).map { .call(1, minutes: $0) }))
        var batch = IngestBatch((0..<30).map { (UInt64($0), .call(100, minutes: Int64($0))) })
        batch.transport = .otlp
        #expect(harness.receive(batch).items == [ItemOutcome](repeating: .accepted, count: 30))
        func totals(_ classes: UsageClasses, _ minutes: [UInt32]) throws -> [UInt128] {
            let query = UsageQuery(
                windows: minutes.map { Minute(rawValue: Self.start.rawValue + $0) },
                grouping: .window, classes: classes)
            let pending = try harness.engine.query(query, at: harness.now)
            _ = try harness.engine.commit()
            let answer = try #require(harness.engine.answer(pending))
            return minutes.indices.dropLast().map {
                answer.totals[UsageGroup(window: $0)]?.sum ?? 0
            }
        }
        for _ in 0..<2 {
            // 15 minutes at 1, 15 at 100; and the other way round.
            #expect(try totals(.counted, [0, 30]) == [1515])
            #expect(try totals(.advisory, [0, 30]) == [1515])
            #expect(try totals(.counted, [0, 10, 20, 30]) == [10, 505, 1000])
            #expect(try totals(.advisory, [0, 10, 20, 30]) == [1000, 505, 10])
            #expect(try totals(.all, [0, 30]) == [3030])
            try harness.checkpoint()
        }
    }

    @Test func `a span counts once, also beside a CloudEvent of the same id`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var spans = IngestBatch([(1, .call(5)), (1, .call(5)), (2, .call(7))])
        spans.transport = .otlp
        #expect(harness.receive(spans).items == [.accepted, .duplicate, .accepted])
        #expect(harness.receive(spans).items == [.duplicate, .duplicate, .duplicate])
        // The same id is the same event, in whichever way it came first.
        #expect(harness.receive(IngestBatch([(2, .call(7))])).items == [.duplicate])
        #expect(try harness.totals().sum == 0)
        var query = UsageQuery.everything
        query.classes = .advisory
        #expect(
            harness.engine.answer(try harness.engine.query(query, at: harness.now))?.totals.values
                .map(\.sum) == [12])
    }

    @Test func `spans are refused behind the horizon of ids`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var batch = IngestBatch([(1, .call(3, minutes: -73 * 60)), (2, .call(4, minutes: 120))])
        batch.transport = .otlp
        #expect(
            harness.receive(batch).items == [.refused(.tooOldForIDDedup), .refused(.inFuture)])
    }

    @Test func `a declaration begins with a quarter hour and has a reason`() throws {
        let book = try Book.open(BookDisk()).book
        func refusal(_ from: UInt32, _ reason: String) -> DecisionRefusal? {
            book.state.refusal(
                of: .countingDeclared(
                    CountingDeclaration(
                        tenant: "acme", way: .otlp, from: Minute(rawValue: from), reason: reason)))
        }
        #expect(refusal(15, "why") == nil)
        #expect(refusal(16, "why") == .notAQuarterHour)
        #expect(refusal(15, "") == .reasonMissing)
    }

    @Test func `what was planned can be taken back, before and after it holds`() {
        func standing(_ way: UsageWay, _ from: UInt32, _ agent: Name? = nil) -> CountingStanding {
            CountingStanding(
                declaration: CountingDeclaration(
                    tenant: "acme", agent: agent, way: way, from: Minute(rawValue: from),
                    reason: "test"),
                author: "anna", made: Timestamp(milliseconds: Int64(from)))
        }
        let all = [
            standing(.otlp, 30), standing(.native, 30), standing(.otlp, 60),
            standing(.otlp, 45, "bot"), standing(.native, 75),
        ]
        func states(at minute: UInt32) -> [CountingStanding.State] {
            all.map { $0.state(among: all, at: Minute(rawValue: minute)) }
        }
        #expect(states(at: 29) == [.planned, .planned, .planned, .planned, .planned])
        #expect(states(at: 30) == [.over, .inForce, .planned, .planned, .planned])
        #expect(states(at: 60) == [.over, .over, .inForce, .inForce, .planned])
        #expect(states(at: 99) == [.over, .over, .over, .inForce, .inForce])
    }

    @Test func `the rows of spans are in the hash of a statement, and change no other`() throws {
        let query = UsageQuery(
            windows: [Minute(rawValue: 0), Minute(rawValue: 1)],
            grouping: [.agent, .component, .window, .way], classes: .all)
        func hash(_ ways: [UsageWay?]) -> BookHash {
            var totals: [UsageGroup: UsageTotal] = [:]
            for way in ways {
                totals[UsageGroup(agent: "bot", component: "in", window: 0, way: way)] =
                    UsageTotal(sum: 5, count: 1)
            }
            return UsageAnswer(
                totals: totals, position: 1, asOf: Fixture.time, completeThrough: nil
            ).rowHash(query)
        }
        #expect(hash([.native]) == hash([nil]))
        #expect(hash([.otlp]) != hash([.native]))
        #expect(hash([.native, .otlp]) != hash([.native]))
    }
}
