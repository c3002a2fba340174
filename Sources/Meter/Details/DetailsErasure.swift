package import MeterWire

/// A person has a user's details erased: what was journalled before `position` is counted without the name.
///
/// Amounts, calls and histograms stay, under ``Name/erasedDetails``; so do usage, sums and hashes, which
/// never had the name. The journal has it until its files are removed.
package struct DetailsErasure: Equatable, Codable, Sendable {
    package let tenant: Name
    package let user: Name
    /// Journal position; a checkpoint that spans it is erased as a whole.
    package let position: UInt64
    package let reason: String

    package init(tenant: Name, user: Name, position: UInt64, reason: String) {
        self.tenant = tenant
        self.user = user
        self.position = position
        self.reason = reason
    }
}

/// All erasures that were decided, with the numbers of their entries in the book.
package struct DetailsErasures: Equatable, Sendable {
    private var entries: [(number: UInt64, erasure: DetailsErasure)] = []

    package init() {}

    package static func == (left: DetailsErasures, right: DetailsErasures) -> Bool {
        left.entries.elementsEqual(right.entries) { $0.number == $1.number }
    }

    /// Adds a decision that is in the book under this number, above all before.
    package mutating func append(_ erasure: DetailsErasure, number: UInt64) {
        entries.append((number, erasure))
    }

    /// The number of the newest; 0 if there is none.
    var newest: UInt64 { entries.last?.number ?? 0 }

    /// Those that concern details journalled from `position` on, where none was applied.
    func pending(from position: UInt64, applied: UInt64 = 0) -> [DetailsErasure] {
        entries.filter { $0.number > applied && $0.erasure.position > position }.map(\.erasure)
    }

    /// Those that a file still needs.
    func pending(for file: DetailsFile) -> [DetailsErasure] {
        pending(from: file.span.from, applied: file.footer.erasedThrough)
    }
}

/// Erasures in the indexes of sorted dictionaries.
struct ErasureMap {
    private struct Entry {
        let user: UInt32
        let series: Range<UInt32>
    }

    private var entries: [Entry] = []
    /// What an erased user's index becomes.
    let erased: UInt32

    /// - Parameters:
    ///   - series: Ascending.
    ///   - users: Ascending, ``Name/erasedDetails`` among them.
    init(_ erasures: [DetailsErasure], series: [SeriesName], users: [Name]) {
        erased = UInt32(users.partitioningIndex { !($0 < .erasedDetails) }) + 1
        for erasure in erasures {
            let user = users.partitioningIndex { !($0 < erasure.user) }
            guard user < users.count, users[user] == erasure.user else { continue }
            for range in SeriesName.ranges(in: series, tenants: [erasure.tenant], agents: nil) {
                entries.append(
                    Entry(
                        user: UInt32(user) + 1,
                        series: UInt32(range.lowerBound)..<UInt32(range.upperBound)))
            }
        }
    }

    /// The user under which a row of this series and user is kept.
    func user(_ user: UInt32, ofSeries series: UInt32) -> UInt32 {
        for entry in entries where entry.user == user && entry.series.contains(series) {
            return erased
        }
        return user
    }
}

extension ErasureMap {
    /// Erasures in the indexes of a file, whose own dictionary need not have ``Name/erasedDetails``.
    init(_ erasures: [DetailsErasure], of file: DetailsFile) throws(SealedFileError) {
        erased = .max
        var users = file.userReader
        var series = file.seriesReader
        for erasure in erasures {
            guard let user = try users.index(of: erasure.user) else { continue }
            for range in try series.ranges(tenants: [erasure.tenant], agents: nil) {
                entries.append(
                    Entry(
                        user: UInt32(user) + 1,
                        series: UInt32(range.lowerBound)..<UInt32(range.upperBound)))
            }
        }
    }

    /// Whether no row is changed.
    var isEmpty: Bool { entries.isEmpty }
}
