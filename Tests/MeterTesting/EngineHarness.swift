package import Meter
package import MeterWire

/// An engine on a disk, driven step by step: the caller is the network, the committer and the clock.
package final class EngineHarness {
    package static let principal = PrincipalID(rawValue: 1)
    package static let key = WireKey.derived(
        fromMaster: Array(repeating: 42, count: 32), id: KeyID(rawValue: 0xA1))

    package let disk: any Disk
    package private(set) var engine: Engine
    package private(set) var recovery: RecoverySummary
    private var receiver: Receiver
    package var now: Timestamp

    package static func policy(
        tenants: AdmissionPolicy.Tenants = .all, accesses: [AccessID: Name] = [:]
    ) -> AdmissionPolicy {
        AdmissionPolicy(
            credentials: [
                key.id: AdmissionPolicy.Credential(key: key, principal: principal)
            ], principals: [principal: tenants], accesses: accesses)
    }

    package init(
        disk: any Disk, policy: AdmissionPolicy = EngineHarness.policy(),
        options: EngineOptions = EngineHarness.options,
        now: Timestamp = EventWorkload.start.advanced(byMilliseconds: 3_600_000), seed: UInt64 = 1
    ) throws {
        self.disk = disk
        self.now = now
        var random = Seed(seed)
        (engine, recovery) = try Engine.open(
            disk: disk, policy: policy, options: options, random: &random)
        receiver = Receiver(engine: engine)
    }

    /// Small buffers and few shards: a test opens many engines.
    package static var options: EngineOptions {
        var options = EngineOptions()
        options.shardCount = 2
        options.journal.bufferBytesMax = 1 << 20
        options.keptJournalBytes = 0
        return options
    }

    /// One frame arrives.
    @discardableResult
    package func receive(_ frame: [UInt8], by transport: Transport = .tcp) -> FrameOutcome {
        unsafe frame.withUnsafeBytes {
            unsafe receiver.ingest(frame: $0, at: now, by: transport)
        }
    }

    /// One batch arrives.
    package func receive(_ batch: IngestBatch) -> BatchOutcome {
        receiver.ingest(batch: batch, at: now)
    }

    /// What an emitter would be told now.
    package func acknowledgement(for outcome: FrameOutcome) -> Acknowledgement? {
        guard let source = outcome.source,
            let bytes = engine.acknowledgement(for: source, byteCountMax: 1_400)
        else { return nil }
        return unsafe bytes.withUnsafeBytes {
            unsafe try? Acknowledgement.open($0, key: EngineHarness.key)
        }
    }

    /// A whole checkpoint, with the commit that it needs.
    @discardableResult
    package func checkpoint() throws -> CheckpointSummary? {
        guard let begun = engine.beginCheckpoint() else { return nil }
        _ = try engine.commit()
        return try engine.finishCheckpoint(begun)
    }

    /// Totals by tenant, agent, access and component, variants included, whether durable or not.
    package func totals() throws -> NaiveMeter {
        let pending = try engine.query(
            UsageQuery(
                windows: [Minute(rawValue: 0), Minute(rawValue: .max)],
                grouping: [.tenant, .agent, .access, .component], withVariants: true), at: now)
        _ = try engine.commit()
        var meter = NaiveMeter()
        meter.totals = engine.answer(pending)?.totals ?? [:]
        return meter
    }
}
