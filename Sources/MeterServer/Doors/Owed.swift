/// When the next acknowledgement of a source is due.
///
/// A source that sends without pause always has something above the durable position, so what is
/// waited for is the *first* position not yet covered by an acknowledgement, not the last.
struct Owed {
    private var first: UInt64?
    private var last: UInt64 = 0
    /// Ranges to be sent again; told at once, since no sync will ever cover them.
    private(set) var deferred: [Range<UInt64>] = []

    /// Ranges told in one acknowledgement; the emitter finds the others by its own time-out.
    static let deferredMax = 64

    var isEmpty: Bool { first == nil && deferred.isEmpty }

    /// Something was received that is acknowledged once the journal is durable up to `position`.
    mutating func receive(upTo position: UInt64) {
        first = min(first ?? position, position)
        last = max(last, position)
    }

    mutating func `defer`(_ sequences: Range<UInt64>) {
        if deferred.count < Self.deferredMax { deferred.append(sequences) }
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
