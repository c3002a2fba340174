internal import Meter
internal import MeterWire

/// What became of the frames of one receive call, added to the shared counters once a call.
struct FrameTally {
    var new = 0
    var duplicate = 0
    var inConflict = 0
    var deferred = 0
    var ignored = 0

    mutating func count(_ disposition: FrameOutcome.Disposition) {
        switch disposition {
        case .new: new += 1
        case .duplicate: duplicate += 1
        case .inConflict: inConflict += 1
        case .deferred: deferred += 1
        case .ignored: ignored += 1
        }
    }
}

/// Frames of one transport by what became of them.
final class FrameCounters: Sendable {
    let new = Counter()
    let duplicate = Counter()
    let inConflict = Counter()
    let deferred = Counter()
    let ignored = Counter()

    func add(_ tally: FrameTally) {
        if tally.new > 0 { new.add(tally.new) }
        if tally.duplicate > 0 { duplicate.add(tally.duplicate) }
        if tally.inConflict > 0 { inConflict.add(tally.inConflict) }
        if tally.deferred > 0 { deferred.add(tally.deferred) }
        if tally.ignored > 0 { ignored.add(tally.ignored) }
    }

    func samples(of transport: String) -> [(labels: [String], count: UInt64)] {
        [
            ([transport, "new"], new.count), ([transport, "duplicate"], duplicate.count),
            ([transport, "in-conflict"], inConflict.count),
            ([transport, "deferred"], deferred.count),
            ([transport, "ignored"], ignored.count),
        ]
    }
}
