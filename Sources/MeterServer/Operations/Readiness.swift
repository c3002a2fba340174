internal import Synchronization

/// Why the server should get no traffic now, and what else an operator should know.
///
/// `/readyz` answers 503 while there is a blocking reason, and lists all reasons in either case.
final class Readiness: Sendable {
    /// A condition that is either there or not; its raw value is part of the interface.
    enum Reason: String, Sendable, CaseIterable {
        /// The journal is being read, or no listener is open yet.
        case starting
        /// A stop was asked for.
        case stopping
        /// A write or a sync failed; acknowledgements wait until the disk works again.
        case diskFailing = "disk-failing"
        /// The disk has no space; acknowledgements wait until it has.
        case diskFull = "disk-full"
        /// More journal bytes wait for the disk than may wait.
        case journalQueueFull = "journal-queue-full"
        /// More counters are in memory than may be; a checkpoint is on its way.
        case liveKeyLimit = "live-key-limit"
        /// A checkpoint failed and is tried again.
        case checkpointFailing = "checkpoint-failing"
        /// The book could not be written; decisions are refused.
        case bookFailing = "book-failing"
        /// Damage was found in the data directory; undamaged data is served.
        case damage
        /// Files of details are lost or cannot be read; usage is served as ever.
        case detailsMissing = "details-missing"
        /// The limit of the kept journal was stronger than what should be kept.
        case journalShort = "journal-short"
        /// Events that came have not each exactly one outcome: a fault of this program.
        case notConserved = "not-conserved"
        /// What was metered and what became of it differ in some account: a fault of this program.
        case ledgerNotConserved = "ledger-not-conserved"
        /// New certificate files cannot be used; the old certificate stays in force.
        case certificateFailing = "certificate-failing"
        /// The certificate in force ends soon, or has ended.
        case certificateEnding = "certificate-ending"
        /// Nothing is told to Waldur, around the turn of a month or until a person says so.
        case reportingHeld = "reporting-held"
        /// Waldur does not answer or refuses.
        case reportingFailing = "reporting-failing"
        /// An invoice item has a wrong price, or lacks what was used, and a person must see to it.
        case reportingIncident = "reporting-incident"
        /// The last totals of the month will be told too early, or not all of them.
        case finalFlushLong = "final-flush-long"

        /// Whether traffic should go elsewhere while it holds.
        var isBlocking: Bool {
            switch self {
            case .starting, .stopping, .diskFailing, .diskFull, .journalQueueFull, .liveKeyLimit:
                true
            case .checkpointFailing, .bookFailing, .damage, .detailsMissing, .journalShort,
                .notConserved, .ledgerNotConserved, .certificateFailing, .certificateEnding,
                .reportingHeld, .reportingFailing, .reportingIncident, .finalFlushLong:
                false
            }
        }
    }

    struct Entry: Sendable, Equatable {
        let reason: Reason
        /// One sentence for a person: what happened and what to do.
        let detail: String
    }

    private let details = Mutex<[Reason: String]>([.starting: "the journal is being read"])

    /// States that the condition holds, or changes its sentence.
    func set(_ reason: Reason, _ detail: String) {
        details.withLock { $0[reason] = detail }
    }

    /// States that the condition no longer holds.
    func clear(_ reason: Reason) {
        details.withLock { _ = $0.removeValue(forKey: reason) }
    }

    /// Every condition that holds, in the order of ``Reason``.
    var entries: [Entry] {
        let details = details.withLock { $0 }
        return Reason.allCases.compactMap { reason in
            details[reason].map { Entry(reason: reason, detail: $0) }
        }
    }

    var isReady: Bool {
        details.withLock { !$0.keys.contains(where: \.isBlocking) }
    }
}
