internal import FoundationEssentials
internal import Logging
internal import Meter
internal import MeterDisk
internal import MeterWire

/// Takes files of events into the journal: all of each, or nothing.
///
/// The frames are on the disk before the book says that the backfill has begun, and from there on it is
/// decided: what a stop interrupts is taken up again, from the same bytes, so that what is in the journal
/// already is a duplicate.
struct BackfillRunner: Sendable {
    let context: ServerContext

    static func name(_ file: String) -> String { "backfill-\(file).frames" }

    /// Begins a backfill and takes it to its end.
    func begin(
        _ begun: BackfillBegun,
        _ frames: BackfillFrames,
        for caller: Caller
    ) async throws(Problem) {
        do throws(DiskError) {
            try disk().writeWhole(frames.bytes, to: Self.name(begun.file))
        } catch {
            throw .unavailable("The file could not be kept, and nothing was taken in: \(error).")
        }
        _ = try context.book.decide([.backfillBegun(begun)], caller)
        try await finish(begun)
    }

    /// Takes up what a stop has interrupted.
    func finishAll() async {
        let backfills = context.book.state.billing.backfills.values
        for standing in backfills.sorted(by: { $0.begun.number < $1.begun.number })
        where standing.done == nil {
            do throws(Problem) {
                try await finish(standing.begun)
            } catch {
                context.logger.error(
                    "a backfill is not finished",
                    metadata: ["number": "\(standing.begun.number)", "reason": "\(error.detail)"]
                )
            }
        }
    }

    /// Takes in what the journal has not yet, and books that all of it is there.
    func finish(_ begun: BackfillBegun) async throws(Problem) {
        let url = URL(filePath: context.configuration.dataDirectory)
            .appending(path: Self.name(begun.file))
        guard let bytes = try? Data(contentsOf: url),
            let frames = BackfillFrames.frames(in: Array(bytes))
        else {
            if isDone(begun) { return }
            throw .unavailable(
                "Backfill \(begun.number) began, and \(Self.name(begun.file)) is missing or damaged; "
                    + "restore it from a copy."
            )
        }
        let position = try await takeIn(frames)
        do throws(BookError) {
            try context.book.append(
                .backfillDone(BackfillDone(number: begun.number, position: position)),
                author: "server"
            )
        } catch {
            // Somebody else has finished it at the same time.
            guard isDone(begun) else {
                throw .unavailable(
                    "Backfill \(begun.number) is counted and not booked as done: \(error).")
            }
        }
        try? disk().remove(Self.name(begun.file))
    }

    private func isDone(_ begun: BackfillBegun) -> Bool {
        context.book.state.billing.backfills[begun.number]?.done != nil
    }

    /// - Returns: The durable position below which all frames are.
    private func takeIn(_ frames: [[UInt8]]) async throws(Problem) -> UInt64 {
        for _ in 0..<3 {
            let epoch = context.waiters.epoch
            var position: UInt64 = 0
            for frame in frames { position = max(position, try await admit(frame)) }
            switch await context.waiters.wait(
                for: position,
                epoch: epoch,
                timeout: .seconds(20)
            ) {
            case .durable: return position
            case .givenUp: continue
            case .timedOut: throw .unavailable("The disk is too slow; the backfill goes on later.")
            }
        }
        throw .unavailable("The disk failed; the backfill goes on later.")
    }

    /// Offers a frame until the engine has room for it.
    private func admit(_ frame: [UInt8]) async throws(Problem) -> UInt64 {
        for _ in 0..<600 {
            let outcome = Receiver(engine: context.engine)
                .ingest(backfill: frame, at: context.clock.now())
            switch outcome.disposition {
            case .new: return outcome.position
            // What it is a duplicate of may not be on the disk yet.
            case .duplicate: return max(outcome.position, context.engine.appended)
            case .deferred: try? await Task.sleep(for: .milliseconds(100))
            case .inConflict, .ignored:
                throw .unavailable(
                    "The journal has other events under the file's hash; `meterctl sources conflicts`."
                )
            }
        }
        throw .busy("New events are held back for now; the backfill goes on later.", retryAfter: 10)
    }

    /// Removes files of backfills that are done or never began. Only at the start, before anybody may begin
    /// one.
    func removeLeftovers() {
        let wanted = Set(
            context.book.state.billing.backfills.values.filter { $0.done == nil }
                .map { Self.name($0.begun.file) }
        )
        guard let disk = try? disk(), let names = try? disk.list() else { return }
        for name in names
        where name.hasPrefix("backfill-") && name.hasSuffix(".frames") && !wanted.contains(name) {
            try? disk.remove(name)
        }
    }

    private func disk() throws(DiskError) -> POSIXDisk {
        try POSIXDisk(path: context.configuration.dataDirectory)
    }
}
