package import Meter

/// One thing that the simulated disk is told to get wrong.
package struct DiskFault: Sendable {
    /// The operation that fails; nil for any.
    package var operation: DiskError.Operation?
    /// How many such calls succeed before.
    package var after: Int
    package var reason: DiskError.Reason
    /// Fails from then on, not only once.
    package var isSticky: Bool
    /// The call does all its work and fails nevertheless. Without it a failed append leaves half of its
    /// bytes in the page cache, a failed sync leaves pages clean that were never written, and other
    /// calls do nothing.
    package var takesEffect: Bool

    package init(
        _ operation: DiskError.Operation? = nil,
        after: Int = 0,
        reason: DiskError.Reason = .system(errno: 5),
        isSticky: Bool = false,
        takesEffect: Bool = false
    ) {
        self.operation = operation
        self.after = after
        self.reason = reason
        self.isSticky = isSticky
        self.takesEffect = takesEffect
    }
}

extension SimulatedDisk {
    /// Makes a coming call fail. Several faults may wait at once.
    package func fail(_ fault: DiskFault) { withState { $0.faults.append(fault) } }

    /// Forgets every fault that waits, and lets unreadable bytes be read again.
    package func heal() {
        withState { state in
            state.faults = []
            state.unreadable = [:]
        }
    }

    /// Makes reads that touch these bytes of a file fail, until `heal`.
    package func makeUnreadable(_ range: Range<Int>, of name: String) {
        withState { $0.unreadable[name, default: []].append(range) }
    }

    /// Changes a file behind everybody's back, on the platter and in memory: rot, misdirected writes,
    /// truncation.
    package func edit(_ name: String, _ change: (inout [UInt8]) -> Void) {
        withState { state in
            guard let node = state.disk.names[name], var file = state.disk.nodes[node] else {
                return
            }
            change(&file.cached)
            file.platter = file.cached
            file.clean = file.cached.count
            file.lost = []
            state.disk.nodes[node] = file
        }
    }

    /// Flips one bit of a file, counted from the file's start.
    package func flip(bit: Int, of name: String) {
        edit(name) { bytes in bytes[bit / 8] ^= 1 << (bit % 8) }
    }
}
