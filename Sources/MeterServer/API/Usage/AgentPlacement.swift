internal import Meter
internal import MeterWire

/// Where a tenant's agent is ordered and billed, by the book.
struct AgentPlacement {
    /// One access of the agent, with its binding of the moment.
    struct Place {
        let access: Access
        let binding: Binding?
        let resource: ResourceStanding?
    }

    let places: [Place]

    init(_ agent: Name, of tenant: Name, in book: BookState, at minute: Minute) {
        let ids = book.accessesByAgent[AgentKey(tenant: tenant, agent: agent)] ?? []
        places = ids.compactMap { id in
            guard let access = book.accesses[id] else { return nil }
            let binding = book.bindings[id]?.first { $0.contains(minute) }
            return Place(
                access: access,
                binding: binding,
                resource: binding.flatMap { book.resources[$0.resourceKey] }
            )
        }
    }

    /// What an agent's usage becomes; of several accesses the first in this order.
    enum State: String, CaseIterable {
        case live, trial, free, `internal`, shadow
        /// It has an access, which is bound to no resource now.
        case unbound
        /// It has no access.
        case unassigned
    }

    var states: Set<State> {
        places.isEmpty ? [.unassigned] : Set(places.map(\.state))
    }

    var state: State { State.allCases.first(where: states.contains) ?? .unassigned }

    /// Whether it is ordered in a project, named by its uuid or its name.
    func isIn(project: String) -> Bool {
        places.contains { place in
            guard let known = place.resource?.project else { return false }
            return known.id == project || known.name == project
        }
    }

    func json(linkedAt homePorts: [WaldurID: String]) -> JSONOutput {
        .array(
            places.map { place in
                [
                    "access": .string(place.access.id.description),
                    "label": .optional(place.access.label),
                    "state": .string(place.state.rawValue),
                    "waldur": .optional(place.binding?.waldur.name),
                    "resource": .optional(place.binding?.resource),
                    "resourceState": .optional(place.resource?.resourceState),
                    "project": place.resource?.project.map {
                        ["uuid": .string($0.id), "name": .optional($0.name)]
                    } ?? .null,
                    "link": .optional(place.link(at: homePorts)),
                ]
            }
        )
    }
}

extension AgentPlacement.Place {
    fileprivate var state: AgentPlacement.State {
        guard let binding else { return .unbound }
        return switch binding.class {
        case .live: .live
        case .trial: .trial
        case .free: .free
        case .internal: .internal
        case .shadow: .shadow
        }
    }

    /// The resource's page for people, where the operator said where those are.
    func link(at homePorts: [WaldurID: String]) -> String? {
        guard let binding, let homePort = homePorts[binding.waldur] else { return nil }
        return "\(homePort)/resource-details/\(binding.resource)/"
    }
}
