internal import Glibc
internal import Logging
internal import Meter
internal import MeterWire
internal import Synchronization

/// Recounts that were asked for: one runs at a time, in a thread of its own, since it reads for minutes.
final class RecountJobs: Sendable {
    struct Job: Sendable {
        enum State: Sendable {
            case running
            case done(RecountResult)
            case failed(Problem)
        }

        let number: Int
        let month: BillingMonth
        let tenant: Name?
        var doneByteCount: UInt64 = 0
        var byteCount: UInt64 = 0
        /// What the catalog says of segments otherwise than their footers do.
        var catalog: [RecountDifference] = []
        var comparedCatalog = false
        var state = State.running
    }

    private struct Held {
        var jobs: [Job] = []
        var lastNumber = 0
        /// Of the newest job.
        var thread: WorkerThread?
    }

    /// Times 5 ms that stored usage may take to become durable.
    private static let waitCountMax = 4_000
    /// Jobs that are remembered.
    private static let countMax = 16

    private let context: ServerContext
    private let catalog: CatalogKeeper?
    private let held = Mutex(Held())

    init(context: ServerContext, catalog: CatalogKeeper?) {
        self.context = context
        self.catalog = catalog
    }

    /// Begins a recount of a month.
    func begin(_ period: BillingPeriod, of tenant: Name?) throws(Problem) -> Job {
        let (job, ended) = held.withLock { held -> (Job?, WorkerThread?) in
            let isBusy = held.jobs.contains {
                if case .running = $0.state { true } else { false }
            }
            if isBusy { return (nil, nil) }
            held.lastNumber += 1
            let job = Job(number: held.lastNumber, month: period.month, tenant: tenant)
            held.jobs.append(job)
            if held.jobs.count > Self.countMax { held.jobs.removeFirst() }
            defer { held.thread = nil }
            return (job, held.thread)
        }
        // What it had to do is done.
        ended?.join()
        guard let job else {
            throw .busy(
                "Another recount is running; it reads the journal from one end to the other.",
                retryAfter: 5)
        }
        do throws(SystemCallError) {
            let thread = try WorkerThread("meter-recount") { [self] in run(job, period) }
            held.withLock { $0.thread = thread }
        } catch {
            end(job, .failed(.unavailable("The recount could not be started: \(error).")))
        }
        return job
    }

    func job(_ number: Int) -> Job? {
        held.withLock { held in held.jobs.first { $0.number == number } }
    }

    // MARK: -

    private func run(_ job: Job, _ period: BillingPeriod) {
        var patience = Self.waitCountMax
        var shown: UInt64 = 0
        let run = RecountRun(
            context.engine, period, of: job.tenant.map { [$0] }, book: context.book.state,
            at: context.clock.now(),
            wait: {
                usleep(5_000)
                patience -= 1
                return patience > 0
            },
            progress: { [self] (done, total) throws(RecountRun.Stopped) in
                // A record is small: once for each MiB is often enough.
                if shown <= done, done < shown + (1 << 20), done < total, shown > 0 { return }
                shown = done
                if context.readiness.entries.contains(where: { $0.reason == .stopping }) {
                    throw RecountRun.Stopped()
                }
                change(job) { changed in
                    changed.doneByteCount = done
                    changed.byteCount = total
                }
            })
        do throws(RecountFailure) {
            let result = try run.run()
            compareCatalog(job, result)
            end(job, .done(result))
            context.logger.info(
                "recounted",
                metadata: [
                    "month": "\(job.month)", "differences": "\(result.differences.count)",
                    "records": "\(result.recordCount)",
                ])
        } catch {
            end(job, .failed(Problem(error)))
            context.logger.warning(
                "a recount failed", metadata: ["month": "\(job.month)", "error": "\(error)"])
        }
    }

    /// The catalog has each segment's sums; what it says of a segment that was recounted must be the same.
    private func compareCatalog(_ job: Job, _ result: RecountResult) {
        guard let listed = catalog?.listedSums() else { return }
        var found: [RecountDifference] = []
        for (name, journal) in result.segments.sorted(by: { $0.key < $1.key }) {
            guard let stored = listed[name] else { continue }
            found += Recount.differences(journal, stored, in: .catalog(name))
        }
        let differences = found
        change(job) { changed in
            changed.catalog = differences
            changed.comparedCatalog = true
        }
    }

    private func end(_ job: Job, _ state: Job.State) { change(job) { $0.state = state } }

    private func change(_ job: Job, _ body: (inout Job) -> Void) {
        held.withLock { held in
            guard let place = held.jobs.firstIndex(where: { $0.number == job.number }) else {
                return
            }
            body(&held.jobs[place])
        }
    }
}

extension Problem {
    init(_ failure: RecountFailure) {
        switch failure {
        case .notKept(let error): self = .keptNoLonger("\(error.sentence).")
        case .damaged(let damage):
            self = .unavailable(
                "Stored usage is damaged and cannot be compared: \(damage.joined(separator: "; ")). "
                    + "`meterctl verify` names the files.")
        case .notDurable:
            self = .unavailable("The disk is too slow; what is stored is not durable yet.")
        case .stopped: self = .unavailable("The server stops.")
        case .engine(let error): self = .unavailable("Usage cannot be read: \(error).")
        case .journal(let error): self = .unavailable("The journal cannot be read: \(error).")
        case .ledger(let error): self = .unavailable("The ledger: \(error).")
        }
    }
}

extension JournalNotKept {
    var sentence: String { description.prefix(1).uppercased() + description.dropFirst() }
}
