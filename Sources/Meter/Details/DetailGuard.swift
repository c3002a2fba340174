/// How many names and rows of details one shard keeps apart for a tenant between two checkpoints.
package struct DetailLimits: Equatable, Sendable {
    /// Models of one tenant.
    package var modelsPerTenant = 100
    /// Users of one tenant.
    package var usersPerTenant = 10_000
    /// Distinct (agent, access, model, user, outcome, quarter hour) of one tenant.
    package var keysPerTenant = 200_000

    package init() {}
}

/// Calls that were counted under ``Name/otherDetails`` since the server's start, by the limit that was
/// reached.
package struct FoldedCalls: Equatable, Sendable {
    package var byModels: UInt64 = 0
    package var byUsers: UInt64 = 0
    package var byKeys: UInt64 = 0

    package init() {}

    /// A call that met two limits is in it twice.
    package var sum: UInt64 { byModels &+ byUsers &+ byKeys }
    package var isEmpty: Bool { byModels == 0 && byUsers == 0 && byKeys == 0 }

    package static func += (left: inout FoldedCalls, right: FoldedCalls) {
        left.byModels &+= right.byModels
        left.byUsers &+= right.byUsers
        left.byKeys &+= right.byKeys
    }
}

/// Bounds the names and rows of live details, tenant by tenant: what is beyond a limit is counted under
/// ``Name/otherDetails``, and nothing is left out.
///
/// What is folded follows from the shard's events since the checkpoint alone, so that replay folds alike.
struct DetailGuard {
    private struct Tenant {
        var modelCount = 0
        var userCount = 0
        var keyCount = 0
        var folded = FoldedCalls()
    }

    private let limits: DetailLimits
    /// By the tenants' numbers.
    private var tenants: [Tenant] = []
    /// Tenant and model, tenant and user: those that rows are kept for.
    private var models: Set<UInt64> = []
    private var users: Set<UInt64> = []

    init(limits: DetailLimits) { self.limits = limits }

    /// Numbers of tenants that anything was folded of, and how much.
    var folded: [(tenant: UInt32, calls: FoldedCalls)] {
        tenants.indices.compactMap { tenant in
            let calls = tenants[tenant].folded
            return calls.isEmpty ? nil : (UInt32(truncatingIfNeeded: tenant), calls)
        }
    }

    mutating func forgetFolded() {
        for tenant in tenants.indices { tenants[tenant].folded = FoldedCalls() }
    }

    private mutating func index(of tenant: UInt32) -> Int {
        while tenants.count <= Int(tenant) { tenants.append(Tenant()) }
        return Int(tenant)
    }

    /// Whether a name that no row of the shard has may get a number; a call without one is folded.
    mutating func hasRoomForModel(of tenant: UInt32) -> Bool {
        let index = index(of: tenant)
        if tenants[index].modelCount < limits.modelsPerTenant { return true }
        tenants[index].folded.byModels &+= 1
        return false
    }

    mutating func hasRoomForUser(of tenant: UInt32) -> Bool {
        let index = index(of: tenant)
        if tenants[index].userCount < limits.usersPerTenant { return true }
        tenants[index].folded.byUsers &+= 1
        return false
    }

    /// The key under which a call is counted for which there is no row yet.
    mutating func admit(_ key: DetailKey, of tenant: UInt32) -> DetailKey {
        let index = index(of: tenant)
        var model = key.model
        if model > DetailKey.other, !models.contains(Self.pair(tenant, model)),
            tenants[index].modelCount >= limits.modelsPerTenant
        {
            tenants[index].folded.byModels &+= 1
            model = DetailKey.other
        }
        var user = key.user
        if user > DetailKey.other, !users.contains(Self.pair(tenant, user)),
            tenants[index].userCount >= limits.usersPerTenant
        {
            tenants[index].folded.byUsers &+= 1
            user = DetailKey.other
        }
        if max(model, user) > DetailKey.other, tenants[index].keyCount >= limits.keysPerTenant {
            tenants[index].folded.byKeys &+= 1
            model = min(model, DetailKey.other)
            user = min(user, DetailKey.other)
        }
        return key.folded(model: model, user: user)
    }

    /// A row was made for a key that was admitted.
    mutating func note(_ key: DetailKey, of tenant: UInt32) {
        let index = index(of: tenant)
        tenants[index].keyCount += 1
        if key.model > DetailKey.other, models.insert(Self.pair(tenant, key.model)).inserted {
            tenants[index].modelCount += 1
        }
        if key.user > DetailKey.other, users.insert(Self.pair(tenant, key.user)).inserted {
            tenants[index].userCount += 1
        }
    }

    private static func pair(_ tenant: UInt32, _ code: UInt32) -> UInt64 {
        UInt64(tenant) << 32 | UInt64(code)
    }
}
