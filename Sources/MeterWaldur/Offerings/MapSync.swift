package import Meter
package import MeterWire

/// Which access and binding each resource of an offering gets: a pure function of what Waldur lists and what
/// the book says. What is not clear is named, and left to a person.
package struct MapSync: Equatable, Sendable {
    package struct Row: Equatable, Sendable {
        package enum State: Equatable, Sendable {
            /// To be bound, or bound now.
            case new
            /// Bound as it should be.
            case unchanged
            /// In a state in which Waldur takes no usage.
            case notReady(String)
            /// Nothing usable stands where the agent should be named.
            case missing(String)
            /// Another resource of the same customer has the same agent.
            case sameAgent(ResourceID)
            /// Its binding is to another agent.
            case boundOtherwise(Name)
            /// It belongs to another customer than its binding's tenant.
            case moved(from: Name)
            /// The agent has several accesses without a binding; any of them could be meant.
            case severalAccesses
            /// Somebody else reports it, or it may not start live for another reason.
            case refused(String)

            /// A person has to decide.
            package var isConflict: Bool {
                switch self {
                case .new, .unchanged, .notReady: false
                default: true
                }
            }
        }

        package let resource: WaldurResource
        package let agent: Name?
        package internal(set) var state: State
        package internal(set) var binding: Binding?
        /// The binding's access has to be made.
        package let access: Access?
    }

    package internal(set) var rows: [Row]

    /// What has to be booked.
    package var decisions: [Decision] {
        rows.flatMap { row -> [Decision] in
            guard row.state == .new, let binding = row.binding else { return [] }
            return (row.access.map { [.accessMade($0)] } ?? []) + [.bindingSet(binding)]
        }
    }

    /// How bindings are made.
    package struct Rule: Equatable, Sendable {
        package var waldur: WaldurID
        package var agentFrom: AgentSource
        package var `class`: BindingClass
        /// Their first minute; nil: that in which the resource was ordered, but not before `earliest`.
        package var from: Minute?
        /// The first minute of Waldur's present month.
        package var earliest: Minute

        package init(
            waldur: WaldurID,
            agentFrom: AgentSource,
            class: BindingClass,
            from: Minute? = nil,
            earliest: Minute
        ) {
            self.waldur = waldur
            self.agentFrom = agentFrom
            self.class = `class`
            self.from = from
            self.earliest = earliest
        }
    }

    /// - Parameter makeAccess: A new access's id.
    package init(
        _ resources: [WaldurResource],
        _ rule: Rule,
        book: BookState,
        makeAccess: () -> AccessID
    ) {
        var open: [ResourceID: [Binding]] = [:]
        var holders: [AgentKey: ResourceID] = [:]
        for binding in book.bindings.values.joined() where binding.to == nil {
            if binding.waldur == rule.waldur { open[binding.resource, default: []].append(binding) }
            holders[AgentKey(tenant: binding.tenant, agent: binding.agent)] = binding.resource
        }
        // Who shares an agent with whom, among those that would be bound.
        var sharers: [AgentKey: [ResourceID]] = [:]
        for resource in resources where resource.takesUsage && open[resource.id] == nil {
            guard let key = Self.key(resource, rule) else { continue }
            sharers[key, default: []].append(resource.id)
        }
        rows = resources.map { resource in
            let agent = rule.agentFrom.agent(of: resource)
            func row(_ state: Row.State, _ binding: Binding? = nil, _ access: Access? = nil) -> Row
            {
                Row(
                    resource: resource,
                    agent: agent,
                    state: state,
                    binding: binding,
                    access: access
                )
            }
            guard let customer = resource.customer else { return row(.missing("customer")) }
            let tenant = Name(customer.description)
            if let bound = open[resource.id] {
                if let other = bound.first(where: { $0.tenant != tenant }) {
                    return row(.moved(from: other.tenant), other)
                }
                let own = bound.first { agent == nil || $0.agent == agent }
                return own.map { row(.unchanged, $0) }
                    ?? row(.boundOtherwise(bound[0].agent), bound[0])
            }
            guard resource.takesUsage else { return row(.notReady(resource.state)) }
            guard let agent else { return row(.missing(rule.agentFrom.description)) }
            let key = AgentKey(tenant: tenant, agent: agent)
            if let holder = holders[key] { return row(.sameAgent(holder)) }
            if let other = sharers[key]?.first(where: { $0 != resource.id }) {
                return row(.sameAgent(other))
            }
            let waiting = (book.accessesByAgent[key] ?? []).filter {
                (book.bindings[$0] ?? []).isEmpty
            }
            guard waiting.count < 2 else { return row(.severalAccesses) }
            let access = Access(
                id: waiting.first ?? makeAccess(),
                tenant: tenant,
                agent: agent,
                label: resource.projectName
            )
            let ordered = resource.created.flatMap { Minute($0) } ?? rule.earliest
            let binding = Binding(
                access: access.id,
                tenant: tenant,
                agent: agent,
                waldur: rule.waldur,
                resource: resource.id,
                from: rule.from ?? max(ordered, rule.earliest),
                class: rule.class
            )
            return row(.new, binding, waiting.isEmpty ? access : nil)
        }
    }

    private static func key(_ resource: WaldurResource, _ rule: Rule) -> AgentKey? {
        guard let customer = resource.customer, let agent = rule.agentFrom.agent(of: resource)
        else { return nil }
        return AgentKey(tenant: Name(customer.description), agent: agent)
    }
}
