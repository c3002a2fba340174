internal import Meter

/// `class=`: what counts, or what is kept beside it and may tell of the same calls. There is no value for both.
enum UsageClass: String {
    case counted
    case advisory

    static let parameter = "class"

    init(_ query: QueryItems) throws(Problem) {
        guard let text = try query.one(Self.parameter) else {
            self = .counted
            return
        }
        guard let known = UsageClass(rawValue: text) else {
            throw .badQuery("`class` is counted or advisory.")
        }
        self = known
    }

    var classes: UsageClasses { self == .counted ? .counted : .advisory }

    var member: JSONMember { JSONMember(Self.parameter, .string(rawValue)) }
}
