internal import MeterWire
internal import Synchronization

/// Which names each tenant has used so far: what makes a name *new*.
///
/// Only names without an access or a declaration are held against a tenant's limits, and only on the way
/// in; replay adds what it finds and refuses nothing. Asked once per name and checkpoint, not per event.
///
/// A component that anybody has used is known to everybody: the files tell which components there are,
/// not whose. How many all tenants have together is limited by what a counter's key can number.
final class NameRegistry: Sendable {
    private struct Names {
        var agents: Set<Name> = []
        /// Components that were new when this tenant brought them.
        var componentCount = 0
    }

    private struct State {
        var tenants: [Name: Names] = [:]
        var components: Set<Name> = []
    }

    /// Numbers of components that are kept for declared ones.
    private static let declaredComponentCount = 512

    private let state = Mutex(State())
    /// Tenants that are known before a new one is refused.
    private let tenantCountMax: Int

    init(tenantCountMax: Int) { self.tenantCountMax = tenantCountMax }

    /// Whether the tenant may use the agent's name: it is known, or there is room for one more, and for
    /// the tenant if it is new itself.
    func admitAgent(_ agent: Name, of tenant: Name, max: Int) -> Bool {
        state.withLock { state in
            if let names = state.tenants[tenant] {
                if names.agents.contains(agent) { return true }
                if names.agents.count >= max { return false }
            } else if state.tenants.count >= tenantCountMax || max <= 0 {
                return false
            }
            state.tenants[tenant, default: Names()].agents.insert(agent)
            return true
        }
    }

    /// The agents of a tenant that have used something.
    func agents(of tenant: Name) -> Set<Name> {
        state.withLock { $0.tenants[tenant]?.agents ?? [] }
    }

    /// Whether these tenants may use the component's name: it is known, or each has room for one more.
    ///
    /// - Returns: The tenant that has no room; nil where the name may be used.
    func admitComponent(
        _ component: Name, of tenants: [Name], max: (Name) -> Int
    ) -> Name? {
        state.withLock { state in
            if state.components.contains(component) { return nil }
            let countMax = CounterKey.componentCountMax - NameRegistry.declaredComponentCount
            for tenant in tenants {
                let count = state.tenants[tenant]?.componentCount ?? 0
                if count >= max(tenant) || state.components.count >= countMax { return tenant }
            }
            for tenant in tenants { state.tenants[tenant, default: Names()].componentCount += 1 }
            state.components.insert(component)
            return nil
        }
    }

    /// Whether a declared component can be counted: it is known, or there is a number for it.
    func admitDeclared(_ component: Name) -> Bool {
        state.withLock { state in
            if state.components.contains(component) { return true }
            guard state.components.count < CounterKey.componentCountMax else { return false }
            state.components.insert(component)
            return true
        }
    }

    var tenants: [Name] { state.withLock { Array($0.tenants.keys) } }

    func agents(of tenant: Name) -> [Name] {
        state.withLock { Array($0.tenants[tenant]?.agents ?? []) }
    }

    var components: [Name] { state.withLock { Array($0.components) } }

    /// Adds names that are in use already, whatever the limits say.
    func add(_ series: [SeriesName], _ components: [Name]) {
        state.withLock { state in
            for name in series {
                state.tenants[name.tenant, default: Names()].agents.insert(name.agent)
            }
            state.components.formUnion(components.filter { ComponentVariant($0) == nil })
        }
    }
}
