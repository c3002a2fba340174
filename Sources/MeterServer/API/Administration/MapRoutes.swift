internal import Meter
internal import MeterWire

/// `/admin/v1/map`: which access is bound to which resource of which Waldur, and since when.
struct MapRoutes {
    let context: ServerContext
    let reporting: (any ReportingControl)?

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/map", scopes: .admin) { call throws(Problem) in
                try list(call)
            },
            APIRoute(.post, "/admin/v1/map", scopes: .admin, bodyByteCountMax: 1 << 14) {
                call async throws(Problem) in try await set(call)
            },
            APIRoute(.get, "/admin/v1/map/check", scopes: .admin) { call async throws(Problem) in
                try call.query.allow(["waldur"])
                let control = try ReportRoutes.control(reporting, call)
                let findings = try await ReportRoutes.ask(control.check)
                return .json(["findings": .array(findings.map(\.json))])
            },
        ]
    }

    private func list(_ call: APICall) throws(Problem) -> APIAnswer {
        try call.query.allow([])
        let state = context.book.state
        let bound = state.allBindings
        let unbound = state.accesses.values.filter { state.bindings[$0.id, default: []].isEmpty }
        return .json([
            "bindings": .array(bound.map(Self.json)),
            "unbound": .array(
                unbound.sorted { $0.id < $1.id }.map { access in
                    [
                        "access": .string(access.id.description),
                        "tenant": .string(access.tenant.description),
                        "agent": .string(access.agent.description),
                    ]
                }
            ),
        ])
    }

    /// Binds an access to a resource; makes the access where none is named.
    private func set(_ call: APICall) async throws(Problem) -> APIAnswer {
        let fields = try RequestFields(
            call.body,
            allowed: [
                "tenant", "agent", "access", "label", "waldur", "resource", "from", "to", "class",
                "dryRun",
            ]
        )
        let state = context.book.state
        let (access, isNew) = try access(fields, state)
        guard let resource = ResourceID(try fields.text("resource")) else {
            throw .badBody("`resource` is the uuid of a Waldur resource: 32 hexadecimal digits.")
        }
        let className = try fields.optional("class") ?? BindingClass.shadow.rawValue
        guard let bindingClass = BindingClass(rawValue: className) else {
            throw .badBody(
                "`class` is " + BindingClass.allCases.map(\.rawValue).joined(separator: ", ") + "."
            )
        }
        let waldur = try waldur(fields)
        let now = context.clock.now()
        let from = try fields.minute("from") ?? Minute(now)
        guard let from else { throw .badBody("`from` lies before 1970.") }
        let binding = Binding(
            access: access.id,
            tenant: access.tenant,
            agent: access.agent,
            waldur: waldur,
            resource: resource,
            from: from,
            to: try fields.minute("to"),
            class: bindingClass
        )
        if bindingClass == .live {
            let control = try ReportRoutes.control(reporting)
            let refusal = try await ReportRoutes.ask { () async throws(ReportingFailure) in
                try await control.liveRefusal(of: binding)
            }
            if let refusal { throw .precondition(refusal) }
        }
        var decisions: [Decision] = isNew ? [.accessMade(access)] : []
        decisions.append(.bindingSet(binding))
        let isDryRun = try fields.isDryRun()
        try context.book.decide(decisions, call.caller, isDryRun: isDryRun)
        return .json(Self.json(binding), status: isDryRun ? 200 : 201)
    }

    /// The access that is named, or a new one: two projects of a tenant that order the same agent have
    /// an access each, so one is never taken for another by its names alone.
    private func access(
        _ fields: RequestFields,
        _ state: BookState
    ) throws(Problem) -> (Access, isNew: Bool) {
        let tenant = try fields.name("tenant")
        let agent = try fields.name("agent")
        if let text = try fields.optional("access") {
            guard let id = AccessID(text) else {
                throw .badBody("`access` is a uuid: 32 hexadecimal digits.")
            }
            if let known = state.accesses[id] {
                guard known.tenant == tenant, known.agent == agent else {
                    throw .precondition(
                        "The access belongs to agent \(known.agent) of tenant \(known.tenant)."
                    )
                }
                return (known, false)
            }
            return (
                Access(id: id, tenant: tenant, agent: agent, label: try fields.optional("label")),
                true
            )
        }
        var random = SystemRandomNumberGenerator()
        let id = AccessID(
            high: .random(in: .min ... .max, using: &random),
            low: .random(in: .min ... .max, using: &random)
        )
        return (
            Access(id: id, tenant: tenant, agent: agent, label: try fields.optional("label")), true
        )
    }

    private func waldur(_ fields: RequestFields) throws(Problem) -> WaldurID {
        let configured = context.configuration.waldurs
        if let name = try fields.optional("waldur") {
            guard configured.isEmpty || context.configuration.waldur(WaldurID(name)) != nil else {
                throw .badBody(
                    "There is no Waldur `\(QueryItems.shown(name))` in the configuration."
                )
            }
            return WaldurID(name)
        }
        guard configured.count < 2 else {
            let names = configured.map(\.id.name).joined(separator: ", ")
            throw .badBody("`waldur` says which of \(names) the resource is in.")
        }
        return configured.first?.id ?? "waldur"
    }

    private static func json(_ binding: Binding) -> JSONOutput {
        [
            "access": .string(binding.access.description),
            "tenant": .string(binding.tenant.description),
            "agent": .string(binding.agent.description),
            "waldur": .string(binding.waldur.name),
            "resource": .string(binding.resource.description),
            "from": .string(RFC3339.text(binding.from)),
            "to": .optional(binding.to.map { RFC3339.text($0) }),
            "class": .string(binding.class.rawValue),
        ]
    }
}
