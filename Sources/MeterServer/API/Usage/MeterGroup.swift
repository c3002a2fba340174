internal import Meter
internal import MeterWire

/// What distinguishes one row of a meter's answer from another; nil where the question did not keep it apart.
struct MeterGroup: Hashable {
    var tenant: Name?
    var agent: Name?
    /// nil also for usage whose events named no access; so with model and user.
    var access: AccessID?
    var component: Name?
    var model: Name?
    var user: Name?
    var outcome: Outcome?
    var window: Int?

    /// Ascending, dimension by dimension; nil comes first.
    static func precedes(_ left: MeterGroup, _ right: MeterGroup) -> Bool {
        func order<Value: Comparable>(_ path: (MeterGroup) -> Value?) -> Bool? {
            let (left, right) = (path(left), path(right))
            guard left != right else { return nil }
            guard let left, let right else { return left == nil }
            return left < right
        }
        return order(\.tenant) ?? order(\.agent) ?? order(\.access) ?? order(\.component)
            ?? order(\.model) ?? order(\.user) ?? order(\.outcome?.rawValue) ?? false
    }
}

extension MeterGroup {
    init(_ group: UsageGroup) {
        tenant = group.tenant
        agent = group.agent
        access = group.access
        component = group.component
        window = group.window
    }

    /// - Parameter component: Where components are kept apart, the one that was asked for.
    init(_ group: DetailsGroup, component: Name?) {
        tenant = group.tenant
        agent = group.agent
        access = group.access
        self.component = component
        model = group.model
        user = group.user
        outcome = group.outcome
        window = group.window
    }
}
