internal import MeterWire

/// What one series used in one quarter hour with one model, user and outcome, as details files keep it.
///
/// A value that is filled again and again while rows are read, merged and written: its lists keep their
/// memory.
struct DetailRow {
    /// Indexes into sorted dictionaries; of models and users + 1, 0 where there is none.
    struct Key: Comparable {
        var series: UInt32
        var quarter: UInt32
        var model: UInt32
        var user: UInt32
        var outcome: UInt8

        /// Rows with the same series and quarter hour are merged and written together.
        var slot: UInt64 { UInt64(series) << 32 | UInt64(quarter) }
        private var rest: UInt64 { UInt64(model) << 32 | UInt64(user) }

        static func < (left: Key, right: Key) -> Bool {
            if left.slot != right.slot { return left.slot < right.slot }
            if left.rest != right.rest { return left.rest < right.rest }
            return left.outcome < right.outcome
        }
    }

    struct Amount: Equatable {
        var component: UInt32
        var total: UsageTotal
    }

    /// How many values are in a histogram's bucket.
    struct Bucket: Equatable {
        var bucket: UInt16
        var count: UInt64
    }

    var key = Key(series: 0, quarter: 0, model: 0, user: 0, outcome: 0)
    var calls: UInt64 = 0
    /// Milliseconds from the start of the quarter hour to the latest call.
    var latest: UInt32 = 0
    /// By ascending component, each once.
    var amounts: [Amount] = []
    /// By ascending bucket, each once.
    var durations: [Bucket] = []
    /// By ascending bucket, each once.
    var tokens: [Bucket] = []

    /// Adds another row of the same key.
    mutating func add(_ other: DetailRow) {
        calls = calls.addingClamped(other.calls)
        latest = max(latest, other.latest)
        amounts = Self.united(amounts, other.amounts, by: \.component) { $0.total.add($1.total) }
        durations = Self.united(durations, other.durations, by: \.bucket) {
            $0.count = $0.count.addingClamped($1.count)
        }
        tokens = Self.united(tokens, other.tokens, by: \.bucket) {
            $0.count = $0.count.addingClamped($1.count)
        }
    }

    /// Brings lists that were filled in any order, with repetitions, into order.
    mutating func normalize() {
        Self.normalize(&amounts, by: \.component) { $0.total.add($1.total) }
        Self.normalize(&durations, by: \.bucket) { $0.count = $0.count.addingClamped($1.count) }
        Self.normalize(&tokens, by: \.bucket) { $0.count = $0.count.addingClamped($1.count) }
    }

    private static func normalize<Element, Order: Comparable>(
        _ list: inout [Element], by order: (Element) -> Order,
        _ add: (inout Element, Element) -> Void
    ) {
        guard !isAscending(list, by: order) else { return }
        list.sort { order($0) < order($1) }
        var count = 1
        for index in 1..<list.count {
            if order(list[index]) == order(list[count - 1]) {
                add(&list[count - 1], list[index])
            } else {
                list[count] = list[index]
                count += 1
            }
        }
        list.removeLast(list.count - count)
    }

    private static func isAscending<Element, Order: Comparable>(
        _ list: [Element], by order: (Element) -> Order
    ) -> Bool {
        for index in list.indices.dropFirst() where order(list[index]) <= order(list[index - 1]) {
            return false
        }
        return true
    }

    /// Two ascending lists as one; elements of equal order are added.
    private static func united<Element, Order: Comparable>(
        _ left: [Element], _ right: [Element], by order: (Element) -> Order,
        _ add: (inout Element, Element) -> Void
    ) -> [Element] {
        if right.isEmpty { return left }
        if left.isEmpty { return right }
        var list = left + right
        normalize(&list, by: order, add)
        return list
    }
}

extension [DetailRow] {
    /// Brings rows into canonical order and adds those with equal keys.
    mutating func coalesce() {
        guard count > 1 else { return }
        sort { $0.key < $1.key }
        var last = 0
        for index in 1..<count {
            if self[index].key == self[last].key {
                self[last].add(self[index])
            } else {
                last += 1
                if last != index { self[last] = self[index] }
            }
        }
        removeLast(count - last - 1)
    }
}
