internal import Meter
internal import MeterWire

/// `filterGroupBy[NAME]=VALUE`, OpenMeter's way to keep some of a dimension's values; may be repeated.
///
/// Unlike `subject` a filter does not keep the values apart.
struct UsageFilters {
    let tenants: [String]
    let agents: [String]
    let accesses: Set<AccessID?>?
    let models: Set<Name?>?
    let users: Set<Name?>?
    let outcomes: Set<Outcome>?

    static let parameters: Set<String> = Set(
        ["tenant", "agent", "subject", "access", "model", "user", "outcome"].map { parameter($0) }
    )

    /// Whether only details can answer.
    var needDetails: Bool { models != nil || users != nil || outcomes != nil }

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
        models = try Self.names("model", query)
        users = try Self.names("user", query)
        var outcomes: Set<Outcome> = []
        for text in query.all(Self.parameter("outcome")) {
            guard let outcome = Outcome(text: text) else {
                throw .badQuery("`filterGroupBy[outcome]` is ok, error, refused or cached.")
            }
            outcomes.insert(outcome)
        }
        self.outcomes = outcomes.isEmpty ? nil : outcomes
    }

    private static func names(
        _ field: String,
        _ query: QueryItems
    ) throws(Problem) -> Set<Name?>? {
        let texts = query.all(parameter(field))
        guard texts.allSatisfy({ NameRule.accepts($0) }) else {
            throw .badQuery(
                "`\(parameter(field))` is 1 to 255 bytes of text without control characters."
            )
        }
        return texts.isEmpty ? nil : Set(texts.map { Name($0) })
    }
}
