internal import Meter
internal import MeterWire

/// Which gaps a person means: those of one principal (`3`), of its sources on one host (`3@10.1.4.7`), or of
/// one source (its 32 digits), all or of one cause (`3@10.1.4.7/given-up`).
struct GapSelector: Hashable, CustomStringConvertible {
    enum Holder: Hashable {
        case principal(PrincipalID)
        /// nil: those of which nobody knows (any more) where they came from.
        case host(PrincipalID, PeerAddress?)
        case source(SourceID)
    }

    private static let unknownHost = "unknown"

    let holder: Holder
    let cause: GapCause?

    /// The group that a gap belongs to.
    init(_ gap: SourceGap) {
        holder = .host(gap.source.principal, gap.host)
        cause = gap.cause
    }

    /// Reads what a person wrote; nil for anything else.
    init?(_ text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let first = parts.first, parts.count <= 2 else { return nil }
        if let source = SourceID(first) {
            holder = .source(source)
        } else {
            let names = first.split(separator: "@", omittingEmptySubsequences: false)
            guard let number = names.first.flatMap({ UInt64($0) }), names.count <= 2 else {
                return nil
            }
            let principal = PrincipalID(rawValue: number)
            if names.count == 1 {
                holder = .principal(principal)
            } else if names[1] == Self.unknownHost {
                holder = .host(principal, nil)
            } else if let host = PeerAddress(names[1]) {
                holder = .host(principal, host)
            } else {
                return nil
            }
        }
        cause = parts.count == 2 ? GapCause(rawValue: String(parts[1])) : nil
        if parts.count == 2, cause == nil { return nil }
    }

    func matches(_ gap: SourceGap) -> Bool {
        if let cause, cause != gap.cause { return false }
        return switch holder {
        case .principal(let principal): gap.source.principal == principal
        case .host(let principal, let host):
            gap.source.principal == principal && gap.host == host
        case .source(let source): gap.source.source == source
        }
    }

    var description: String {
        let name =
            switch holder {
            case .principal(let principal): "\(principal.rawValue)"
            case .host(let principal, let host):
                "\(principal.rawValue)@\(host?.description ?? Self.unknownHost)"
            case .source(let source): source.description
            }
        return cause.map { "\(name)/\($0.rawValue)" } ?? name
    }
}

extension GapSelector {
    /// What a group comes to, for a person: `45 events of 2 sources of night batch on 10.1.4.7 were given up`.
    ///
    /// - Parameter label: What people call the principal.
    static func sentence(_ gaps: [SourceGap], _ label: String) -> String {
        guard let first = gaps.first else { return "nothing" }
        let events = gaps.reduce(UInt128(0)) { $0 + UInt128($1.eventCount ?? 0) }
        let sources = Set(gaps.map(\.source)).count
        let isOne = events == 1
        let what = isOne ? "1 event" : "\(events) events"
        let whose =
            (sources == 1 ? "1 source" : "\(sources) sources") + " of \(label)"
            + (first.host.map { " on \($0)" } ?? "")
        return switch first.cause {
        case .open: "\(what) of \(whose) \(isOne ? "has" : "have") not come"
        case .givenUp: "\(what) of \(whose) \(isOne ? "was" : "were") given up"
        case .dropped: "\(what) of \(whose) \(isOne ? "was" : "were") dropped"
        case .inConflict: "\(what) of \(whose) \(isOne ? "is" : "are") in conflict and not counted"
        case .unclean: "\(whose) never said that \(sources == 1 ? "it" : "they") ended"
        }
    }
}

extension SourceGap {
    /// It is unclean because it goes on: what it claimed last is not older than a few minutes.
    func isOfLivingSource(at now: Timestamp) -> Bool {
        cause == .unclean
            && reach.allSatisfy { $0.earliest >= now.advanced(byMilliseconds: -Self.silence) }
    }

    /// How long a source must be silent to be thought dead; a living one claims every few seconds.
    static let silence: Int64 = 5 * 60_000

    /// What may be missing at most: events, or one for a source of which nobody knows how many.
    var bound: UInt64 { eventCount ?? 1 }

    /// For a person: `7 events of source 7fe1… given up`.
    var description: String {
        let count = eventCount.map { $0 == 1 ? "1 event" : "\($0) events" }
        let place = host.map { " on \($0)" } ?? ""
        let source = "source \(source.source) of principal \(source.principal.rawValue)\(place)"
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
            "host": .optional(host),
            "from": .decimal(range.lowerBound),
            "to": .decimal(range.upperBound),
            "events": .optional(eventCount),
            "cause": .string(cause.rawValue),
        ]
    }
}
