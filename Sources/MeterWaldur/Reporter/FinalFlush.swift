package import MeterWire

/// When the last cycle of a month must begin, by arithmetic on what cycles have cost.
package struct FinalFlush: Equatable, Sendable {
    /// What one account has to tell.
    package struct Load: Equatable, Sendable {
        package var resources = 0
        /// Of all of them together.
        package var components = 0

        package init(resources: Int = 0, components: Int = 0) {
            self.resources = resources
            self.components = components
        }
    }

    /// How long things took, newest last.
    private struct Samples: Equatable {
        private var milliseconds: [Int64] = []
        /// The same, since many ask for a percentile between two samples.
        private var ascending: [Int64] = []
        private static let kept = 500

        var count: Int { milliseconds.count }

        mutating func note(_ sample: Int64) {
            let sample = max(0, sample)
            milliseconds.append(sample)
            ascending.insert(sample, at: place(of: sample))
            if milliseconds.count > Self.kept {
                ascending.remove(at: place(of: milliseconds.removeFirst()))
            }
        }

        /// Where the first sample stands that is not below this one.
        private func place(of sample: Int64) -> Int {
            var (low, high) = (0, ascending.count)
            while low < high {
                let middle = (low + high) / 2
                if ascending[middle] < sample { low = middle + 1 } else { high = middle }
            }
            return low
        }

        /// What so many of 100 took at most; nil where nothing was measured.
        func percentile(_ percent: Int) -> Int64? {
            guard !ascending.isEmpty else { return nil }
            let rank = (ascending.count * percent + 99) / 100
            return ascending[max(rank, 1) - 1]
        }
    }

    /// Turns of single resources, with everything that was read and sent in them.
    private var turns = Samples()
    /// What of turns was not the calls.
    private var readings = Samples()
    /// Calls of `set_usage`, and the same by component.
    private var calls = Samples()
    private var components = Samples()
    /// Calls by how many components they carried.
    private var bySize: [Int: Samples] = [:]

    package init() {}

    /// Takes in how long one resource's turn took, and how long the calls in it.
    package mutating func note(milliseconds: Int64, calls callMilliseconds: Int64 = 0) {
        turns.note(milliseconds)
        readings.note(milliseconds - callMilliseconds)
    }

    /// Takes in how long a call of `set_usage` took, answered or not.
    package mutating func note(callMilliseconds: Int64, components count: Int) {
        guard count > 0 else { return }
        calls.note(callMilliseconds)
        components.note((callMilliseconds + Int64(count) - 1) / Int64(count))
        bySize[count, default: Samples()].note(callMilliseconds)
    }

    /// Some turn was measured.
    package var isMeasured: Bool { turns.count > 0 }

    /// What 95 of 100 turns took at most.
    package var turnMilliseconds: Int64 { turns.percentile(95) ?? 2_000 }

    /// What 99 of 100 calls took at most.
    package var callMilliseconds: Int64 { calls.percentile(99) ?? 2_000 }

    /// How long it takes to tell what the busiest account has to, half as long again for what nobody foresaw.
    ///
    /// For each resource what 95 of 100 took to be read at most, and for its components the same: by what calls
    /// of that size took where there were enough of them, since a component more costs less than the first.
    package func milliseconds(_ loads: [Load]) -> Int64 {
        let reading = readings.percentile(95) ?? 500
        let longest = loads.map { load -> Int64 in
            guard load.resources > 0 else { return 0 }
            let size = max(1, (load.components + load.resources - 1) / load.resources)
            let same = bySize[size].flatMap { $0.count >= 20 ? $0 : nil }
            let call =
                same.flatMap { $0.percentile(95) }
                ?? Int64(size) * (components.percentile(95) ?? 375)
            return Int64(load.resources) * (reading + call)
        }.max()
        return (longest ?? 0) * 3 / 2
    }

    /// When it must begin to be done at the guard.
    package func start(guardStart: Timestamp, loads: [Load]) -> Timestamp {
        guardStart.advanced(byMilliseconds: -milliseconds(loads))
    }
}
