import Meter
import MeterTesting
import MeterWire

/// A random history of an engine, and every event of it in the plainest form: a list.
final class KeptHistory {
    /// An event as it should be found.
    struct Entry: Equatable {
        var identity: KeptEvent.Identity
        var principal: PrincipalID
        var event: UsageEvent
        var receivedAt: Timestamp
        var isCounted: Bool
        var way = UsageWay.native
    }

    /// Some batches are of spans.
    var hasSpans = false

    private(set) var harness: EngineHarness
    /// In the order of the journal.
    private(set) var entries: [Entry] = []
    private var random: Seed
    private var workload: EventWorkload
    private var makers: [FrameMaker]
    private var sent: [SentFrame] = []
    private var nextID: UInt64 = 1
    private var batches: [(IngestBatch, [UsageEvent])] = []
    private let options: EngineOptions

    /// The tenant whose events the principal may not send.
    static let foreign = "tenant-1"
    static let policy = EngineHarness.policy(tenants: .only(["tenant-0", "tenant-2"]))

    static var options: EngineOptions {
        var options = EngineHarness.options
        options.journal = Journal.Options(fileBytesMax: 4_096, bufferBytesMax: 1 << 16)
        options.keptJournalBytes = .max
        options.mergeCountMin = 2
        return options
    }

    init(seed: UInt64, on disk: any Disk, options: EngineOptions = KeptHistory.options) throws {
        random = Seed(seed)
        workload = EventWorkload(seed: seed, tenantCount: 3)
        makers = (0..<3).map { FrameMaker(source: seed * 16 + UInt64($0)) }
        self.options = options
        harness = try EngineHarness(disk: disk, policy: Self.policy, options: options)
    }

    /// Something arrives, is committed, written down or started again.
    func step() throws {
        harness.now = harness.now.advanced(byMilliseconds: Int64(random.below(90_000)))
        switch random.below(12) {
        case 0..<5: sendFrame()
        case 5..<8: sendBatch()
        case 8: sendAgain()
        case 9: sendConflict()
        case 10:
            if random.oneIn(2) { try harness.checkpoint() } else { _ = try harness.engine.commit() }
        default:
            guard random.oneIn(3) else { return }
            _ = try harness.engine.commit()
            let now = harness.now
            harness = try EngineHarness(
                disk: harness.disk, policy: Self.policy, options: options, now: now)
        }
    }

    func run(_ count: Int) throws {
        for _ in 0..<count { try step() }
        _ = try harness.engine.commit()
    }

    private func events() -> [UsageEvent] {
        workload.start = harness.now.advanced(byMilliseconds: -600_000)
        return workload.events(1 + random.below(6))
    }

    private func sendFrame() {
        let index = random.below(makers.count)
        if random.oneIn(6) { makers[index].skip(1 + random.below(3)) }
        sendFrame(of: index)
    }

    private func sendFrame(of index: Int) {
        let first = makers[index].nextSequence
        let events = events()
        let frame = SentFrame(
            bytes: makers[index].frame(events),
            source: makers[index].source,
            first: first,
            events: events
        )
        sent.append(frame)
        send(frame)
    }

    private struct SentFrame {
        var bytes: [UInt8]
        var source: SourceID
        var first: UInt64
        var events: [UsageEvent]
    }

    private func send(_ frame: SentFrame) {
        let outcome = harness.receive(frame.bytes)
        // What is in conflict is evidence each time that it comes, as far as it is not known as such.
        guard [.new, .inConflict].contains(outcome.disposition) else { return }
        for (offset, event) in frame.events.enumerated() {
            entries.append(
                Entry(
                    identity: .sequence(frame.source, frame.first + UInt64(offset)),
                    principal: EngineHarness.principal,
                    event: event,
                    receivedAt: harness.now,
                    isCounted: outcome.disposition == .new && event.tenant != Self.foreign
                )
            )
        }
    }

    /// A file of events is taken in.
    ///
    /// - Returns: Its source, and where its events begin among the entries.
    func backfill(_ count: Int) throws -> (source: SourceKey, first: Int) {
        workload.start = harness.now.advanced(byMilliseconds: -600_000)
        let events = workload.events(count)
        let source = SourceID(high: random.next(), low: random.next())
        let first = entries.count
        let made = try BackfillFrames(events, source: source)
        for frame in BackfillFrames.frames(in: made.bytes) ?? [] {
            _ = harness.receive(frame, by: .backfill)
        }
        for (number, event) in events.enumerated() {
            entries.append(
                Entry(
                    identity: .sequence(source, UInt64(number)),
                    principal: .backfill,
                    event: event,
                    receivedAt: harness.now,
                    isCounted: true
                )
            )
        }
        _ = try harness.engine.commit()
        return (SourceKey(principal: .backfill, source: source), first)
    }

    private func sendAgain() {
        if let frame = sent.randomElement(using: &random) { send(frame) }
        if let (batch, events) = batches.randomElement(using: &random) { send(batch, events) }
    }

    /// A second life uses numbers of the first: from then on the source is evidence.
    private func sendConflict() {
        let index = random.below(makers.count)
        guard random.oneIn(3), makers[index].nextSequence > 1 else { return }
        makers[index].restart(at: makers[index].nextSequence - 1)
        sendFrame(of: index)
        makers[index] = FrameMaker(source: UInt64(1_000 + random.below(1_000_000)))
    }

    private func sendBatch() {
        let events = events()
        var batch = IngestBatch(
            events.map { event in
                nextID += 1
                return (id: random.oneIn(8) ? nextID / 2 : nextID, event: event)
            }
        )
        if hasSpans, random.oneIn(2) { batch.transport = .otlp }
        batches.append((batch, events))
        send(batch, events)
    }

    private func send(_ batch: IngestBatch, _ events: [UsageEvent]) {
        let outcome = harness.receive(batch)
        // Duplicates alone change nothing and are not journalled.
        guard outcome.items.contains(where: { $0 != .duplicate }) else { return }
        for (index, event) in events.enumerated() {
            entries.append(
                Entry(
                    identity: .identifier(batch.identities[index]),
                    principal: batch.principal,
                    event: event,
                    receivedAt: harness.now,
                    isCounted: outcome.items[index] == .accepted,
                    way: batch.transport == .otlp ? .otlp : .native
                )
            )
        }
    }
}

extension KeptHistory.Entry {
    init(_ event: KeptEvent) {
        identity = event.identity
        principal = event.principal
        self.event = UsageEvent(
            time: event.time,
            tenant: event.series.tenant.description,
            agent: event.series.agent.description,
            amounts: event.amounts.map { ComponentAmount($0.component.description, $0.amount) },
            access: event.series.access,
            outcome: event.ended
        )
        receivedAt = event.receivedAt
        isCounted = event.isCounted
        way = event.series.way
    }

    /// Without what the kept journal does not tell.
    var told: KeptHistory.Entry {
        var told = self
        told.event = UsageEvent(
            time: event.time,
            tenant: event.tenant,
            agent: event.agent,
            amounts: event.amounts,
            access: event.access,
            outcome: event.outcome
        )
        return told
    }

    /// The plainest reading of what a selection means.
    func isSelected(by selection: KeptSelection) -> Bool {
        if !isCounted, !selection.includesUncounted { return false }
        if let principal = selection.principal, principal != self.principal { return false }
        if let sequences = selection.sequences {
            guard case .sequence(let source, let number) = identity else { return false }
            let key = SourceKey(principal: principal, source: source)
            if key != sequences.source || !sequences.range.contains(number) { return false }
        }
        if let identifiers = selection.identifiers {
            guard case .identifier(let identity) = identity else { return false }
            if !identifiers.contains(identity.hash) { return false }
        }
        if let tenants = selection.tenants, !tenants.contains(Name(event.tenant)) { return false }
        if let agents = selection.agents, !agents.contains(Name(event.agent)) { return false }
        if let accesses = selection.accesses, !accesses.contains(event.access) { return false }
        return selection.times?.contains(event.time) ?? true
    }
}

extension KeptSelection {
    /// Some conditions that fit one of the entries, and so often others, too.
    static func random(of entries: [KeptHistory.Entry], using random: inout Seed) -> Self? {
        guard let entry = entries.randomElement(using: &random),
            let other = entries.randomElement(using: &random)
        else { return nil }
        var selection = KeptSelection()
        selection.includesUncounted = random.oneIn(2)
        if random.oneIn(3) { selection.principal = entry.principal }
        if random.oneIn(3) { selection.tenants = [Name(entry.event.tenant)] }
        if random.oneIn(3) { selection.agents = [Name(entry.event.agent), "nobody"] }
        if random.oneIn(4) { selection.accesses = [entry.event.access, other.event.access] }
        if random.oneIn(3) {
            let times = [entry.event.time, other.event.time].sorted()
            selection.times = times[0]..<times[1].advanced(byMilliseconds: 1)
        }
        if random.oneIn(3) {
            switch entry.identity {
            case .sequence(let source, let number):
                selection.sequences = .init(
                    SourceKey(principal: entry.principal, source: source),
                    (number - min(number, UInt64(random.below(20))))..<(number + 1)
                )
            case .identifier(let identity):
                selection.identifiers = [identity.hash]
                if case .identifier(let identity) = other.identity {
                    selection.identifiers?.insert(identity.hash)
                }
            }
        }
        return selection
    }
}
