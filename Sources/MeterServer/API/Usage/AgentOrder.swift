internal import Meter
internal import MeterWaldur
internal import MeterWire

/// The order of a list of agents, and how a page goes on where the one before ended.
struct AgentOrder {
    enum Key: Equatable {
        case agent
        /// The period's total of a component.
        case total(Name)
    }

    /// What an agent is placed by; of equal values the name decides, always ascending.
    struct Place: Equatable {
        let value: UInt128
        let agent: Name
    }

    let key: Key
    let isDescending: Bool
    /// As the caller wrote it; a cursor belongs to one order.
    private let text: String

    /// Reads `agent`, `total.COMPONENT`, with `-` in front for the largest first.
    init(_ text: String?, _ reach: UsageReach) throws(Problem) {
        let text = text ?? "agent"
        self.text = text
        isDescending = text.hasPrefix("-")
        let name = isDescending ? String(text.dropFirst()) : text
        let prefix = "total."
        if name == "agent" {
            key = .agent
        } else if name.hasPrefix(prefix) {
            key = .total(try reach.component(String(name.dropFirst(prefix.count))))
        } else {
            throw .badQuery(
                "`sort` is agent or total.COMPONENT, with - in front for the largest first."
            )
        }
    }

    func precedes(_ left: Place, _ right: Place) -> Bool {
        switch key {
        case .agent: return isDescending ? right.agent < left.agent : left.agent < right.agent
        case .total:
            if left.value == right.value { return left.agent < right.agent }
            return isDescending ? right.value < left.value : left.value < right.value
        }
    }

    /// The first places after a cursor's, in order, without sorting the others.
    ///
    /// - Complexity: O(places), and O(`count`) for each that is among the first so far.
    func first(
        _ count: Int,
        of places: some Sequence<Place>,
        after cursor: Place?
    ) -> [Place] {
        var first: [Place] = []
        for place in places {
            if let cursor, !precedes(cursor, place) { continue }
            if first.count == count, let last = first.last, !precedes(place, last) { continue }
            if first.count == count { first.removeLast() }
            let index = first.firstIndex { precedes(place, $0) } ?? first.count
            first.insert(place, at: index)
        }
        return first
    }

    // MARK: - Cursors

    /// What the caller hands back for the next page. It holds nothing but what the page before showed.
    func cursor(after place: Place) -> String {
        let content: JSONOutput = [
            "sort": .string(text), "value": .decimal(place.value),
            "agent": .string(place.agent.description),
        ]
        return Base64URL.text(content.encoded)
    }

    func place(of cursor: String?) throws(Problem) -> Place? {
        guard let cursor else { return nil }
        guard let bytes = Base64URL.bytes(cursor), let json = try? JSONParser.parse(bytes),
            let agent = json["agent"]?.string, NameRule.accepts(agent),
            let value = json["value"]?.string.flatMap({ UInt128($0) })
        else { throw .badQuery("`cursor` is what an earlier page gave as `next`.") }
        guard json["sort"]?.string == text else {
            throw .badQuery("`cursor` belongs to another `sort`; begin again without it.")
        }
        return Place(value: value, agent: Name(agent))
    }
}
