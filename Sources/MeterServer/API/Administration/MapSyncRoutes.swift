package import Meter
package import MeterWaldur
package import MeterWire

/// What `map sync` is asked to do.
package struct MapSyncRequest: Sendable {
    package let offering: OfferingID
    package let agentFrom: AgentSource
    package let `class`: BindingClass
    package let from: Minute?
    package let follows: Bool?
    package let isDryRun: Bool
    package let author: String
}

/// `/admin/v1/map/sync` and `…/followed`: the resources of an offering, bound by what names their agents.
struct MapSyncRoutes {
    let context: ServerContext
    let reporting: (any ReportingControl)?

    var routes: [APIRoute] {
        [
            APIRoute(.post, "/admin/v1/map/sync", scopes: .admin, bodyByteCountMax: 1 << 12) {
                call async throws(Problem) in try await sync(call)
            },
            APIRoute(.get, "/admin/v1/map/followed", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                let followed = context.book.state.billing.followed.values.flatMap(\.values)
                return .json([
                    "offerings": .array(
                        followed.sorted { ($0.waldur, $0.offering) < ($1.waldur, $1.offering) }
                            .map { follow in
                                [
                                    "waldur": .string(follow.waldur.name),
                                    "offering": .string(follow.offering.description),
                                    "agentFrom": .optional(follow.agentFrom),
                                    "class": .string(follow.class.rawValue),
                                ]
                            }
                    )
                ])
            },
        ]
    }

    private func sync(_ call: APICall) async throws(Problem) -> APIAnswer {
        let fields = try RequestFields(
            call.body,
            allowed: ["offering", "agentFrom", "class", "from", "follow", "dryRun"]
        )
        guard let offering = OfferingID(try fields.text("offering")) else {
            throw .badBody("`offering` is a uuid: 32 hexadecimal digits.")
        }
        guard let source = AgentSource(try fields.text("agentFrom")) else {
            throw .badBody("`agentFrom` is backend_id, name or attributes.KEY.")
        }
        let className = try fields.optional("class") ?? BindingClass.shadow.rawValue
        guard let bindingClass = BindingClass(rawValue: className) else {
            throw .badBody(
                "`class` is " + BindingClass.allCases.map(\.rawValue).joined(separator: ", ") + "."
            )
        }
        let request = MapSyncRequest(
            offering: offering,
            agentFrom: source,
            class: bindingClass,
            from: try fields.minute("from"),
            follows: try fields.boolean("follow"),
            isDryRun: try fields.isDryRun(),
            author: call.caller.author
        )
        try call.query.allow(["waldur"])
        let control = try ReportRoutes.control(reporting, call)
        let sync = try await ReportRoutes.ask { () async throws(ReportingFailure) in
            try await control.syncMap(request)
        }
        return .json([
            "dryRun": .boolean(request.isDryRun), "resources": .array(sync.rows.map(Self.json)),
        ])
    }

    private static func json(_ row: MapSync.Row) -> JSONOutput {
        [
            "resource": .string(row.resource.id.description),
            "name": .string(row.resource.name),
            "tenant": .optional(row.resource.customer),
            "customer": .optional(row.resource.customerName),
            "project": .optional(row.resource.projectName),
            "agent": .optional(row.agent), "access": .optional(row.binding?.access),
            "class": .optional(row.binding?.class.rawValue),
            "from": .optional(row.binding.map { RFC3339.text($0.from) }),
            "state": .string(row.state.name), "isConflict": .boolean(row.state.isConflict),
            "detail": .optional(row.state.detail),
        ]
    }
}

extension MapSync.Row.State {
    fileprivate var name: String {
        switch self {
        case .new: "new"
        case .unchanged: "unchanged"
        case .notReady: "not-ready"
        case .missing: "missing"
        case .sameAgent: "same-agent"
        case .boundOtherwise: "bound-otherwise"
        case .moved: "moved"
        case .severalAccesses: "several-accesses"
        case .refused: "refused"
        }
    }

    fileprivate var detail: String? {
        switch self {
        case .new, .unchanged: nil
        case .notReady(let state): "it is \(state); Waldur takes no usage for it"
        case .missing(let what): "nothing usable in \(what)"
        case .sameAgent(let other):
            "resource \(other) of the same customer has this agent; bind each by hand with an access that "
                + "its events carry: map set --access"
        case .boundOtherwise(let agent): "its binding is to agent \(agent)"
        case .moved(let tenant):
            "it is bound for tenant \(tenant), whose it no longer is; end that binding and bind it anew"
        case .severalAccesses:
            "the agent has several accesses without a binding; bind one of them: map set --access"
        case .refused(let reason): reason
        }
    }
}
