/// When the next acknowledgement of a source is due.
///
/// A source that sends without pause always has something above the durable position, so what is
/// waited for is the *first* position not yet covered by an acknowledgement, not the last.
struct Owed {
    private var first: UInt64?
    private var last: UInt64 = 0
    /// Ranges to be sent again, ascending and apart, as an acknowledgement has them; told at once, since no
    /// sync will ever cover them.
    private(set) var deferred: [Range<UInt64>] = []

    /// Ranges told in one acknowledgement; the emitter finds the others by its own time-out.
    static let deferredMax = 64

    var isEmpty: Bool { first == nil && deferred.isEmpty }

    /// Something was received that is acknowledged once the journal is durable up to `position`.
    mutating func receive(upTo position: UInt64) {
        first = min(first ?? position, position)
        last = max(last, position)
    }

    /// These numbers are to be sent again; they may be deferred already, or touch what is.
    mutating func `defer`(_ sequences: Range<UInt64>) {
        guard !sequences.isEmpty else { return }
        let first = deferred.firstIndex { $0.upperBound >= sequences.lowerBound } ?? deferred.count
        var end = first
        var joined = sequences
        while end < deferred.count, deferred[end].lowerBound <= sequences.upperBound {
            let known = deferred[end]
            joined =
                min(joined.lowerBound, known.lowerBound)..<max(joined.upperBound, known.upperBound)
            end += 1
        }
        guard end > first || deferred.count < Self.deferredMax else { return }
        deferred.replaceSubrange(first..<end, with: CollectionOfOne(joined))
    }

    func isDue(durable: UInt64) -> Bool {
        if !deferred.isEmpty { return true }
        guard let first else { return false }
        return first <= durable
    }

    /// An acknowledgement of everything durable up to `durable` was sent.
    mutating func acknowledged(durable: UInt64) {
        deferred.removeAll(keepingCapacity: true)
        guard first != nil else { return }
        first = last <= durable ? nil : durable + 1
    }

    /// Everything received so far was given up or will never be acknowledged.
    mutating func forget() {
        first = nil
        deferred.removeAll()
    }
}
