internal import Meter
internal import MeterWire

/// `filterGroupBy[NAME]=VALUE`, OpenMeter's way to keep some of a dimension's values; may be repeated.
///
/// Unlike `subject` a filter does not keep the values apart.
struct UsageFilters {
    let tenants: [String]
    let agents: [String]
    let accesses: Set<AccessID?>?

    static let parameters: Set<String> = Set(
        ["tenant", "agent", "subject", "access"].map { parameter($0) }
    )

    private static func parameter(_ name: String) -> String { "filterGroupBy[\(name)]" }

    init(_ query: QueryItems) throws(Problem) {
        tenants = query.all(Self.parameter("tenant"))
        agents = query.all(Self.parameter("agent")) + query.all(Self.parameter("subject"))
        var accesses: Set<AccessID?> = []
        for text in query.all(Self.parameter("access")) {
            guard let access = AccessID(text) else {
                throw .badQuery("`filterGroupBy[access]` is a uuid: 32 hexadecimal digits.")
            }
            accesses.insert(access)
        }
        self.accesses = accesses.isEmpty ? nil : accesses
    }
}
