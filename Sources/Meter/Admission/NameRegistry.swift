internal import MeterWire
internal import Synchronization

/// Which names each tenant has used so far: what makes a name *new*.
///
/// Only names without an access or a declaration are held against the limits, and only on the way in;
/// replay adds what it finds and refuses nothing. Asked once per name and checkpoint, not per event.
final class NameRegistry: Sendable {
    private struct Names {
        var agents: Set<Name> = []
        var components: Set<Name> = []
    }

    private let tenants = Mutex<[Name: Names]>([:])

    /// Whether the tenant may use the agent's name: it is known, or there is room for one more.
    func admitAgent(_ agent: Name, of tenant: Name, max: Int) -> Bool {
        tenants.withLock { tenants in
            if tenants[tenant]?.agents.contains(agent) == true { return true }
            if (tenants[tenant]?.agents.count ?? 0) >= max { return false }
            tenants[tenant, default: Names()].agents.insert(agent)
            return true
        }
    }

    /// Whether the tenant may use the component's name: it is known, or there is room for one more.
    func admitComponent(_ component: Name, of tenant: Name, max: Int) -> Bool {
        tenants.withLock { tenants in
            if tenants[tenant]?.components.contains(component) == true { return true }
            if (tenants[tenant]?.components.count ?? 0) >= max { return false }
            tenants[tenant, default: Names()].components.insert(component)
            return true
        }
    }

    /// Adds names that are in use already, whatever the limits say.
    func add(_ series: [SeriesName]) {
        tenants.withLock { tenants in
            for name in series { tenants[name.tenant, default: Names()].agents.insert(name.agent) }
        }
    }

    /// Forgets every name: before recovery adds those of segments and journal again.
    func removeAll() { tenants.withLock { $0.removeAll() } }
}
