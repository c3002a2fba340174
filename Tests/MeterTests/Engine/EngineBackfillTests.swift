import Meter
import MeterTesting
import MeterWire
import Testing

/// Files of events as frames of a source that nothing but the file decides.
@Suite struct EngineBackfillTests {
    private static let source = SourceID(high: 7, low: 9)

    private func events(_ count: Int, from: Int64 = 60_000) -> [UsageEvent] {
        (0..<count).map { index in
            UsageEvent(
                time: Timestamp(milliseconds: from + Int64(index) * 1_000),
                tenant: "acme",
                agent: "bot\(index % 7)",
                amounts: [.init("tokens", UInt64(index + 1))]
            )
        }
    }

    private func sum(_ engine: Engine) throws -> UInt128 {
        _ = try engine.commit()
        let query = UsageQuery(
            windows: [Minute(rawValue: 0), Minute(rawValue: 60_000_000)],
            grouping: []
        )
        let pending = try engine.query(query, at: Timestamp(milliseconds: 0))
        return engine.answer(pending)?.totals.values.reduce(0) { $0 + $1.sum } ?? 0
    }

    private func takeIn(_ frames: [[UInt8]], _ engine: Engine) throws -> [FrameOutcome.Disposition]
    {
        let receiver = Receiver(engine: engine)
        let dispositions = frames.map {
            receiver.ingest(backfill: $0, at: Fixture.time).disposition
        }
        _ = try engine.commit()
        return dispositions
    }

    private func open(_ disk: SimulatedDisk) throws -> Engine {
        var random = Seed(1)
        let (engine, _) = try Engine.open(
            disk: disk,
            policy: AdmissionPolicy(),
            options: EngineOptions(),
            random: &random
        )
        return engine
    }

    @Test func `a file counts once, however old it is, and leaves no gap`() throws {
        let count = 20_000
        let made = try BackfillFrames(events(count), source: Self.source)
        let frames = try #require(BackfillFrames.frames(in: made.bytes))
        #expect(made.eventCount == UInt64(count) && frames.count == 4)
        let disk = SimulatedDisk()
        let engine = try open(disk)
        #expect(try takeIn(frames, engine).allSatisfy { $0 == .new })
        let whole = UInt128(count) * UInt128(count + 1) / 2
        #expect(try sum(engine) == whole)
        #expect(try takeIn(frames, engine).allSatisfy { $0 == .duplicate })
        #expect(try sum(engine) == whole)
        let source = try #require(engine.sources().first)
        #expect(source.key == SourceKey(principal: .backfill, source: Self.source))
        #expect(source.gaps(horizon: 1_000).isEmpty)
        // The same events are the same bytes.
        #expect(try BackfillFrames(events(count), source: Self.source).bytes == made.bytes)
    }

    @Test(arguments: 0..<5) func `what a power cut interrupts is finished by the same bytes`(
        done: Int
    ) throws {
        let count = 20_000
        let made = try BackfillFrames(events(count), source: Self.source)
        let frames = try #require(BackfillFrames.frames(in: made.bytes))
        let disk = SimulatedDisk()
        var engine = try open(disk)
        _ = try takeIn(Array(frames.prefix(done)), engine)
        disk.crash()
        engine = try open(disk)
        let again = try takeIn(frames, engine)
        #expect(again.prefix(done).allSatisfy { $0 == .duplicate })
        #expect(again.dropFirst(done).allSatisfy { $0 == .new })
        #expect(try sum(engine) == UInt128(count) * UInt128(count + 1) / 2)
    }

    @Test func `bytes that are no frames are none`() throws {
        let made = try BackfillFrames(events(3), source: Self.source)
        #expect(BackfillFrames.frames(in: Array(made.bytes.dropLast()))?.isEmpty == nil)
        #expect(BackfillFrames.frames(in: Array(made.bytes.dropFirst())) == nil)
        var seed = Seed(3)
        for _ in 0..<200 {
            let bytes = (0..<seed.below(300)).map { _ in UInt8(seed.below(256)) }
            #expect(bytes.isEmpty || BackfillFrames.frames(in: bytes) == nil)
        }
    }
}
