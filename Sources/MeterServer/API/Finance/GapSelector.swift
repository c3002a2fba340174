internal import Meter
internal import MeterWire

/// Which gaps a person means: those of one principal (`3`) or of one source (its 32 digits), all or of one
/// cause (`3/given-up`).
struct GapSelector: Hashable, CustomStringConvertible {
    enum Holder: Hashable {
        case principal(PrincipalID)
        case source(SourceID)
    }

    let holder: Holder
    let cause: GapCause?

    /// The group that a gap belongs to.
    init(_ gap: SourceGap) {
        holder = .principal(gap.source.principal)
        cause = gap.cause
    }

    /// Reads what a person wrote; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2 else { return nil }
        if let source = SourceID(first) {
            holder = .source(source)
        } else if let number = UInt64(first) {
            holder = .principal(PrincipalID(rawValue: number))
        } else {
            return nil
        }
        cause = parts.count == 2 ? GapCause(rawValue: String(parts[1])) : nil
        if parts.count == 2, cause == nil { return nil }
    }

    func matches(_ gap: SourceGap) -> Bool {
        if let cause, cause != gap.cause { return false }
        return switch holder {
        case .principal(let principal): gap.source.principal == principal
        case .source(let source): gap.source.source == source
        }
    }

    var description: String {
        let name =
            switch holder {
            case .principal(let principal): "\(principal.rawValue)"
            case .source(let source): source.description
            }
        return cause.map { "\(name)/\($0.rawValue)" } ?? name
    }
}

extension SourceGap {
    /// What may be missing at most: events, or one for a source of which nobody knows how many.
    var bound: UInt64 { eventCount ?? 1 }

    /// For a person: `7 events of source 7fe1… given up`.
    var description: String {
        let count = eventCount.map { $0 == 1 ? "1 event" : "\($0) events" }
        let source = "source \(source.source) of principal \(source.principal.rawValue)"
        return switch cause {
        case .open: "\(count ?? "") of \(source) have not come"
        case .givenUp: "\(count ?? "") of \(source) were given up"
        case .dropped: "\(count ?? "") of \(source) were dropped"
        case .inConflict: "\(count ?? "") of \(source) are in conflict and not counted"
        case .unclean: "\(source) never said that it ended"
        }
    }

    var json: JSONOutput {
        [
            "principal": .decimal(source.principal.rawValue),
            "source": .string(source.source.description),
            "from": .decimal(range.lowerBound),
            "to": .decimal(range.upperBound),
            "events": .optional(eventCount),
            "cause": .string(cause.rawValue),
        ]
    }
}
