internal import Meter
internal import MeterWire

/// What an agent's calls are told apart by, one at a time.
enum DetailSplit: String, CaseIterable {
    case model, user, outcome

    static let parameter = "split"

    /// Reads `split`, repeated or with commas; each once, in a fixed order.
    static func read(_ query: QueryItems, _ reach: UsageReach) throws(Problem) -> [DetailSplit] {
        var splits: Set<DetailSplit> = []
        for text in query.all(parameter).flatMap({ $0.split(separator: ",") }) {
            guard let split = DetailSplit(rawValue: String(text)) else {
                throw .badQuery("`split` is model, user or outcome.")
            }
            if split == .user { try reach.users() }
            splits.insert(split)
        }
        return allCases.filter(splits.contains)
    }

    var grouping: DetailsQuery.Grouping {
        switch self {
        case .model: .model
        case .user: .user
        case .outcome: .outcome
        }
    }

    /// What a group has here; nil where its calls named none.
    func value(_ group: DetailsGroup) -> String? {
        switch self {
        case .model: group.model?.description
        case .user: group.user?.description
        case .outcome: group.outcome?.text
        }
    }
}
