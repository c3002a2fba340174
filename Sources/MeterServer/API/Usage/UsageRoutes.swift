package import Meter
package import MeterWire

/// Where usage is read, as the routes see it.
package protocol UsageSource: Sendable {
    /// The answer at a durable position.
    func usage(_ query: UsageQuery) async throws(Problem) -> UsageAnswer
    /// Up to when Waldur was found to say the same; nil where nothing was reconciled.
    func reconciledThrough() -> Timestamp?
    func now() -> Timestamp
}

/// `GET /api/v1/meters/{component}/query` and `GET /api/v1/tenants/{tenant}/agents/{agent}/usage`.
struct UsageRoutes {
    let source: any UsageSource
    let gate: QueryGate

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/api/v1/meters/{component}/query", scopes: .usage) {
                call async throws(Problem) in
                try await gate.pass { () async throws(Problem) in try await meter(call) }
            },
            APIRoute(.get, "/api/v1/tenants/{tenant}/agents/{agent}/usage", scopes: .usage) {
                call async throws(Problem) in
                try await gate.pass { () async throws(Problem) in try await agent(call) }
            },
        ]
    }

    // MARK: - One component, by OpenMeter's names

    private func meter(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(
            UsagePeriod.parameters.union(["subject", "groupBy", "tenant"])
        )
        let component = try name(call.parts["component"], "component")
        let period = try UsagePeriod(call.query, now: source.now())
        let tenants = try tenants(call)
        var subjects: Set<Name> = []
        for subject in call.query.all("subject") {
            subjects.insert(try name(subject, "subject"))
        }
        var groups = try UsageGrouping(call.query.all("groupBy"))
        // As in OpenMeter: who names subjects wants to see them apart.
        if !subjects.isEmpty { groups.insert(.agent) }
        let answer = try await source.usage(
            UsageQuery(
                tenants: tenants,
                agents: subjects.isEmpty ? nil : subjects,
                components: [component],
                windows: period.boundaries,
                grouping: groups.dimensions.union(.window)
            )
        )
        let rows = try UsageRows(answer, period: period, groups: groups, subjects: subjects)
        var members = [JSONMember("meter", .string(component.description))]
        members += period.members
        members.append(JSONMember("data", .array(rows.json(period, groups))))
        members += freshness(answer)
        return .json(.object(members))
    }

    // MARK: - One agent, all components

    private func agent(_ call: APICall) async throws(Problem) -> APIAnswer {
        try call.query.allow(UsagePeriod.parameters.union(["component"]))
        let tenant = try name(call.parts["tenant"], "tenant")
        guard reaches(call.caller, tenant) else { throw .unknownTenant }
        let agent = try name(call.parts["agent"], "agent")
        let period = try UsagePeriod(call.query, now: source.now())
        var components: Set<Name> = []
        for component in call.query.all("component") {
            components.insert(try name(component, "component"))
        }
        let answer = try await source.usage(
            UsageQuery(
                tenants: [tenant],
                agents: [agent],
                components: components.isEmpty ? nil : components,
                windows: period.boundaries,
                grouping: [.component, .window]
            )
        )
        for group in answer.totals.keys {
            if let component = group.component { components.insert(component) }
        }
        try period.checkCost(groupCount: components.count)
        let lists = components.sorted().map { component in
            Self.series(component, answer, period)
        }
        var members = [
            JSONMember("tenant", .string(tenant.description)),
            JSONMember("agent", .string(agent.description)),
        ]
        members += period.members
        members.append(JSONMember("components", .array(lists)))
        members += freshness(answer)
        return .json(.object(members))
    }

    private static func series(
        _ component: Name,
        _ answer: UsageAnswer,
        _ period: UsagePeriod
    ) -> JSONOutput {
        var total = UsageTotal()
        var windows: [JSONOutput] = []
        for window in 0..<period.windowCount {
            let part =
                answer.totals[UsageGroup(component: component, window: window)] ?? UsageTotal()
            total.sum += part.sum
            total.count &+= part.count
            if period.size != nil {
                windows.append(
                    .object(
                        period.windowMembers(window) + [
                            JSONMember("value", .decimal(part.sum)),
                            JSONMember("count", .decimal(part.count)),
                        ]
                    )
                )
            }
        }
        var members = [
            JSONMember("component", .string(component.description)),
            JSONMember("total", .decimal(total.sum)), JSONMember("count", .decimal(total.count)),
        ]
        if period.size != nil { members.append(JSONMember("series", .array(windows))) }
        return .object(members)
    }

    // MARK: - What both have

    /// `asOf`, `completeThrough` and `reconciledThrough`.
    private func freshness(_ answer: UsageAnswer) -> [JSONMember] {
        [
            JSONMember(
                "asOf",
                [
                    "position": .decimal(answer.position),
                    "time": .string(RFC3339.text(answer.asOf)),
                ]
            ),
            JSONMember("completeThrough", .optional(answer.completeThrough.map(RFC3339.text))),
            JSONMember(
                "reconciledThrough",
                .optional(source.reconciledThrough().map(RFC3339.text))
            ),
        ]
    }

    /// Which tenants a query adds up: those asked for, if the caller reaches each of them, or else all
    /// that it reaches. nil for every tenant.
    private func tenants(_ call: APICall) throws(Problem) -> Set<Name>? {
        var asked: Set<Name> = []
        for text in call.query.all("tenant") { asked.insert(try name(text, "tenant")) }
        for tenant in asked where !reaches(call.caller, tenant) { throw .unknownTenant }
        if !asked.isEmpty { return asked }
        guard case .holder(let credential) = call.caller else { return nil }
        switch credential.principal.kind {
        case .platformForAll: return nil
        case .platform(let tenants): return tenants
        case .tenant(let own): return [own]
        }
    }

    private func reaches(_ caller: Caller, _ tenant: Name) -> Bool {
        switch caller {
        case .anonymous: false
        case .localAdministrator: true
        case .holder(let credential): credential.principal.reaches(tenant)
        }
    }

    private func name(_ text: String?, _ field: String) throws(Problem) -> Name {
        guard let text, NameRule.accepts(text) else {
            throw .badQuery("`\(field)` is 1 to 255 bytes of text without control characters.")
        }
        return Name(text)
    }
}

extension UsagePeriod {
    /// The period, as every answer repeats it.
    var members: [JSONMember] {
        [
            JSONMember("from", .string(RFC3339.text(from))),
            JSONMember("to", .string(RFC3339.text(to))),
            JSONMember("windowSize", .optional(size?.rawValue)),
            JSONMember("windowTimeZone", .string(zone)),
        ]
    }

    /// One window's beginning and end.
    func windowMembers(_ window: Int) -> [JSONMember] {
        [
            JSONMember("windowStart", .string(RFC3339.text(boundaries[window]))),
            JSONMember("windowEnd", .string(RFC3339.text(boundaries[window + 1]))),
        ]
    }
}
