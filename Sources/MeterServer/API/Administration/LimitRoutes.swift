internal import Meter
internal import MeterWire

/// `/admin/v1/limits`: what tenants and principals may have, and who was held back.
struct LimitRoutes {
    let context: ServerContext

    /// Lines about who was held back in one answer; those with most come first.
    private static let hitCountMax = 1_000

    var routes: [APIRoute] {
        [
            APIRoute(.get, "/admin/v1/limits", scopes: .admin) { call throws(Problem) in
                try call.query.allow([])
                return .json(list())
            },
            APIRoute(.put, "/admin/v1/limits", scopes: .admin, bodyByteCountMax: 1 << 12) {
                call throws(Problem) in try set(call)
            },
        ]
    }

    private func list() -> JSONOutput {
        let rules = context.configuration.limits.rules
        let own = context.book.state.limits.sorted { Self.precedes($0.key, $1.key) }
        let limiters = context.engine.limiters
        let inForce = limiters.rules
        return [
            "defaults": [
                "tenant": Self.json(rules.tenant), "principal": Self.json(rules.principal),
            ],
            "own": .array(
                own.map { subject, limits in
                    .object([Self.member(subject), JSONMember("limits", Self.json(limits))])
                }
            ),
            "hits": .array(
                limiters.hits().prefix(Self.hitCountMax).map { hit in
                    .object([
                        Self.member(hit.subject),
                        JSONMember("limit", .string(hit.limit.rawValue)),
                        JSONMember(
                            "value",
                            .decimal(inForce.value(hit.limit, of: hit.subject) ?? 0)
                        ),
                        JSONMember("count", .decimal(hit.count)),
                    ])
                }
            ),
        ]
    }

    /// Sets the limits that the request names, and leaves a subject's others as they are; null takes one
    /// back.
    private func set(_ call: APICall) throws(Problem) -> APIAnswer {
        let fields = try RequestFields(
            call.body,
            allowed: ["tenant", "principal", "limits", "reason", "dryRun"]
        )
        let subject: LimitSubject
        switch (try fields.optional("tenant"), try fields.natural("principal")) {
        case (let name?, nil): subject = .tenant(try RequestFields.name(name, "tenant"))
        case (nil, let number?): subject = .principal(PrincipalID(rawValue: number))
        default: throw .badBody("Name a `tenant` or a `principal`, one of them.")
        }
        var limits = context.book.state.limits[subject] ?? LimitValues()
        let changes = try fields.naturals("limits")
        guard !changes.isEmpty else {
            throw .badBody("`limits` is an object of numbers (0 for none) or null (as for all).")
        }
        for (name, value) in changes {
            guard let limit = Limit(rawValue: name) else {
                throw .badBody(
                    "There is no limit `\(QueryItems.shown(name))`. A \(subject.kind) has "
                        + subject.limits.map(\.rawValue).joined(separator: ", ") + "."
                )
            }
            limits[limit] = value
        }
        // Saying the same again is no decision.
        if limits != context.book.state.limits[subject] ?? LimitValues() {
            try context.book.decide(
                [
                    .limitsSet(
                        LimitsDecision(
                            subject: subject,
                            limits: limits,
                            reason: try fields.optional("reason")
                        )
                    )
                ],
                call.caller,
                isDryRun: fields.isDryRun()
            )
        }
        return .json(
            .object([Self.member(subject), JSONMember("limits", Self.json(limits))])
        )
    }

    private static func json(_ values: LimitValues) -> JSONOutput {
        .object(
            values.limits.map { JSONMember($0.rawValue, .decimal(values[$0] ?? 0)) }
        )
    }

    private static func member(_ subject: LimitSubject) -> JSONMember {
        switch subject {
        case .tenant(let name): JSONMember("tenant", .string(name.description))
        case .principal(let id): JSONMember("principal", .decimal(id.rawValue))
        }
    }

    /// Principals by number, then tenants by name.
    private static func precedes(_ left: LimitSubject, _ right: LimitSubject) -> Bool {
        switch (left, right) {
        case (.principal(let left), .principal(let right)): left < right
        case (.tenant(let left), .tenant(let right)): left < right
        case (.principal, .tenant): true
        case (.tenant, .principal): false
        }
    }
}
