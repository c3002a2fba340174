internal import MeterWire

/// The numbers that a decoded batch's names have in one shard: looked up once, for the judge and for the
/// counter.
///
/// They hold under the shard's lock, until its counters are taken out.
struct BatchNames: ~Copyable {
    static let unknown = NameSearch.unknown

    /// In the order of the batch's lists; ``unknown`` for a name that the shard has not counted yet.
    var tenants = NameSearch()
    var agents = NameSearch()
    var components = NameSearch()

    init() {}

    /// Looks up every tenant, agent and component.
    mutating func find(_ batch: borrowing EventBatch, in names: borrowing LiveNames) {
        tenants.removeAll()
        agents.removeAll()
        components.removeAll()
        let (tenantList, agentList) = unsafe (batch.tenants, batch.agents)
        for index in tenantList.indices {
            unsafe names.askTenant(batch.bytes(tenantList[index]), in: &tenants)
        }
        names.findTenants(&tenants)
        for index in agentList.indices {
            let agent = unsafe agentList[index]
            unsafe names.askAgent(
                batch.bytes(agent.name), of: tenants[Int(agent.tenant)], in: &agents)
        }
        names.findAgents(&agents)
        let componentList = unsafe batch.components
        for index in componentList.indices {
            unsafe names.askComponent(batch.bytes(componentList[index]), in: &components)
        }
        names.findComponents(&components)
    }
}
