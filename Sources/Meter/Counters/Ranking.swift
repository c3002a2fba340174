/// Several lists of names as one sorted list, and each name's place in it.
struct Ranking<Element: Comparable & Hashable> {
    let names: [Element]
    /// For each list, the rank of its names in the order of the list.
    let ranks: [[UInt32]]

    init(_ lists: [[Element]]) {
        let names = Set(lists.joined()).sorted()
        var rank: [Element: UInt32] = [:]
        rank.reserveCapacity(names.count)
        for (index, name) in names.enumerated() { rank[name] = UInt32(index) }
        ranks = lists.map { list in list.map { rank[$0] ?? 0 } }
        self.names = names
    }
}
