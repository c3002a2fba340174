internal import Meter
internal import MeterWire

/// What details say of some calls, as JSON and as cells of a table.
struct DetailFigures {
    let total: DetailsTotal
    /// Whether tokens per call may be told: they add up components, of which a token may name a few.
    let showsTokens: Bool

    private static let perMilles = [500, 950, 990]

    // MARK: - JSON

    /// How many calls, how they ended, and when the latest was.
    var callMembers: [JSONMember] {
        [
            JSONMember("calls", .decimal(total.calls)),
            JSONMember(
                "outcomes",
                .object(
                    Outcome.allCases.map { JSONMember($0.text, .decimal(total.calls($0))) }
                )
            ),
            JSONMember("lastEvent", .optional(total.lastEvent.map(RFC3339.text))),
        ]
    }

    /// The same, and percentiles.
    var members: [JSONMember] {
        callMembers + [
            JSONMember("durationMs", Self.percentiles(total.durations)),
            JSONMember("tokensPerCall", showsTokens ? Self.percentiles(total.tokens) : .null),
        ]
    }

    /// Exact sums by component.
    var components: JSONOutput {
        .array(
            total.amounts.sorted { $0.key < $1.key }.map { component, total in
                [
                    "component": .string(component.description), "total": .decimal(total.sum),
                    "count": .decimal(total.count),
                ]
            }
        )
    }

    /// Null where no call has such a value.
    private static func percentiles(_ histogram: Histogram) -> JSONOutput {
        guard histogram.count > 0 else { return .null }
        return .object(
            [JSONMember("count", .decimal(histogram.count))]
                + perMilles.map { perMille in
                    JSONMember(
                        "p\(perMille / 10)",
                        .optional(histogram.quantile(perMille: perMille))
                    )
                }
        )
    }

    // MARK: - CSV

    static let callColumns = ["calls"] + Outcome.allCases.map(\.text) + ["lastEvent"]

    static let columns =
        callColumns
        + ["durationMs", "tokensPerCall"].flatMap { name in
            perMilles.map { "\(name).p\($0 / 10)" }
        }

    var callCells: [CSVText.Cell] {
        [.number(total.calls)] + Outcome.allCases.map { .number(total.calls($0)) }
            + [total.lastEvent.map { .plain(RFC3339.text($0)) } ?? .none]
    }

    var cells: [CSVText.Cell] {
        callCells + Self.cells(total.durations)
            + Self.cells(showsTokens ? total.tokens : Histogram())
    }

    private static func cells(_ histogram: Histogram) -> [CSVText.Cell] {
        perMilles.map { histogram.quantile(perMille: $0).map { .number($0) } ?? .none }
    }
}
