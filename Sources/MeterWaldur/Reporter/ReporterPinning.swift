internal import Meter
internal import MeterWire

// Which account tells which resource. A resource stays with its account for as long as that one may report it,
// and while the outcome of a submission is open in any case: only behind the same token does a later request
// wait for an earlier one that may still run at Waldur's.

extension Reporter {
    /// The lane that a resource is pinned to; for what nobody has pinned yet, that of its open submission.
    func lane(of resource: ResourceID) -> Int {
        openLane(of: resource) ?? pins[resource] ?? 0
    }

    /// The lane through which an open submission of a resource was sent; nil where nothing is open.
    private func openLane(of resource: ResourceID) -> Int? {
        openIntents(of: resource).first.map { open in
            lanes.firstIndex { $0.account.name == open.intent.account } ?? 0
        }
    }

    /// Gives every resource of a cycle an account, and each account as many as another as far as their rights
    /// allow that.
    ///
    /// - Returns: The resources that some account sees and none may report.
    mutating func pin(_ resources: [ResourceID]) -> Set<ResourceID> {
        var pinned: [ResourceID: Int] = [:]
        var loads = Array(repeating: 0, count: lanes.count)
        var free: [(resource: ResourceID, lanes: [Int])] = []
        var unwritable: Set<ResourceID> = []
        for resource in resources {
            let able = able(resource)
            if let kept = openLane(of: resource)
                ?? pins[resource].flatMap({ able.contains($0) ? $0 : nil })
            {
                pinned[resource] = kept
                loads[kept] += 1
            } else if able.isEmpty {
                // Where an account gave no answer it may be the one; then its turn comes with that account.
                let missing = lanes.firstIndex { !$0.takesPart }
                pinned[resource] =
                    missing ?? lanes.firstIndex { $0.listed[resource] != nil } ?? 0
                if missing == nil, listed[resource] != nil { unwritable.insert(resource) }
            } else {
                free.append((resource, able))
            }
        }
        // Those with the least choice first, so that what may go anywhere evens the accounts out.
        free.sort { left, right in
            left.lanes.count != right.lanes.count
                ? left.lanes.count < right.lanes.count : left.resource < right.resource
        }
        for (resource, able) in free {
            let lane = able.min { (loads[$0], $0) < (loads[$1], $1) } ?? 0
            pinned[resource] = lane
            loads[lane] += 1
        }
        pins = pinned
        return unwritable
    }

    /// The lanes that may tell a resource now; those that Waldur refused only where there are no others.
    private func able(_ resource: ResourceID) -> [Int] {
        guard let listing = listed[resource] else { return [] }
        let able = lanes.indices.filter { index in
            lanes[index].takesPart && lanes[index].listed[resource] != nil
                && lanes[index].account.mayWrite(listing.offering)
        }
        let unrefused = able.filter { !lanes[$0].forbidden.contains(listing.offering) }
        return unrefused.isEmpty ? able : unrefused
    }
}
