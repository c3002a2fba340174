internal import Meter
internal import MeterWire

/// Where the events of a figure came from: what the kept journal has of them, source by source, and what each
/// source claims.
struct ExplainedSources {
    /// What came from one source, or over HTTP from one principal.
    struct Line {
        let principal: PrincipalID
        /// nil for events that came over HTTP.
        let source: SourceID?
        var amount: UInt128 = 0
        var events: UInt64 = 0
        /// Events that were not counted.
        var refused: UInt64 = 0
        var numbers: ClosedRange<UInt64>?
        var positions: ClosedRange<UInt64>?
        var received: ClosedRange<Timestamp>?
    }

    private(set) var lines: [Line] = []
    /// Ranges of the journal that could not be read.
    private let damage: [String]
    private let summaries: [SourceKey: SourceSummary]

    var json: JSONOutput {
        ["lines": .array(lines.map(json)), "damage": .array(damage.map { .string($0) })]
    }

    private func json(_ line: Line) -> JSONOutput {
        let summary = line.source.flatMap {
            summaries[SourceKey(principal: line.principal, source: $0)]
        }
        return [
            "principal": .decimal(line.principal.rawValue), "source": .optional(line.source),
            "metered": .decimal(line.amount), "events": .decimal(line.events),
            "refused": .decimal(line.refused),
            "firstNumber": .optional(line.numbers?.lowerBound),
            "lastNumber": .optional(line.numbers?.upperBound),
            "firstPosition": .optional(line.positions?.lowerBound),
            "lastPosition": .optional(line.positions?.upperBound),
            "firstReceived": .optional(line.received.map { RFC3339.text($0.lowerBound) }),
            "lastReceived": .optional(line.received.map { RFC3339.text($0.upperBound) }),
            "claimed": .optional(summary?.claim?.recordedCount),
            "claimNumber": .optional(summary?.claim?.number),
            "isLast": summary?.claim.map { .boolean($0.isLast) } ?? .null,
            "missing": .optional(
                summary.map {
                    $0.openHoles.reduce(UInt64(0)) { $0 &+ ($1.upperBound &- $1.lowerBound) }
                }
            ),
            "givenUp": .optional(
                summary.map {
                    $0.givenUp.reduce(UInt64(0)) { $0 &+ ($1.upperBound &- $1.lowerBound) }
                }
            ),
        ]
    }
}

extension ExplainedSources {
    /// Reads the kept journal.
    ///
    /// - Throws: ``Problem`` where the journal cannot be read, or that of the period is kept no longer.
    init(
        _ subject: Explanation.Subject,
        of engine: Engine
    ) throws(Problem) {
        summaries = Dictionary(
            engine.sources().map { ($0.key, $0) },
            uniquingKeysWith: { first, _ in first }
        )
        var selection = KeptSelection()
        selection.tenants = [subject.tenant]
        selection.agents = [subject.agent]
        selection.times = subject.period.start.start..<subject.period.end.start
        selection.includesUncounted = true
        struct Origin: Hashable {
            let principal: PrincipalID
            let source: SourceID?
        }
        var found: [Origin: Line] = [:]
        let reading: KeptReading
        do throws(KeptJournalError<Never>) {
            reading = try engine.keptEvents(selection) { event in
                let amounts = event.amounts.filter { $0.component == subject.component }
                guard !amounts.isEmpty else { return }
                var source: SourceID?
                var number: UInt64?
                if case .sequence(let id, let sequence) = event.identity {
                    (source, number) = (id, sequence)
                }
                let origin = Origin(principal: event.principal, source: source)
                var line = found[origin] ?? Line(principal: event.principal, source: source)
                line.add(event, number, amounts.reduce(UInt128(0)) { $0 &+ UInt128($1.amount) })
                found[origin] = line
            }
        } catch {
            guard case .notKept(let gone) = error else {
                throw .unavailable("The kept journal could not be read: \(error).")
            }
            throw .keptNoLonger(
                "\(gone.sentence). `sources=false` (`meterctl explain --without-sources`) explains the "
                    + "figure without the sources that its events came from."
            )
        }
        damage = reading.damage.map(\.description)
        lines = found.values.sorted { one, other in
            one.principal != other.principal
                ? one.principal < other.principal
                : (one.source?.description ?? "") < (other.source?.description ?? "")
        }
    }
}

extension ExplainedSources.Line {
    fileprivate mutating func add(_ event: KeptEvent, _ number: UInt64?, _ amount: UInt128) {
        guard event.isCounted else {
            refused += 1
            return
        }
        self.amount &+= amount
        events += 1
        if let number { numbers = Self.spanning(numbers, number) }
        positions = Self.spanning(positions, event.position)
        received = Self.spanning(received, event.receivedAt)
    }

    private static func spanning<Value: Comparable>(
        _ range: ClosedRange<Value>?,
        _ value: Value
    ) -> ClosedRange<Value> {
        guard let range else { return value...value }
        return min(range.lowerBound, value)...max(range.upperBound, value)
    }
}
