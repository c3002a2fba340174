import Meter
import MeterTesting
import MeterWire
import Testing

/// Events with ids: counted once for as long as they may come again.
@Suite struct EngineBatchTests {
    @Test func `an id counts once within a batch and across batches`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        let first = harness.receive(
            IngestBatch([(1, .call(5)), (1, .call(5)), (1, .call(6)), (2, .call(7))])
        )
        #expect(first.items == [.accepted, .duplicate, .inConflict, .accepted])
        let again = harness.receive(IngestBatch([(2, .call(7)), (1, .call(9)), (3, .call(1))]))
        #expect(again.items == [.duplicate, .inConflict, .accepted])
        #expect(try harness.totals().sum == 13)
        let counts = harness.counts
        #expect(counts == AdmissionCounts(events: 7, accepted: 3, inConflict: 2, duplicate: 2))
        #expect(Conservation.check(counts, of: EngineHarness.principal).isEmpty)
    }

    @Test func `a duplicate may be told when its original is durable, and not before`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        let batch = IngestBatch([(1, .call(5))])
        let first = harness.receive(batch)
        let again = harness.receive(batch)
        #expect(again.items == [.duplicate])
        #expect(again.position >= first.position)
        #expect(harness.engine.durable < again.position)
        #expect(try harness.engine.commit() >= again.position)
    }

    @Test func `ids are known after checkpoints, merges and restarts`() throws {
        let disk = SimulatedDisk()
        var options = EngineHarness.options
        options.mergeCountMin = 2
        var harness = try EngineHarness(disk: disk, options: options)
        var sum: UInt128 = 0
        for round in 0..<8 {
            let id = UInt64(round)
            #expect(harness.receive(IngestBatch([(id, .call(id + 1))])).items == [.accepted])
            sum += UInt128(id) + 1
            switch round % 4 {
            case 0: try harness.checkpoint()
            case 1:
                _ = try harness.engine.commit()
                disk.crash(.nothingKept)
                harness = try harness.reopened(options: options)
            case 2: while try harness.engine.mergeNext(at: harness.now) != nil {}
            default: break
            }
            for known in 0...id {
                #expect(
                    harness.receive(IngestBatch([(known, .call(known + 1))])).items
                        == [.duplicate]
                )
                #expect(
                    harness.receive(IngestBatch([(known, .call(99))])).items == [.inConflict]
                )
            }
            #expect(try harness.totals().sum == sum)
        }
    }

    @Test func `another principal's ids are its own`() throws {
        let other = PrincipalID(rawValue: 2)
        let policy = AdmissionPolicy(principals: [EngineHarness.principal: .all, other: .all])
        let harness = try EngineHarness(disk: SimulatedDisk(), policy: policy)
        #expect(harness.receive(IngestBatch([(1, .call(5))])).items == [.accepted])
        #expect(
            harness.receive(IngestBatch([(1, .call(5))], principal: other)).items == [.accepted]
        )
        #expect(
            harness.receive(
                IngestBatch([(1, .call(5))], principal: PrincipalID(rawValue: 3))
            ).items == [.refused(.tenantNotAllowed)]
        )
    }

    @Test func `what is refused leaves its id free, and what is too old is refused by name`() throws
    {
        let harness = try EngineHarness(disk: SimulatedDisk())
        let old = UsageEvent.call(3, minutes: -73 * 60)
        let future = UsageEvent.call(4, minutes: 120)
        let outcome = harness.receive(IngestBatch([(1, old), (2, future), (1, .call(8))]))
        #expect(
            outcome.items == [.refused(.tooOldForIDDedup), .refused(.inFuture), .accepted]
        )
        #expect(harness.receive(IngestBatch([(2, .call(9))])).items == [.accepted])
        // Also after a restart, and for one that was counted: the id still says that it was.
        _ = try harness.engine.commit()
        let after = try harness.reopened()
        #expect(after.receive(IngestBatch([(2, future)])).items == [.inConflict])
        #expect(
            after.receive(IngestBatch([(3, old), (1, .call(8))])).items == [
                .refused(.tooOldForIDDedup), .duplicate,
            ]
        )
        #expect(try after.totals().sum == 17)
    }

    @Test func `a batch that does not say what it holds is refused, and counted`() throws {
        let harness = try EngineHarness(disk: SimulatedDisk())
        var batch = IngestBatch([(1, .call()), (2, .call())])
        batch.payload.removeLast()
        #expect(
            harness.receive(batch).items == [.refused(.malformed), .refused(.malformed)]
        )
        #expect(harness.counts == AdmissionCounts(events: 2, refused: 2))
        #expect(try harness.totals().sum == 0)
        #expect(harness.receive(IngestBatch([(1, .call())])).items == [.accepted])
    }

    /// The rules on a dictionary: an id is remembered from the moment in which it was counted until no event
    /// could carry it any more.
    private struct NaiveIDs {
        var known: [UInt64: (content: UInt64, received: Int64)] = [:]
        var sum: UInt128 = 0

        mutating func outcome(_ id: UInt64, _ event: UsageEvent, now: Int64) -> ItemOutcome {
            let content = event.amounts[0].amount
            if let seen = known[id] {
                return seen.content == content ? .duplicate : .inConflict
            }
            let age = now - event.time.milliseconds
            if age > 72 * 3_600_000 { return .refused(.tooOldForIDDedup) }
            if age < -300_000 { return .refused(.inFuture) }
            known[id] = (content, now)
            sum += UInt128(content)
            return .accepted
        }
    }

    @Test(arguments: 1...6 as ClosedRange<UInt64>)
    func `batches follow the naive model through checkpoints, merges, restarts and days`(
        seed: UInt64
    ) throws {
        let disk = SimulatedDisk()
        var options = EngineHarness.options
        options.mergeCountMin = 2
        var harness = try EngineHarness(disk: disk, options: options)
        var random = Seed(seed)
        var naive = NaiveIDs()
        for _ in 0..<150 {
            harness.now = harness.now.advanced(byMilliseconds: Int64(random.below(2 * 3_600_000)))
            let now = harness.now.milliseconds
            // An event's time belongs to its id: only a cheat sends the same one as a younger event.
            let events = (0..<(1 + random.below(5))).map { _ -> (id: UInt64, event: UsageEvent) in
                let hour = now / 3_600_000 - Int64(random.below(80)) + 1
                let id = UInt64(hour) * 4 + UInt64(random.below(4))
                var event = UsageEvent.call(UInt64(1 + id % 7 + (random.oneIn(10) ? 100 : 0)))
                event.time = Timestamp(milliseconds: hour * 3_600_000)
                return (id, event)
            }
            let expected = events.map { naive.outcome($0.id, $0.event, now: now) }
            let found = harness.receive(IngestBatch(events)).items
            for (index, item) in found.enumerated() where item != expected[index] {
                // Beyond the horizon a known id may be forgotten; then its event is refused by age.
                #expect(item == .refused(.tooOldForIDDedup), "\(expected[index])")
                #expect(now - events[index].event.time.milliseconds > 72 * 3_600_000)
            }
            switch random.below(12) {
            case 0, 1: try harness.checkpoint()
            case 2: while try harness.engine.mergeNext(at: harness.now) != nil {}
            case 3:
                _ = try harness.engine.commit()
                disk.crash(.nothingKept)
                harness = try harness.reopened(options: options)
            default: break
            }
        }
        #expect(try harness.totals().sum == naive.sum)
        #expect(naive.sum > 0)
        #expect(Conservation.check(harness.counts, of: EngineHarness.principal).isEmpty)
    }
}
