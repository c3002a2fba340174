internal import MeterWire

extension SeriesName {
    /// The stretches of an ascending list that belong to these tenants and agents, ascending and not empty;
    /// nil stands for all. What is in a stretch may still be of another agent.
    ///
    /// - Complexity: O(tenants × agents × log series).
    static func ranges(
        in series: [SeriesName], tenants: Set<Name>?, agents: Set<Name>?
    ) -> [Range<Int>] {
        guard let tenants else { return series.isEmpty ? [] : [0..<series.count] }
        return tenants.sorted().flatMap { tenant in
            let start = series.partitioningIndex { !($0.tenant < tenant) }
            let end = series.partitioningIndex { tenant < $0.tenant }
            guard start < end else { return [Range<Int>]() }
            guard let agents, agents.count < (end - start) / 8 else { return [start..<end] }
            return agents.sorted().compactMap { agent in
                let first = series.partitioningIndex(in: start..<end) { !($0.agent < agent) }
                let last = series.partitioningIndex(in: first..<end) { agent < $0.agent }
                return first < last ? first..<last : nil
            }
        }
    }
}

extension Array {
    /// The first index of a range whose element satisfies `predicate`, where all after it do too.
    func partitioningIndex(in range: Range<Int>, where predicate: (Element) -> Bool) -> Int {
        var low = range.lowerBound
        var high = range.upperBound
        while low < high {
            let middle = low + (high - low) / 2
            if predicate(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }

    /// The first index whose element satisfies `predicate`, where all after it do too.
    func partitioningIndex(where predicate: (Element) -> Bool) -> Int {
        partitioningIndex(in: 0..<count, where: predicate)
    }
}
